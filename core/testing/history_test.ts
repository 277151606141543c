import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  HistoryWriter,
  type NewOperation,
  type Outcome,
  readHistory,
} from "./history.ts";
import { type CheckerName, judgeHistory } from "./history_checks.ts";

const GROUP = "copiers";

/** A history in the making, on a clock that ticks with each line. */
class Story {
  readonly lines: string[] = [];
  #nowMs = 0;
  #next = 0;
  readonly #writers = new Map<string, HistoryWriter>();

  process(name: string): HistoryWriter {
    let writer = this.#writers.get(name);
    if (writer === undefined) {
      writer = new HistoryWriter(
        name,
        () => ++this.#nowMs,
        (line) => this.lines.push(line),
      );
      this.#writers.set(name, writer);
    }
    return writer;
  }

  do(process: string, operation: NewOperation, outcome: Outcome = "ok"): void {
    const writer = this.process(process);
    const id = writer.begin(operation);
    if (outcome !== "info") writer.end(id, outcome);
  }

  send(
    values: readonly string[],
    { at = -1, transaction = null, partition = 0, process = "p", outcome }: {
      readonly at?: number;
      readonly transaction?: string | null;
      readonly partition?: number;
      readonly process?: string;
      readonly outcome?: Outcome;
    } = {},
  ): this {
    const offsets = at < 0 ? [] : values.map((_, i) => at + i);
    this.do(process, {
      kind: "send",
      topic: "t",
      partition,
      transaction,
      values,
      offsets,
    }, outcome);
    return this;
  }

  end(transaction: string, isCommit: boolean, outcome?: Outcome): this {
    this.do("p", { kind: "end", transaction, isCommit }, outcome);
    return this;
  }

  poll(
    at: number,
    values: readonly string[],
    { partition = 0, process = "r", session = "1", group = null, offsets }: {
      readonly partition?: number;
      readonly process?: string;
      readonly session?: string;
      readonly group?: string | null;
      readonly offsets?: readonly number[];
    } = {},
  ): this {
    this.process(process).note({
      kind: "poll",
      topic: "t",
      partition,
      isolation: "read_committed",
      session,
      group,
      offsets: offsets ?? values.map((_, i) => at + i),
      values,
    });
    return this;
  }

  /** A committed transaction of two partitions, read in full. */
  committed(transaction: string, at: number, partition = 0): this {
    const [a, b] = [[`${transaction}a`], [`${transaction}b`]];
    const next = partition + 1;
    return this.send(a, { at, transaction, partition })
      .send(b, { at, transaction, partition: next })
      .end(transaction, true)
      .poll(at, a, { partition })
      .poll(at, b, { partition: next });
  }

  commit(offset: number, transaction: string | null = null): this {
    this.do("c", {
      kind: "commit",
      topic: "t",
      partition: 0,
      group: GROUP,
      transaction,
      offset,
    });
    return this;
  }

  askCommitted(offset: number): this {
    this.do("c", {
      kind: "committed",
      topic: "t",
      partition: 0,
      group: GROUP,
      offset,
    });
    return this;
  }

  ends(lastStable: number, highWatermark: number, logEnd = -1): this {
    this.process("e").note({
      kind: "ends",
      topic: "t",
      partition: 0,
      lastStable,
      highWatermark,
      logEnd,
    });
    return this;
  }

  verdict(isComplete = true) {
    return judgeHistory(readHistory(this.lines), { isComplete });
  }

  /** What was found, without how often. */
  found(isComplete = true): CheckerName[] {
    return [...this.verdict(isComplete).counts.keys()].sort();
  }
}

Deno.test("judgeHistory() finds nothing in what transactions may do", () => {
  const story = new Story()
    .committed("x", 0)
    // Control records leave gaps; aborted values are passed by.
    .send(["n1", "n2"], { at: 2, transaction: "y" })
    .end("y", false)
    .send(["m"], { transaction: "killed", outcome: "info" })
    .send(["z1", "z2"], { at: 9, transaction: "z" })
    .end("z", true, "info")
    .poll(9, ["z1"])
    .poll(10, ["z2"], { group: GROUP })
    .poll(0, ["xa"], { session: "2", group: GROUP })
    .poll(9, ["z1"], { session: "2", group: GROUP })
    .askCommitted(-1)
    .commit(11)
    .askCommitted(11)
    .ends(1, 3, 4)
    .ends(4, 4);
  deepStrictEqual(story.verdict(), {
    counts: new Map(),
    examples: [],
    tally: {
      committedCount: 1,
      abortedCount: 2,
      unknownCount: 1,
      sentCount: 7,
      readCount: 6,
    },
  });
});

Deno.test("judgeHistory() lets a transaction of unknown end be there or not, and a reader be behind", () => {
  const story = new Story()
    .send(["a"], { transaction: "x", outcome: "info" })
    .end("x", true, "info")
    .send(["b"], { at: 0, transaction: "y" })
    .send(["c"], { at: 0, transaction: "y", partition: 1 })
    .end("y", true)
    .poll(0, ["b"]);
  deepStrictEqual(story.found(false), []);
});

/** A fault that was planted, and what has to find it. */
const FAULTS: readonly (readonly [
  string,
  readonly CheckerName[],
  (story: Story) => Story,
])[] = [
  [
    "a committed record that is gone",
    ["lost write"],
    (story) =>
      story.send(["a"], { at: 0 }).send(["b"], { at: 1 }).poll(1, ["b"]),
  ],
  [
    "the last record that is gone",
    ["unseen write"],
    (story) =>
      story.send(["a"], { at: 0 }).poll(0, ["a"]).send(["b"], { at: 1 }),
  ],
  [
    "a record that was written twice",
    ["duplicate"],
    (story) => story.send(["a"]).poll(0, ["a", "a"]),
  ],
  [
    "a record in two partitions",
    ["duplicate"],
    (story) =>
      story.send(["a"], { at: 0 }).poll(0, ["a"]).poll(7, ["a"], {
        partition: 1,
      }),
  ],
  [
    "an offset that is used again",
    ["inconsistent offset"],
    (story) =>
      story.send(["a"]).send(["b"]).poll(0, ["a"]).poll(0, ["b"], {
        session: "2",
      }),
  ],
  [
    "a value of an aborted transaction",
    ["aborted read"],
    (story) =>
      story.send(["a"], { transaction: "x" }).end("x", false).poll(0, ["a"]),
  ],
  ["a value of a transaction whose owner was killed", ["aborted read"], (
    story,
  ) => story.send(["a"], { transaction: "x", outcome: "info" }).poll(0, ["a"])],
  [
    "a value that was refused",
    ["aborted read"],
    (story) => story.send(["a"], { outcome: "fail" }).poll(0, ["a"]),
  ],
  [
    "a value seen before its commit",
    ["precommitted read"],
    (story) =>
      story.send(["a"], { transaction: "x" }).poll(0, ["a"]).end("x", true),
  ],
  [
    "half of a transaction of unknown end",
    ["torn transaction"],
    (story) =>
      story.send(["a"], { transaction: "x", outcome: "info" })
        .send(["b"], { transaction: "x", partition: 1, outcome: "info" })
        .end("x", true, "info").poll(0, ["a"]),
  ],
  ["half of a committed transaction", [
    "lost write",
    "torn transaction",
  ], (story) =>
    story.send(["a"], { at: 0, transaction: "x" })
      .send(["b"], { at: 0, transaction: "x", partition: 1 })
      .end("x", true).poll(0, ["a"])
      .send(["c"], { at: 5, partition: 1 }).poll(5, ["c"], { partition: 1 })],
  [
    "a value that nobody has sent",
    ["invented value"],
    (story) => story.poll(0, ["a"]),
  ],
  [
    "a reader that goes back",
    ["poll order"],
    (story) => story.send(["a", "b"]).poll(0, ["a", "b"]).poll(0, ["a"]),
  ],
  [
    "a reader that goes back within a poll",
    ["poll order"],
    (story) => story.send(["a", "b"]).poll(0, ["b", "a"], { offsets: [1, 0] }),
  ],
  [
    "a reader that passes a record by",
    ["poll skip"],
    (story) =>
      story.send(["a", "b", "c"]).poll(0, ["a", "b", "c"])
        .poll(0, ["a", "c"], { offsets: [0, 2], session: "2" }),
  ],
  [
    "a reader that passes a record by between polls",
    ["poll skip"],
    (story) =>
      story.send(["a", "b", "c"]).poll(0, ["a", "b", "c"])
        .poll(0, ["a"], { session: "2" }).poll(2, ["c"], { session: "2" }),
  ],
  [
    "acknowledgements out of order",
    ["send order"],
    (story) =>
      story.send(["a"], { at: 1 }).send(["b"], { at: 0 }).poll(0, ["b", "a"]),
  ],
  [
    "a group's offset that went back",
    ["offset regress"],
    (story) => story.commit(5).askCommitted(4),
  ],
  [
    "a group's offset that was lost",
    ["offset regress"],
    (story) => story.askCommitted(5).askCommitted(-1),
  ],
  ["an offset that a transaction committed and that is gone", [
    "offset regress",
  ], (story) => story.commit(5, "x").end("x", true).askCommitted(-1)],
  [
    "a group's offset past what it was given",
    ["offset ahead"],
    (story) =>
      story.send(["a", "b"]).poll(0, ["a", "b"]).poll(0, ["a"], {
        process: "c",
        group: GROUP,
      }).commit(2),
  ],
  [
    "an LSO above the high watermark",
    ["end order"],
    (story) => story.ends(3, 2),
  ],
  [
    "a high watermark above the log's end",
    ["end order"],
    (story) => story.ends(1, 3, 2),
  ],
  [
    "an LSO that goes back",
    ["end order"],
    (story) => story.ends(3, 4).ends(2, 4),
  ],
];

for (const [name, checkers, plant] of FAULTS) {
  Deno.test(`judgeHistory() finds ${name}`, () => {
    deepStrictEqual(plant(new Story()).found(), checkers.toSorted());
    // Beside what is right it is found as well.
    const among = plant(new Story().committed("w", 100, 2)).found();
    strictEqual(checkers.every((each) => among.includes(each)), true);
  });
}

Deno.test("judgeHistory() allows an aborted transaction's offset to be gone", () => {
  const story = new Story().commit(5, "x").end("x", false).askCommitted(-1);
  deepStrictEqual(story.found(), []);
});

Deno.test("readHistory() puts the lines of an operation together, and leaves out a line that a kill has cut", () => {
  const story = new Story();
  const writer = story.process("p");
  const send = {
    kind: "send",
    topic: "t",
    partition: 3,
    transaction: null,
    values: ["a"],
    offsets: [],
  } as const;
  const id = writer.begin(send);
  writer.begin({ ...send, values: ["b"] });
  writer.end(id, "ok", { offsets: [7] });
  story.lines.push('{"id":"p:1","outco');
  const common = { process: "p", ...send };
  deepStrictEqual(readHistory(story.lines), [
    { ...common, id: "p:0", atMs: 1, endMs: 3, outcome: "ok", offsets: [7] },
    {
      ...common,
      id: "p:1",
      atMs: 2,
      endMs: Infinity,
      outcome: "info",
      values: ["b"],
    },
  ]);
});
