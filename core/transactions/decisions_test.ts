// Tables of what a coordinator decides: from a state and a request to the next
// state and an answer, or to a refusal.

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import { addPartitions, verifyPartitions } from "./add_partitions.ts";
import { endTransaction } from "./end_transaction.ts";
import { initProducerId } from "./init_producer_id.ts";
import {
  noPartitions,
  type TransactionState,
  type TransactionStatus,
  withPartitions,
} from "./transaction_state.ts";
import { complete, timeOut } from "./transition.ts";

const NOW = 10_000;
const FRESH = 77;
const A0 = { topic: "a", partition: 0 };
const A1 = { topic: "a", partition: 1 };
const onA0 = withPartitions(noPartitions, [A0]);

function stateOf(
  status: TransactionStatus,
  more: Partial<TransactionState> = {},
): TransactionState {
  const hasSome = status === "Ongoing" || status.startsWith("Prepare");
  return {
    transactionalId: "x",
    producerId: 5,
    producerEpoch: 8,
    previousProducerId: -1,
    nextProducerId: -1,
    lastProducerEpoch: -1,
    timeoutMs: 60_000,
    status,
    partitions: hasSome ? onA0 : noPartitions,
    startTimeMs: status === "Empty" ? -1 : 9_000,
    updateTimeMs: 9_500,
    clientVersion: 0,
    ...more,
  };
}

/** The refusal's name, or what is left of the outcome when that is picked from it. */
function outcome<T>(decide: () => T, pick: (decided: T) => unknown): unknown {
  try {
    return pick(decide());
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return error.errorName;
  }
}

const v2 = { clientVersion: 2 };

Deno.test("initProducerId() of a producer that begins", () => {
  const begin = (state: TransactionState | undefined, fresh: number | null) =>
    outcome(
      () =>
        initProducerId(
          state,
          {
            transactionalId: "x",
            transactionTimeoutMs: 1000,
            producerId: -1,
            producerEpoch: -1,
          },
          NOW,
          fresh,
        ),
      (decided) => {
        if (typeof decided === "string") return decided;
        if ("abortFirst" in decided) {
          const { status, producerEpoch, lastProducerEpoch } =
            decided.abortFirst;
          return { status, producerEpoch, lastProducerEpoch };
        }
        const { next, response } = decided;
        strictEqual(next?.status, "Empty");
        strictEqual(next.timeoutMs, 1000);
        strictEqual(next.partitions.size, 0);
        strictEqual(next.startTimeMs, -1);
        strictEqual(next.updateTimeMs, NOW);
        strictEqual(next.lastProducerEpoch, -1, "nobody may ask again");
        strictEqual(next.producerId, response.producerId);
        strictEqual(next.producerEpoch, response.producerEpoch);
        return [
          response.producerId,
          response.producerEpoch,
          next.previousProducerId,
        ];
      },
    );
  const cases: [TransactionState | undefined, number | null, unknown][] = [
    [undefined, null, "needsProducerId"],
    [undefined, FRESH, [77, 0, -1]],
    [stateOf("Empty"), null, [5, 9, -1]],
    [stateOf("CompleteCommit"), null, [5, 9, -1]],
    [stateOf("CompleteAbort", v2), null, [5, 9, -1]],
    [stateOf("Empty", { lastProducerEpoch: 7 }), null, [5, 9, -1]],
    [stateOf("PrepareCommit"), null, "CONCURRENT_TRANSACTIONS"],
    [stateOf("PrepareAbort", v2), FRESH, "CONCURRENT_TRANSACTIONS"],
    [stateOf("Ongoing"), null, {
      status: "PrepareAbort",
      producerEpoch: 9,
      lastProducerEpoch: -1,
    }],
    [stateOf("Ongoing", { producerEpoch: 32766 }), null, {
      status: "PrepareAbort",
      producerEpoch: 32767,
      lastProducerEpoch: -1,
    }],
    [stateOf("Ongoing", { producerEpoch: 32767 }), null, {
      status: "PrepareAbort",
      producerEpoch: 32767,
      lastProducerEpoch: -1,
    }],
    // The last epoch that a producer may have is 32766.
    [stateOf("Empty", { producerEpoch: 32765 }), null, [5, 32766, -1]],
    [stateOf("Empty", { producerEpoch: 32766 }), null, "needsProducerId"],
    [stateOf("Empty", { producerEpoch: 32766 }), FRESH, [77, 0, 5]],
    [stateOf("CompleteAbort", { producerEpoch: 32767 }), FRESH, [77, 0, 5]],
  ];
  for (const [state, fresh, expected] of cases) {
    deepStrictEqual(begin(state, fresh), expected, JSON.stringify(state));
  }
});

Deno.test("initProducerId() of a producer that goes on (KIP-360)", () => {
  const goOn = (
    state: TransactionState | undefined,
    [producerId, producerEpoch]: [number, number],
  ) =>
    outcome(
      () =>
        initProducerId(
          state,
          {
            transactionalId: "x",
            transactionTimeoutMs: 1000,
            producerId,
            producerEpoch,
          },
          NOW,
          FRESH,
        ),
      (decided) => {
        if (typeof decided === "string") return decided;
        if ("abortFirst" in decided) {
          const { producerEpoch, lastProducerEpoch } = decided.abortFirst;
          return { producerEpoch, lastProducerEpoch };
        }
        const { next, response } = decided;
        return [
          response.producerId,
          response.producerEpoch,
          next?.lastProducerEpoch,
        ];
      },
    );
  const rotated = {
    producerId: 77,
    producerEpoch: 0,
    previousProducerId: 5,
    lastProducerEpoch: 32766,
  };
  const cases: [TransactionState | undefined, [number, number], unknown][] = [
    // Its id was forgotten: it begins anew.
    [undefined, [5, 8], [77, 0, -1]],
    [stateOf("Empty"), [5, 8], [5, 9, 8]],
    [stateOf("CompleteAbort"), [5, 8], [5, 9, 8]],
    // The answer was lost: the same again.
    [stateOf("Empty", { lastProducerEpoch: 7 }), [5, 7], [5, 8, 7]],
    [stateOf("Empty", { producerEpoch: 32766, lastProducerEpoch: 32765 }), [
      5,
      32765,
    ], [5, 32766, 32765]],
    [stateOf("Empty", rotated), [5, 32766], [77, 0, 32766]],
    [stateOf("CompleteCommit", { ...rotated, ...v2 }), [5, 32766], [
      77,
      0,
      32766,
    ]],
    // Another took its place.
    [stateOf("Empty"), [5, 7], "PRODUCER_FENCED"],
    [stateOf("Empty"), [5, 9], "PRODUCER_FENCED"],
    [stateOf("Empty"), [4, 8], "PRODUCER_FENCED"],
    [stateOf("Empty", { ...rotated, lastProducerEpoch: -1 }), [
      5,
      32766,
    ], "PRODUCER_FENCED"],
    [stateOf("Empty", rotated), [5, 32765], "PRODUCER_FENCED"],
    [stateOf("PrepareAbort"), [5, 8], "CONCURRENT_TRANSACTIONS"],
    // An open transaction is the present producer's: nobody else aborts it so.
    [stateOf("Ongoing"), [5, 8], { producerEpoch: 9, lastProducerEpoch: 8 }],
    [stateOf("Ongoing"), [5, 7], "PRODUCER_FENCED"],
    [
      stateOf("Ongoing", { lastProducerEpoch: 7 }),
      [5, 7],
      "PRODUCER_FENCED",
    ],
    [stateOf("Empty", { producerEpoch: 32766 }), [5, 32766], [77, 0, 32766]],
    // It was fenced to the last epoch for its own sake: that one is nobody's.
    [
      stateOf("CompleteAbort", {
        producerEpoch: 32767,
        lastProducerEpoch: 32766,
      }),
      [5, 32766],
      [77, 0, 32766],
    ],
  ];
  for (const [state, producer, expected] of cases) {
    deepStrictEqual(
      goOn(state, producer),
      expected,
      `${JSON.stringify(state)} ${producer}`,
    );
  }
});

Deno.test("addPartitions() begins a transaction, or adds to it", () => {
  const add = (
    state: TransactionState | undefined,
    [producerId, producerEpoch]: [number, number],
    partitions = [A0],
    clientVersion: 0 | 2 = 0,
  ) =>
    outcome(
      () =>
        addPartitions(state, {
          transactionalId: "x",
          producerId,
          producerEpoch,
          partitions,
          clientVersion,
        }, NOW),
      ({ next }) =>
        next && [
          next.status,
          [...next.partitions],
          next.startTimeMs,
          next.clientVersion,
        ],
    );
  const both = [["a", [0, 1]]];
  const cases: [unknown, unknown][] = [
    [add(undefined, [5, 8]), "INVALID_PRODUCER_ID_MAPPING"],
    [add(stateOf("Empty"), [4, 8]), "INVALID_PRODUCER_ID_MAPPING"],
    [add(stateOf("Empty"), [5, 7]), "PRODUCER_FENCED"],
    [add(stateOf("Empty"), [5, 9]), "PRODUCER_FENCED"],
    [add(stateOf("Empty"), [5, 8]), ["Ongoing", [["a", [0]]], NOW, 0]],
    [add(stateOf("CompleteCommit", v2), [5, 8], [A0, A1], 2), [
      "Ongoing",
      both,
      NOW,
      2,
    ]],
    [add(stateOf("CompleteAbort"), [5, 8]), ["Ongoing", [["a", [0]]], NOW, 0]],
    [add(stateOf("Ongoing"), [5, 8], [A1, A0]), ["Ongoing", both, 9_000, 0]],
    [add(stateOf("Ongoing"), [5, 8], [A0]), null],
    [add(stateOf("Ongoing"), [5, 7], [A0]), "PRODUCER_FENCED"],
    [add(stateOf("PrepareCommit"), [5, 8]), "CONCURRENT_TRANSACTIONS"],
    // The id that it will have is already the producer's.
    [
      add(stateOf("PrepareCommit", { ...v2, nextProducerId: 6 }), [6, 0]),
      "CONCURRENT_TRANSACTIONS",
    ],
  ];
  cases.forEach(([found, expected], i) =>
    deepStrictEqual(found, expected, `case ${i}`)
  );
});

Deno.test("verifyPartitions() knows those of the open transaction alone", () => {
  const verify = (
    state: TransactionState | undefined,
    [producerId, producerEpoch]: [number, number],
  ) =>
    outcome(
      () =>
        verifyPartitions(state, {
          transactionalId: "x",
          producerId,
          producerEpoch,
          partitions: [A1, A0],
        }),
      (codes) => codes,
    );
  const { TRANSACTION_ABORTABLE: none } = ErrorCode;
  const cases: [TransactionState | undefined, [number, number], unknown][] = [
    [undefined, [5, 8], "INVALID_PRODUCER_ID_MAPPING"],
    [stateOf("Ongoing"), [5, 8], [none, 0]],
    [stateOf("Ongoing"), [4, 8], "INVALID_PRODUCER_ID_MAPPING"],
    [stateOf("Ongoing"), [5, 7], "PRODUCER_FENCED"],
    [stateOf("PrepareAbort"), [5, 8], "CONCURRENT_TRANSACTIONS"],
    [stateOf("CompleteCommit"), [5, 8], [none, none]],
    [stateOf("Empty"), [5, 8], [none, none]],
  ];
  for (const [state, producer, expected] of cases) {
    deepStrictEqual(verify(state, producer), expected, JSON.stringify(state));
  }
});

type EndCase = [
  TransactionState | undefined,
  producer: [producerId: number, producerEpoch: number],
  commit: unknown,
  abort: unknown,
];

/** [status, epoch, next id, answered id, answered epoch]; `null` for the first three where nothing is stored. */
function end(
  state: TransactionState | undefined,
  [producerId, producerEpoch]: [number, number],
  isCommit: boolean,
  clientVersion: 0 | 2,
  fresh: number | null,
): unknown {
  return outcome(
    () =>
      endTransaction(
        state,
        {
          transactionalId: "x",
          producerId,
          producerEpoch,
          isCommit,
          clientVersion,
        },
        NOW,
        fresh,
      ),
    (decided) => {
      if (typeof decided === "string") return decided;
      const { next, response } = decided;
      const stored = next &&
        [next.status, next.producerEpoch, next.nextProducerId];
      return [stored, response.producerId, response.producerEpoch];
    },
  );
}

Deno.test("endTransaction() of older clients: the state says what was done", () => {
  const invalid = "INVALID_TXN_STATE";
  const fenced = "PRODUCER_FENCED";
  const mapping = "INVALID_PRODUCER_ID_MAPPING";
  const concurrent = "CONCURRENT_TRANSACTIONS";
  const cases: EndCase[] = [
    [undefined, [5, 8], mapping, mapping],
    [stateOf("Empty"), [5, 8], invalid, invalid],
    [stateOf("Ongoing"), [4, 8], mapping, mapping],
    [stateOf("Ongoing"), [5, 7], fenced, fenced],
    [stateOf("Ongoing"), [5, 9], fenced, fenced],
    [stateOf("Ongoing"), [5, 8], [["PrepareCommit", 8, -1], 5, 8], [
      ["PrepareAbort", 8, -1],
      5,
      8,
    ]],
    [stateOf("PrepareCommit"), [5, 8], concurrent, concurrent],
    [stateOf("PrepareAbort"), [5, 8], concurrent, concurrent],
    [stateOf("PrepareAbort"), [5, 7], fenced, fenced],
    [stateOf("CompleteCommit"), [5, 8], [null, 5, 8], invalid],
    [stateOf("CompleteAbort"), [5, 8], invalid, [null, 5, 8]],
    [stateOf("CompleteAbort"), [5, 7], fenced, fenced],
    [stateOf("Ongoing", { producerEpoch: 32766 }), [5, 32766], [
      ["PrepareCommit", 32766, -1],
      5,
      32766,
    ], [["PrepareAbort", 32766, -1], 5, 32766]],
  ];
  for (const [state, producer, commit, abort] of cases) {
    const what = `${JSON.stringify(state)} ${producer}`;
    deepStrictEqual(end(state, producer, true, 0, null), commit, what);
    deepStrictEqual(end(state, producer, false, 0, null), abort, what);
  }
});

Deno.test("endTransaction() of newer clients: the epoch says which end is meant", () => {
  const invalid = "INVALID_TXN_STATE";
  const fenced = "PRODUCER_FENCED";
  const mapping = "INVALID_PRODUCER_ID_MAPPING";
  const concurrent = "CONCURRENT_TRANSACTIONS";
  const rotated = { ...v2, producerId: 77, producerEpoch: 0 };
  const cases: EndCase[] = [
    [undefined, [5, 8], mapping, mapping],
    [stateOf("Ongoing", v2), [5, 8], [["PrepareCommit", 9, -1], 5, 9], [
      ["PrepareAbort", 9, -1],
      5,
      9,
    ]],
    // The partitions came by an older way.
    [stateOf("Ongoing"), [5, 8], [["PrepareCommit", 9, -1], 5, 9], [
      ["PrepareAbort", 9, -1],
      5,
      9,
    ]],
    // Late from the transaction before: the present one is left alone.
    [stateOf("Ongoing", v2), [5, 7], fenced, fenced],
    [stateOf("Ongoing", v2), [5, 9], fenced, fenced],
    [stateOf("Ongoing", v2), [4, 8], mapping, mapping],
    [stateOf("PrepareCommit", v2), [5, 7], concurrent, concurrent],
    [
      stateOf("PrepareCommit", { ...v2, nextProducerId: 6 }),
      [
        6,
        0,
      ],
      concurrent,
      concurrent,
    ],
    // Asked again.
    [stateOf("CompleteCommit", v2), [5, 7], [null, 5, 8], invalid],
    [stateOf("CompleteAbort", v2), [5, 7], invalid, [null, 5, 8]],
    [
      stateOf("CompleteCommit", { ...rotated, previousProducerId: 5 }),
      [5, 32766],
      [null, 77, 0],
      invalid,
    ],
    [stateOf("CompleteCommit", rotated), [5, 32766], mapping, mapping],
    // Not asked again: the state was not brought about by the producer itself.
    [stateOf("CompleteAbort"), [5, 7], fenced, fenced],
    [stateOf("CompleteCommit", v2), [5, 6], fenced, fenced],
    [stateOf("Empty"), [5, 7], fenced, fenced],
    // The next transaction, to which nothing was added.
    [stateOf("CompleteCommit", v2), [5, 8], invalid, [
      ["CompleteAbort", 9, -1],
      5,
      9,
    ]],
    [stateOf("CompleteAbort", v2), [5, 8], invalid, [
      ["CompleteAbort", 9, -1],
      5,
      9,
    ]],
    [stateOf("Empty"), [5, 8], invalid, [["CompleteAbort", 9, -1], 5, 9]],
    // 32766 is the last that a producer may have.
    [stateOf("Ongoing", { ...v2, producerEpoch: 32765 }), [5, 32765], [
      ["PrepareCommit", 32766, -1],
      5,
      32766,
    ], [["PrepareAbort", 32766, -1], 5, 32766]],
    [stateOf("Ongoing", { ...v2, producerEpoch: 32766 }), [5, 32766], [
      ["PrepareCommit", 32767, 77],
      77,
      0,
    ], [["PrepareAbort", 32767, 77], 77, 0]],
    [stateOf("Empty", { producerEpoch: 32766 }), [5, 32766], invalid, [
      ["CompleteAbort", 0, -1],
      77,
      0,
    ]],
  ];
  for (const [state, producer, commit, abort] of cases) {
    const what = `${JSON.stringify(state)} ${producer}`;
    deepStrictEqual(end(state, producer, true, 2, FRESH), commit, what);
    deepStrictEqual(end(state, producer, false, 2, FRESH), abort, what);
  }
  const last = stateOf("Ongoing", { ...v2, producerEpoch: 32766 });
  strictEqual(end(last, [5, 32766], true, 2, null), "needsProducerId");
});

Deno.test("complete() changes to the next producer id, and remembers the one before", () => {
  const prepared = stateOf("PrepareCommit", {
    ...v2,
    producerEpoch: 32767,
    lastProducerEpoch: 32766,
    nextProducerId: 77,
  });
  const done = complete(prepared, NOW);
  deepStrictEqual(done, {
    ...prepared,
    status: "CompleteCommit",
    producerId: 77,
    producerEpoch: 0,
    previousProducerId: 5,
    nextProducerId: -1,
    partitions: noPartitions,
    updateTimeMs: NOW,
  });
  deepStrictEqual(end(done, [5, 32766], true, 2, null), [null, 77, 0]);
  strictEqual(complete(stateOf("PrepareAbort"), NOW).status, "CompleteAbort");
});

Deno.test("timeOut() aborts what is open too long, and fences who would not notice", () => {
  const late = { startTimeMs: 4_000, timeoutMs: 5_000 };
  const run = (state: TransactionState, fresh: number | null = null) => {
    const next = timeOut(state, NOW, fresh);
    return next === null || typeof next === "string"
      ? next
      : [next.status, next.producerEpoch, next.nextProducerId];
  };
  const cases: [TransactionState, number | null, unknown][] = [
    [stateOf("Ongoing"), null, null],
    [stateOf("Ongoing", { startTimeMs: 5_000, timeoutMs: 5_000 }), null, null],
    [stateOf("Ongoing", late), null, ["PrepareAbort", 9, -1]],
    [stateOf("Ongoing", { ...late, ...v2 }), null, ["PrepareAbort", 9, -1]],
    [stateOf("PrepareCommit", late), null, null],
    [stateOf("CompleteCommit", late), null, null],
    [stateOf("Empty", late), null, null],
    [stateOf("Ongoing", { ...late, producerEpoch: 32766 }), null, [
      "PrepareAbort",
      32767,
      -1,
    ]],
    [
      stateOf("Ongoing", { ...late, ...v2, producerEpoch: 32766 }),
      null,
      "needsProducerId",
    ],
    [
      stateOf("Ongoing", { ...late, ...v2, producerEpoch: 32766 }),
      FRESH,
      ["PrepareAbort", 32767, FRESH],
    ],
  ];
  for (const [state, fresh, expected] of cases) {
    deepStrictEqual(run(state, fresh), expected, JSON.stringify(state));
  }
  const older = complete(
    timeOut(stateOf("Ongoing", late), NOW, null) as TransactionState,
    NOW,
  );
  strictEqual(end(older, [5, 8], false, 0, null), "PRODUCER_FENCED");
  const newer = complete(
    timeOut(
      stateOf("Ongoing", { ...late, ...v2 }),
      NOW,
      null,
    ) as TransactionState,
    NOW,
  );
  deepStrictEqual(end(newer, [5, 8], false, 2, null), [null, 5, 9]);
  strictEqual(end(newer, [5, 8], true, 2, null), "INVALID_TXN_STATE");
});

Deno.test("a producer whose transaction another aborted is not heard again", () => {
  const fence = initProducerId(
    stateOf("Ongoing", v2),
    {
      transactionalId: "x",
      transactionTimeoutMs: 1000,
      producerId: -1,
      producerEpoch: -1,
    },
    NOW,
    null,
  );
  if (typeof fence === "string" || !("abortFirst" in fence)) throw fence;
  const done = complete(fence.abortFirst, NOW);
  for (const version of [0, 2] as const) {
    strictEqual(end(done, [5, 8], false, version, null), "PRODUCER_FENCED");
    strictEqual(end(done, [5, 8], true, version, null), "PRODUCER_FENCED");
  }
});
