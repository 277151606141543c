import { deepEqual, ok, strictEqual, throws } from "node:assert/strict";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isSequenceBefore, sequenceAfter } from "./producer_entry.ts";
import { type ProducerBatch, ProducerState } from "./producer_state.ts";

const SEQUENCE_MAX = 2 ** 31 - 1;

function batch(
  baseSequence: number,
  count: number,
  rest: Partial<ProducerBatch> = {},
): ProducerBatch {
  const baseOffset = rest.baseOffset ?? 100;
  return {
    baseOffset,
    lastOffset: baseOffset + count - 1,
    maxTimestampMs: 1000,
    producerId: 7,
    producerEpoch: 3,
    baseSequence,
    isTransactional: false,
    marker: null,
    ...rest,
  };
}

function marker(isCommit: boolean, rest: Partial<ProducerBatch> = {}) {
  return batch(-1, 1, {
    isTransactional: true,
    marker: { isCommit, coordinatorEpoch: 1 },
    ...rest,
  });
}

function code(name: string) {
  return (error: unknown) =>
    error instanceof KafkaError && error.errorName === name;
}

/** A state that has these batches. */
function stateWith(...batches: ProducerBatch[]): ProducerState {
  const state = new ProducerState("t-0");
  for (const each of batches) state.apply(each);
  return state;
}

Deno.test("check() accepts any sequence number of a producer that it does not know", () => {
  strictEqual(new ProducerState("t-0").check(batch(17, 2), "client"), null);
});

Deno.test("check() judges by sequence number and epoch", () => {
  const cases: [name: string, batch: ProducerBatch, error: string | null][] = [
    ["the next", batch(5, 2), null],
    ["a gap", batch(6, 1), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ["an overlap", batch(4, 3), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ["older than all that are known", batch(0, 1), "DUPLICATE_SEQUENCE_NUMBER"],
    [
      "an older epoch",
      batch(5, 1, { producerEpoch: 2 }),
      "INVALID_PRODUCER_EPOCH",
    ],
    ["a new epoch from 0", batch(0, 1, { producerEpoch: 4 }), null],
    [
      "a new epoch from elsewhere",
      batch(5, 1, { producerEpoch: 4 }),
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
    ],
  ];
  for (const [name, each, error] of cases) {
    const state = stateWith(batch(3, 2));
    if (error === null) strictEqual(state.check(each, "client"), null, name);
    else throws(() => state.check(each, "client"), code(error), name);
    // A follower takes what its leader took.
    strictEqual(state.check(each, "replica"), null, name);
  }
});

Deno.test("check() knows the last five batches again, and no more", () => {
  const state = new ProducerState("t-0");
  for (let i = 0; i < 7; i++) {
    state.apply(batch(i * 2, 2, { baseOffset: 10 + i * 2 }));
  }
  for (let i = 2; i < 7; i++) {
    const repeated = state.check(batch(i * 2, 2), "client");
    strictEqual(repeated?.lastOffset, 11 + i * 2);
    strictEqual(repeated?.offsetDelta, 1);
  }
  for (const first of [0, 2]) {
    throws(
      () => state.check(batch(first, 2), "client"),
      code("DUPLICATE_SEQUENCE_NUMBER"),
    );
  }
});

Deno.test("check() follows sequence numbers around their end", () => {
  const state = stateWith(batch(SEQUENCE_MAX - 1, 2));
  strictEqual(state.check(batch(0, 3), "client"), null);
  throws(
    () => state.check(batch(1, 1), "client"),
    code("OUT_OF_ORDER_SEQUENCE_NUMBER"),
  );
  const across = stateWith(batch(SEQUENCE_MAX, 3));
  strictEqual(across.activeProducers()[0].lastSequence, 1);
  strictEqual(across.check(batch(2, 1), "client"), null);
  strictEqual(across.check(batch(SEQUENCE_MAX, 3), "client")?.offsetDelta, 2);
});

Deno.test("sequence numbers are compared on their circle", () => {
  strictEqual(sequenceAfter(SEQUENCE_MAX, 1), 0);
  strictEqual(sequenceAfter(0, -1), SEQUENCE_MAX);
  strictEqual(isSequenceBefore(SEQUENCE_MAX, 0), true);
  strictEqual(isSequenceBefore(0, SEQUENCE_MAX), false);
  strictEqual(isSequenceBefore(4, 4), false);
  strictEqual(isSequenceBefore(3, 4), true);
});

Deno.test("transactions hold the first unstable offset until they end below the high watermark", () => {
  const state = new ProducerState("t-0");
  strictEqual(state.firstUnstableOffset, null);
  const transactional = { isTransactional: true } as const;
  state.apply(batch(0, 2, { ...transactional, baseOffset: 10 }));
  state.apply(batch(0, 1, { ...transactional, baseOffset: 12, producerId: 8 }));
  strictEqual(state.firstUnstableOffset, 10);
  deepEqual(state.apply(marker(false, { baseOffset: 13 })), {
    producerId: 7,
    firstOffset: 10,
    lastOffset: 13,
    isAborted: true,
    lastStableOffset: 12,
  });
  strictEqual(state.firstUnstableOffset, 10);
  state.highWatermarkMoved(13);
  strictEqual(state.firstUnstableOffset, 10);
  state.highWatermarkMoved(14);
  strictEqual(state.firstUnstableOffset, 12);
  const end = state.apply(marker(true, { baseOffset: 14, producerId: 8 }));
  strictEqual(end?.lastStableOffset, 15);
  state.highWatermarkMoved(15);
  strictEqual(state.firstUnstableOffset, null);
  strictEqual(state.apply(marker(true, { baseOffset: 15 })), null);
});

Deno.test("check() keeps transactions and coordinators in order", () => {
  const state = stateWith(batch(0, 1, { isTransactional: true }));
  throws(() => state.check(batch(1, 1), "client"), code("INVALID_TXN_STATE"));
  state.apply(
    marker(true, { marker: { isCommit: true, coordinatorEpoch: 5 } }),
  );
  throws(
    () => state.check(marker(true), "coordinator"),
    code("TRANSACTION_COORDINATOR_FENCED"),
  );
  throws(
    () => state.check(marker(true, { producerEpoch: 2 }), "coordinator"),
    code("INVALID_PRODUCER_EPOCH"),
  );
  // The marker may carry a new epoch, and that starts from 0 again.
  state.apply(marker(true, {
    producerEpoch: 4,
    marker: { isCommit: true, coordinatorEpoch: 5 },
  }));
  strictEqual(state.check(batch(0, 1, { producerEpoch: 4 }), "client"), null);
  throws(
    () => state.check(batch(1, 1, { producerEpoch: 4 }), "client"),
    code("OUT_OF_ORDER_SEQUENCE_NUMBER"),
  );
});

Deno.test("a snapshot brings the state back, with the last batch of each producer", () => {
  const state = stateWith(
    batch(0, 2, { baseOffset: 0 }),
    batch(2, 3, { baseOffset: 2 }),
    batch(0, 1, { baseOffset: 5, producerId: 9, isTransactional: true }),
  );
  const loaded = new ProducerState("t-0");
  loaded.load(state.snapshot());
  deepEqual(loaded.activeProducers(), state.activeProducers());
  strictEqual(loaded.firstUnstableOffset, 5);
  strictEqual(loaded.check(batch(2, 3), "client")?.lastOffset, 4);
  strictEqual(loaded.check(batch(5, 1), "client"), null);
});

Deno.test("expire() forgets idle producers, not those with an open transaction", () => {
  const state = stateWith(
    batch(0, 1, { maxTimestampMs: 1000 }),
    batch(0, 1, { maxTimestampMs: 1000, producerId: 8, isTransactional: true }),
    batch(0, 1, { maxTimestampMs: 9000, producerId: 9 }),
  );
  state.expire(10_000, 5000);
  deepEqual(state.activeProducers().map((each) => each.producerId), [8, 9]);
});

Deno.test("needsMarker() tells late and repeated markers from those that end something", () => {
  const open = batch(0, 1, { isTransactional: true });
  const ended = [open, marker(true, { baseOffset: 101 })];
  const raised = [open, marker(true, { baseOffset: 101, producerEpoch: 4 })];
  const reopened = [
    ...raised,
    batch(0, 1, { isTransactional: true, producerEpoch: 4, baseOffset: 102 }),
  ];
  type Case = [
    name: string,
    before: ProducerBatch[],
    end: {
      producerEpoch: number;
      isEpochRaised?: boolean;
      coordinatorEpoch?: number;
    },
    expected: boolean | string,
  ];
  const cases: Case[] = [
    ["an unknown producer", [], { producerEpoch: 3 }, true],
    ["of the records' epoch", [open], { producerEpoch: 3 }, true],
    ["of a fenced producer", [open], { producerEpoch: 4 }, true],
    ["a raised epoch", [open], { producerEpoch: 4, isEpochRaised: true }, true],
    ["again, of the records' epoch", ended, { producerEpoch: 3 }, true],
    ["again, a raised epoch", raised, {
      producerEpoch: 4,
      isEpochRaised: true,
    }, false],
    ["an older one, nothing open", raised, { producerEpoch: 3 }, false],
    ["a raised one, one later", raised, {
      producerEpoch: 5,
      isEpochRaised: true,
    }, true],
    ["late, while the next is open", reopened, {
      producerEpoch: 4,
      isEpochRaised: true,
    }, "INVALID_PRODUCER_EPOCH"],
    ["older, while the next is open", reopened, {
      producerEpoch: 3,
    }, "INVALID_PRODUCER_EPOCH"],
    ["an older coordinator's", ended, {
      producerEpoch: 4,
      coordinatorEpoch: 0,
    }, "TRANSACTION_COORDINATOR_FENCED"],
    ["an older coordinator's repeat", raised, {
      producerEpoch: 3,
      coordinatorEpoch: 0,
    }, "TRANSACTION_COORDINATOR_FENCED"],
  ];
  for (const [name, before, end, expected] of cases) {
    const state = stateWith(...before);
    const asked = () =>
      state.needsMarker({
        producerId: 7,
        isCommit: true,
        coordinatorEpoch: 1,
        ...end,
      });
    if (typeof expected === "string") throws(asked, code(expected), name);
    else strictEqual(asked(), expected, name);
  }
});

Deno.test("check() wants transactions verified, save for those that are open at that epoch", () => {
  const inside = { isTransactional: true } as const;
  const first = {
    producerId: 7,
    producerEpoch: 3,
    baseSequence: 0,
    hasOwnEpoch: false,
  };
  const state = new ProducerState("t-0");
  const wanted = batch(0, 2, inside);
  throws(() => state.check(wanted, "client", null), code("INVALID_TXN_STATE"));
  strictEqual(state.check(wanted, "client"), null, "nobody asks");
  strictEqual(state.check(wanted, "replica", null), null);
  const guard = state.startVerification(first, 0);
  ok(guard !== null);
  strictEqual(state.check(wanted, "client", guard), null);
  state.apply(wanted);
  strictEqual(state.hasOpenTransaction(7, 3), true);
  strictEqual(state.hasOpenTransaction(7, 4), false);
  strictEqual(state.hasOpenTransaction(8, 3), false);
  strictEqual(state.startVerification(first, 0), null);
  const second = batch(2, 1, { ...inside, baseOffset: 102 });
  strictEqual(state.check(second, "client", null), null);
  strictEqual(state.check(wanted, "client", null)?.lastOffset, 101, "again");
  state.apply(marker(true, { baseOffset: 102 }));
  throws(() => state.check(second, "client", null), code("INVALID_TXN_STATE"));
  throws(
    () => state.check(second, "client", guard),
    code("INVALID_TXN_STATE"),
    "verified before the marker",
  );
  // A repeat of what the ended transaction wrote is still known.
  strictEqual(state.check(wanted, "client", null)?.lastOffset, 101);
  // Batches outside of transactions are nobody's business.
  strictEqual(state.check(batch(2, 1), "client", null), null);
  const again = state.startVerification({ ...first, baseSequence: 2 }, 0);
  state.apply(marker(false, { baseOffset: 103 }));
  throws(() => state.check(second, "client", again), code("INVALID_TXN_STATE"));
  const last = state.startVerification({ ...first, baseSequence: 2 }, 0);
  ok(last !== null);
  state.cancelVerification(last, { producerEpoch: 3, isMissing: false });
  throws(() => state.check(second, "client", last), code("INVALID_TXN_STATE"));
});

Deno.test("expire() counts a producer's marker as a sign of life, so that its coordinator's epoch is kept", () => {
  const state = stateWith(
    marker(true, { maxTimestampMs: 8000, baseOffset: 5 }),
    marker(true, { maxTimestampMs: 1000, baseOffset: 6, producerId: 8 }),
  );
  state.expire(10_000, 5000);
  deepEqual(state.activeProducers(), [{
    producerId: 7,
    producerEpoch: 3,
    lastSequence: -1,
    lastTimestampMs: 8000,
    coordinatorEpoch: 1,
    currentTxnStartOffset: -1,
  }]);
  throws(
    () =>
      state.check(
        marker(true, { marker: { isCommit: true, coordinatorEpoch: 0 } }),
        "coordinator",
      ),
    code("TRANSACTION_COORDINATOR_FENCED"),
  );
});

Deno.test("takeOver() brings all that is known, five batches and what holds readers back", () => {
  const state = new ProducerState("t-0");
  for (let i = 0; i < 5; i++) state.apply(batch(i, 1, { baseOffset: i }));
  state.apply(batch(0, 1, {
    baseOffset: 5,
    producerId: 8,
    isTransactional: true,
  }));
  state.apply(marker(false, { baseOffset: 6, producerId: 8 }));
  const guard = state.startVerification({
    producerId: 9,
    producerEpoch: 0,
    baseSequence: 0,
    hasOwnEpoch: true,
  }, 0);
  const taken = stateWith(batch(0, 1, { producerId: 11 }));
  taken.takeOver(state);
  deepEqual(taken.activeProducers(), state.activeProducers());
  strictEqual(taken.firstUnstableOffset, 5, "its marker is not replicated yet");
  strictEqual(taken.check(batch(0, 1), "client")?.lastOffset, 0);
  const verified = batch(0, 1, {
    producerId: 9,
    producerEpoch: 0,
    isTransactional: true,
  });
  strictEqual(taken.check(verified, "client", guard), null);
});
