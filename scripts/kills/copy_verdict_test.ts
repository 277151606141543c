import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { HistoryWriter, readHistory } from "../../core/testing/history.ts";
import { copyOf } from "./copied.ts";
import { type CopyRun, judgeRun } from "./copy_verdict.ts";

const OUT = { topic: "out", partition: 0 };
const RUN: CopyRun = {
  recordCount: 2,
  inputPartitionCount: 1,
  output: OUT.topic,
  outputPartitionCount: 1,
  lastSession: "1",
  isOlderAndLate: null,
};

/** Two numbers copied, and a transaction that was aborted; the reader's last session saw `seen`. */
function verdictOf(seen: readonly string[], run: CopyRun = RUN) {
  const lines: string[] = [];
  let nowMs = 0;
  const writer = new HistoryWriter(
    "a0",
    () => ++nowMs,
    (line) => lines.push(line),
  );
  const transact = (values: readonly string[], isCommit: boolean) => {
    const transaction = values[0].split(" ")[1];
    const send = writer.begin({
      kind: "send",
      ...OUT,
      transaction,
      values,
      offsets: [],
    });
    writer.end(send, "ok");
    const end = writer.begin({ kind: "end", transaction, isCommit });
    writer.end(end, "ok");
  };
  const poll = (session: string, values: readonly string[]) =>
    writer.note({
      kind: "poll",
      ...OUT,
      isolation: "read_committed",
      session,
      group: null,
      offsets: values.map((_, offset) => offset),
      values,
    });
  const copies = [0, 1].map((number) => copyOf(number, "a0/0"));
  transact(copies, true);
  transact(["!" + copyOf(0, "a0/1")], false);
  poll("0", copies.slice(0, 1));
  poll("1", seen);
  return judgeRun(readHistory(lines), run);
}

const COPIES = [copyOf(0, "a0/0"), copyOf(1, "a0/0")];
const ABORTED = "!" + copyOf(0, "a0/1");

Deno.test("judgeRun() finds nothing where all was copied and the rest is out of sight", () => {
  const { lines, problems } = verdictOf(COPIES);
  deepStrictEqual(problems, []);
  match(lines[0], /^1 transactions committed, 1 aborted, 0 of unknown end/);
  match(lines[1], /^2 records: 0 missing, .*; checkers found 0$/);
});

Deno.test("judgeRun() finds what an aborted transaction left, and what is not there", () => {
  const { problems } = verdictOf([COPIES[0], ABORTED]);
  const found = problems.map((line) => line.replace(/^\d+ × |:.*/g, ""));
  deepStrictEqual([...new Set(found)].sort(), [
    "aborted read",
    "missing",
    "torn transaction",
    "unseen write",
    "wrong",
  ]);
});

Deno.test("judgeRun() tells what the older protocol lets pass when requests come late", () => {
  const run = { ...RUN, isOlderAndLate: () => true };
  const { lines, problems } = verdictOf([...COPIES, ABORTED], run);
  deepStrictEqual(problems, []);
  strictEqual(
    lines[2],
    "1 × aborted read, which the older protocol lets pass",
  );
});

Deno.test("judgeRun() lets nothing pass of transactions beside those of the older protocol", () => {
  const run = {
    ...RUN,
    isOlderAndLate: (transaction: string) => transaction === "a0/0",
  };
  const { problems } = verdictOf([...COPIES, ABORTED], run);
  deepStrictEqual(problems.map((line) => line.replace(/:.*/, "")), [
    "1 × aborted read",
    "aborted read",
  ]);
  deepStrictEqual(verdictOf(COPIES.slice(0, 1), run).lines.slice(2), [
    "1 × torn transaction, which the older protocol lets pass",
  ]);
});
