import { deepEqual, equal, throws } from "node:assert/strict";
import {
  type OffsetExpression,
  parseOffset,
  resolveOffset,
} from "./offset_expression.ts";
import { parseDuration, parseTime } from "./time_expression.ts";
import { parseTopicSpec } from "./topic_spec.ts";
import { UsageError } from "./usage_error.ts";

const NOW = Date.UTC(2024, 4, 1, 12);

Deno.test("parseOffset() reads every form", () => {
  const time = (timestampMs: number): OffsetExpression => ({
    kind: "time",
    timestampMs,
  });
  const cases: [text: string, expected: OffsetExpression][] = [
    ["earliest", { kind: "earliest" }],
    ["beginning", { kind: "earliest" }],
    ["Start", { kind: "earliest" }],
    ["oldest", { kind: "earliest" }],
    ["latest", { kind: "latest" }],
    ["end", { kind: "latest" }],
    ["newest", { kind: "latest" }],
    ["stored", { kind: "stored" }],
    ["0", { kind: "offset", offset: 0 }],
    ["42", { kind: "offset", offset: 42 }],
    ["-5", { kind: "beforeEnd", count: 5 }],
    ["+5", { kind: "afterStart", count: 5 }],
    ["@1700000000000", time(1_700_000_000_000)],
    ["@1700000000", time(1_700_000_000_000)],
    ["@2024-04-30", time(Date.UTC(2024, 3, 30))],
    ["@2024-04-30T10:30", time(Date.UTC(2024, 3, 30, 10, 30))],
    ["@2024-04-30 10:30:05", time(Date.UTC(2024, 3, 30, 10, 30, 5))],
    ["@2024-04-30T10:30:05.250Z", time(Date.UTC(2024, 3, 30, 10, 30, 5, 250))],
    ["@2024-04-30T10:30:00+02:00", time(Date.UTC(2024, 3, 30, 8, 30))],
    ["@2024-04-30T10:30:00-0530", time(Date.UTC(2024, 3, 30, 16))],
    ["@-10m", time(NOW - 600_000)],
    ["@-1h30m", time(NOW - 5_400_000)],
    ["@-7d", time(NOW - 7 * 86_400_000)],
    ["@PT1H", time(NOW - 3_600_000)],
    ["@-P1DT1S", time(NOW - 86_401_000)],
  ];
  for (const [text, expected] of cases) {
    deepEqual(parseOffset(text, NOW), expected, text);
  }
});

Deno.test("parseOffset() refuses what is none", () => {
  const cases = [
    "",
    "x",
    "1.5",
    "--5",
    "@",
    "@yesterday",
    "@2024-13-01",
    "@2024-02-30T25:00",
    "99999999999999999",
    "toString",
    "@P",
    "@PT",
    "@1x",
  ];
  for (const text of cases) {
    throws(() => parseOffset(text, NOW), UsageError, text);
  }
});

Deno.test("parseTime() takes short numbers for seconds", () => {
  equal(parseTime("0", NOW), 0);
  equal(parseTime("99999999999", NOW), 99_999_999_999_000);
  equal(parseTime("100000000000", NOW), 100_000_000_000);
  equal(parseDuration("1.5h"), 5_400_000);
  equal(parseDuration("90"), null);
});

Deno.test("resolveOffset() stays within the partition, save for an offset given as such", async () => {
  const lookup = {
    earliest: () => Promise.resolve(10),
    latest: () => Promise.resolve(20),
    atTime: (ms: number) => Promise.resolve(ms < 100 ? 15 : null),
    stored: () => Promise.resolve(null),
  };
  const cases: [expression: OffsetExpression, offset: number][] = [
    [{ kind: "earliest" }, 10],
    [{ kind: "latest" }, 20],
    [{ kind: "offset", offset: 3 }, 3],
    [{ kind: "beforeEnd", count: 4 }, 16],
    [{ kind: "beforeEnd", count: 40 }, 10],
    [{ kind: "afterStart", count: 4 }, 14],
    [{ kind: "afterStart", count: 40 }, 20],
    [{ kind: "time", timestampMs: 50 }, 15],
    [{ kind: "time", timestampMs: 500 }, 20],
    [{ kind: "stored" }, 10],
  ];
  for (const [expression, offset] of cases) {
    equal(await resolveOffset(expression, lookup), offset);
  }
});

Deno.test("parseTopicSpec() reads partitions after a colon", () => {
  const cases: [text: string, topic: string, partitions: number[] | null][] = [
    ["orders", "orders", null],
    ["orders:0", "orders", [0]],
    ["orders:2,0,2", "orders", [0, 2]],
    ["a.b_c-d:0-3,7", "a.b_c-d", [0, 1, 2, 3, 7]],
  ];
  for (const [text, topic, partitions] of cases) {
    deepEqual(parseTopicSpec(text), { topic, partitions });
  }
});

Deno.test("parseTopicSpec() refuses names and partitions that cannot be", () => {
  const cases = [
    "",
    ".",
    "..",
    "a/b",
    "ä",
    "a".repeat(250),
    "orders:",
    "orders:x",
    "orders:3-1",
    "orders:-1",
    "orders:0-9999999",
  ];
  for (const text of cases) throws(() => parseTopicSpec(text), UsageError);
});
