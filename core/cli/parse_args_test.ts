import { deepEqual, equal } from "node:assert/strict";
import type { ArgumentRow, FlagRows } from "./flags.ts";
import { parseArgs } from "./parse_args.ts";
import { UsageError } from "./usage_error.ts";

const ROWS = {
  number: {
    kind: "whole",
    short: "n",
    also: ["max-messages"],
    min: 0,
    doc: "",
  },
  "from-offset": { kind: "text", short: "s", doc: "" },
  header: { kind: "text", short: "H", many: true, doc: "" },
  output: { kind: "choice", short: "o", of: ["json", "csv"], doc: "" },
  acks: { kind: "text", default: "all", doc: "" },
  wait: { kind: "duration", doc: "" },
  yes: { kind: "switch", short: "y", doc: "" },
  quiet: { kind: "switch", short: "q", doc: "" },
  X: { kind: "text", short: "X", many: true, doc: "" },
} as const satisfies FlagRows;

const TOPICS: ArgumentRow[] = [{ name: "TOPIC", doc: "a topic", many: true }];

function given(...argv: string[]) {
  const { flags, args } = parseArgs(argv, ROWS, TOPICS);
  const set = Object.entries(flags).filter(([, value]) =>
    value !== undefined && value !== false && value !== "all" &&
    !(Array.isArray(value) && value.length === 0)
  );
  return { ...Object.fromEntries(set), args };
}

function messageOf(...argv: string[]): string {
  try {
    parseArgs(argv, ROWS, TOPICS);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "taken";
}

Deno.test("parseArgs() takes flags in every form", () => {
  const cases: [argv: string[], expected: { [name: string]: unknown }][] = [
    [["a", "--number", "5"], { number: 5, args: ["a"] }],
    [["--number=5", "a"], { number: 5, args: ["a"] }],
    [["-n", "5", "a"], { number: 5, args: ["a"] }],
    [["-n5", "a"], { number: 5, args: ["a"] }],
    [["--max-messages", "5", "a"], { number: 5, args: ["a"] }],
    [["a", "-s", "-5"], { "from-offset": "-5", args: ["a"] }],
    [["a", "-s", "--x"], { "from-offset": "--x", args: ["a"] }],
    [["a", "--from-offset="], { "from-offset": "", args: ["a"] }],
    [["a", "-H", "k=v", "-Hx=", "--header=y"], {
      header: ["k=v", "x=", "y"],
      args: ["a"],
    }],
    [["-yq", "a"], { yes: true, quiet: true, args: ["a"] }],
    [["-yn5", "a"], { yes: true, number: 5, args: ["a"] }],
    [["--yes=false", "a"], { args: ["a"] }],
    [["-yy", "a"], { yes: true, args: ["a"] }],
    [["-Xa=b", "t", "-X", "c=d"], { X: ["a=b", "c=d"], args: ["t"] }],
    [["--wait", "1m30s", "a"], { wait: 90_000, args: ["a"] }],
    [["--", "-n", "--yes"], { args: ["-n", "--yes"] }],
    [["a", "-", "-5"], { args: ["a", "-", "-5"] }],
  ];
  for (const [argv, expected] of cases) deepEqual(given(...argv), expected);
});

Deno.test("parseArgs() gives defaults, and nothing where there is none", () => {
  const { flags } = parseArgs(["a"], ROWS, TOPICS);
  equal(flags.acks, "all");
  equal(flags.number, undefined);
  equal(flags.yes, false);
  deepEqual(flags.header, []);
});

Deno.test("parseArgs() says what is wrong in one line", () => {
  const cases: [argv: string[], message: string][] = [
    [["a", "--nubmer", "5"], 'unknown flag --nubmer, did you mean "--number"?'],
    [["a", "-Z"], "unknown flag -Z"],
    [["a", "--number"], "--number needs a value: a whole number of at least 0"],
    [
      ["a", "-n", "abc"],
      '-n: expected a whole number of at least 0, got "abc"',
    ],
    [["a", "-n", "-1"], '-n: expected a whole number of at least 0, got "-1"'],
    [
      ["a", "-n", "99999999999999999999"],
      "-n: expected a whole number of at least 0, got " +
      '"99999999999999999999"',
    ],
    [
      ["a", "-o", "jsn"],
      '-o: expected one of json, csv, got "jsn", did you mean "json"?',
    ],
    [
      ["a", "--wait", "soon"],
      '--wait: expected a time such as 500ms, 10s or 2m, got "soon"',
    ],
    [["a", "-n1", "-n2"], '-n is given twice: "1" and "2"'],
    [["a", "--yes=maybe"], '--yes takes no value, got "maybe"'],
    [[], "TOPIC is missing: a topic"],
  ];
  for (const [argv, message] of cases) equal(messageOf(...argv), message);
});

Deno.test("parseArgs() refuses an argument too many", () => {
  let message = "";
  try {
    parseArgs(["a", "b"], ROWS, [{ name: "TOPIC", doc: "" }]);
  } catch (error) {
    message = (error as Error).message;
  }
  equal(message, 'unexpected argument "b"');
});
