import { deepEqual, equal } from "node:assert/strict";
import { ConfigError } from "./config_error.ts";
import { parseProperties } from "./properties.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function parse(text: string): { [key: string]: string } {
  return Object.fromEntries(parseProperties(encode(text), "f").texts);
}

function messageOf(bytes: Uint8Array): string {
  try {
    parseProperties(bytes, "server.properties");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "taken";
}

Deno.test("parseProperties() reads what Java's Properties reads", () => {
  const cases: [text: string, expected: { [key: string]: string }][] = [
    ["a=1\nb:2\nc 3\nd\t=\t4", { a: "1", b: "2", c: "3", d: "4" }],
    ["# note\n  ! note\n\n \t\na=1", { a: "1" }],
    ["a=1\r\nb=2\rc=3", { a: "1", b: "2", c: "3" }],
    ["\ufeffa=1", { a: "1" }],
    ["a=x,\\\n   y,\\\r\n\tz", { a: "x,y,z" }],
    ["a=x\\\\\nb=y", { a: "x\\", b: "y" }],
    ["a=x\\", { a: "x" }],
    ["a\\=b\\ c=d", { "a=b c": "d" }],
    ["a = b=c:d ", { a: "b=c:d " }],
    ["a=\\u00e9\\t\\q", { a: "é\tq" }],
    ["alone", { alone: "" }],
    ["ключ=значение", { "ключ": "значение" }],
  ];
  for (const [text, expected] of cases) deepEqual(parse(text), expected, text);
});

Deno.test("parseProperties() says where each key was written", () => {
  const { positions } = parseProperties(
    encode("# one\na=x\\\n  y\n\nb=2"),
    "conf/s.properties",
  );
  deepEqual(positions.get("a"), { source: "conf/s.properties", line: 2 });
  deepEqual(positions.get("b"), { source: "conf/s.properties", line: 5 });
});

Deno.test("parseProperties() refuses a key given twice, with both lines", () => {
  equal(
    messageOf(encode("log.dirs=/a\nnode.id=1\r\nlog.dirs=/b\n")),
    "server.properties:3 log.dirs: expected once, got it again: first on line 1",
  );
});

Deno.test("parseProperties() names the line that is not UTF-8", () => {
  const latin = new Uint8Array([...encode("a=1\nrack=caf"), 0xe9, 10]);
  equal(
    messageOf(latin),
    'server.properties:2 rack: expected UTF-8 text, got "rack=caf\ufffd"' +
      " (other characters can be written as \\uXXXX)",
  );
  equal(
    messageOf(new Uint8Array([0xff, 0xfe, 0x61, 0x00])),
    "server.properties:1 expected UTF-8 text, got UTF-16",
  );
});

Deno.test("parseProperties() names the line of a broken escape", () => {
  equal(
    messageOf(encode("a=1\nb=\\u00zz")),
    "server.properties:2 expected four hexadecimal digits after \\u, got " +
      '"\\\\u00"',
  );
  equal(
    messageOf(encode("=5")),
    'server.properties:1 expected KEY=VALUE, got "=5"',
  );
});
