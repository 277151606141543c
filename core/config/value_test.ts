import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { ConfigValueError } from "./config_error.ts";
import { Secret } from "./secret.ts";
import { type ConfigRow, LONG_MAX } from "./table.ts";
import { describeRow, formatValue, parseValue } from "./value.ts";

const int: ConfigRow = { type: "int", min: 14, doc: "" };
const long: ConfigRow = { type: "long", doc: "" };

function message(row: ConfigRow, text: string): string {
  try {
    parseValue(row, "log.segment.bytes", text);
  } catch (error) {
    if (error instanceof ConfigValueError) return error.message;
    throw error;
  }
  return "taken";
}

Deno.test("parseValue() reads each type as Kafka does", () => {
  const cases: [row: ConfigRow, text: string, value: unknown][] = [
    [int, " 1024 ", 1024],
    [int, "+15", 15],
    [long, "9223372036854775807", LONG_MAX],
    [long, "-9223372036854775808", -LONG_MAX],
    [{ type: "boolean", doc: "" }, "TRUE", true],
    [{ type: "double", doc: "" }, "1.5e3", 1500],
    [{ type: "list", doc: "" }, "a, b ,c", ["a", "b", "c"]],
    [{ type: "list", doc: "" }, "", []],
    [{ type: "int", min: 1, max: 9, orElse: -1, doc: "" }, "-1", -1],
    [
      { type: "string", oneOf: ["NONE"], ignoreCase: true, doc: "" },
      "none",
      "none",
    ],
  ];
  for (const [row, text, value] of cases) {
    deepEqual(parseValue(row, "key", text), value, text);
  }
});

Deno.test("parseValue() says what it expected and what it got", () => {
  const range = "expected a whole number from 14 to 2147483647";
  const cases: [row: ConfigRow, text: string, message: string][] = [
    [int, "10MB", `${range}, got "10MB" (units are not read; write 10485760)`],
    [int, "1,000,000", `${range}, got "1,000,000" (write 1000000)`],
    [int, "99999999999", `${range}, got "99999999999"`],
    [int, "-1", `${range}, got "-1"`],
    [int, "1.5", `${range}, got "1.5"`],
    [int, "0x10", `${range}, got "0x10"`],
    [int, "", `${range}, got ""`],
    [int, "١٢٣", `${range}, got "١٢٣"`],
    [{ type: "boolean", doc: "" }, "yes", 'expected true or false, got "yes"'],
    [{ type: "double", doc: "" }, "NaN", 'expected a number, got "NaN"'],
    [{ type: "double", doc: "" }, "1e999", 'expected a number, got "1e999"'],
    [
      { type: "list", oneOf: ["compact", "delete"], doc: "" },
      "delete,shred",
      'expected a list by comma of compact, delete, got "delete,shred"',
    ],
    [
      { type: "string", nonEmpty: true, doc: "" },
      " ",
      'expected a text that is not empty, got ""',
    ],
  ];
  for (const [row, text, expected] of cases) {
    equal(message(row, text), `log.segment.bytes: ${expected}`);
  }
});

Deno.test("parseValue() refuses a long that does not fit", () => {
  throws(() => parseValue(long, "k", "9223372036854775808"), ConfigValueError);
});

Deno.test("formatValue() prints numbers as Java does", () => {
  const double: ConfigRow = { type: "double", doc: "" };
  const cases: [row: ConfigRow, value: number, text: string][] = [
    [long, LONG_MAX, "9223372036854775807"],
    [long, -LONG_MAX, "-9223372036854775808"],
    [long, 604_800_000, "604800000"],
    [double, 0.5, "0.5"],
    [double, 1, "1.0"],
    [double, 0, "0.0"],
    [double, 1e7, "1.0E7"],
    [double, 0.00015, "1.5E-4"],
    [double, Number.MAX_VALUE, "1.7976931348623157E308"],
  ];
  for (const [row, value, text] of cases) equal(formatValue(row, value), text);
});

Deno.test("formatValue() and parseValue() are each other's reverse", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    equal(parseValue(long, "k", formatValue(long, value)!), value);
  }));
  const double: ConfigRow = { type: "double", doc: "" };
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(fc.property(finite, (value) => {
    const text = formatValue(double, value)!;
    equal(parseValue(double, "k", text), value === 0 ? 0 : value);
  }));
});

Deno.test("a password never prints itself", () => {
  const secret = parseValue({ type: "password", doc: "" }, "k", "hunter2");
  equal(secret instanceof Secret && secret.reveal(), "hunter2");
  equal(`${secret}`, "[hidden]");
  equal(JSON.stringify({ secret }), '{"secret":"[hidden]"}');
  equal(formatValue({ type: "password", doc: "" }, secret), "[hidden]");
  equal(Deno.inspect(secret).includes("hunter2"), false);
});

Deno.test("describeRow() shortens a long list of names", () => {
  const oneOf = Array.from({ length: 40 }, (_, index) => `v${index}`);
  equal(describeRow({ type: "string", oneOf, doc: "" }), "one of v0 … v39");
});
