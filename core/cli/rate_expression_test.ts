import { equal } from "node:assert/strict";
import { formatBytes, parseRate } from "./rate_expression.ts";

Deno.test("parseRate() reads bytes a second in every unit", () => {
  const cases: [text: string, rate: number | null][] = [
    ["200MB/s", 2e8],
    ["200 mb", 2e8],
    ["1.5GiB/s", 1.5 * 2 ** 30],
    ["64000", 64_000],
    ["3kB", 3000],
    ["3KiB/s", 3072],
    ["2TB", 2e12],
    ["7B/s", 7],
    ["10MBps", 1e7],
    ["0", null],
    ["-1MB", null],
    ["MB", null],
    ["5iB", null],
    ["1e6", null],
    ["", null],
    ["5MB/h", null],
  ];
  for (const [text, rate] of cases) equal(parseRate(text), rate, text);
});

Deno.test("formatBytes() takes the largest unit", () => {
  const cases: [count: number, text: string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [1500, "1.5 kB"],
    [82_400_000, "82.4 MB"],
    [200e6, "200 MB"],
    [123_456_789_000, "123 GB"],
  ];
  for (const [count, text] of cases) equal(formatBytes(count), text);
});
