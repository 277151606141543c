import {
  doesNotThrow,
  notStrictEqual,
  strictEqual,
  throws,
} from "node:assert/strict";
import { KafkaError } from "../wire/kafka/errors.ts";
import { type FirstBatch, Verifications } from "./verifications.ts";

function first(
  baseSequence: number,
  rest: Partial<FirstBatch> = {},
): FirstBatch {
  return {
    producerId: 7,
    producerEpoch: 3,
    baseSequence,
    hasOwnEpoch: false,
    ...rest,
  };
}

function code(name: string) {
  return (error: unknown) =>
    error instanceof KafkaError && error.errorName === name;
}

Deno.test("a guard holds until its producer has appended, or its transaction has ended", () => {
  const verifications = new Verifications("t-0");
  const guard = verifications.start(first(0), 0);
  doesNotThrow(() => verifications.check(first(0), guard, true));
  doesNotThrow(() => verifications.check(first(0), guard, true), "a repeat");
  verifications.end(7);
  throws(
    () => verifications.check(first(0), guard, true),
    code("INVALID_TXN_STATE"),
  );
  // An answer about the transaction before says nothing of this one.
  const next = verifications.start(first(1), 0);
  notStrictEqual(next, guard);
  throws(
    () => verifications.check(first(1), guard, true),
    code("INVALID_TXN_STATE"),
  );
  throws(
    () => verifications.check(first(1), null, true),
    code("INVALID_TXN_STATE"),
  );
  doesNotThrow(() => verifications.check(first(1), next, true));
});

Deno.test("of several first batches the one with the lowest number has to come first", () => {
  const verifications = new Verifications("t-0");
  const guard = verifications.start(first(5), 0);
  strictEqual(verifications.start(first(2), 0), guard);
  verifications.start(first(9), 0);
  verifications.start(first(0, { producerEpoch: 2 }), 0);
  for (const sequence of [5, 9, 3]) {
    throws(
      () => verifications.check(first(sequence), guard, true),
      code("OUT_OF_ORDER_SEQUENCE_NUMBER"),
      `sequence ${sequence}`,
    );
  }
  doesNotThrow(() => verifications.check(first(2), guard, true));
  // A new epoch numbers its batches anew.
  verifications.start(first(1, { producerEpoch: 4 }), 0);
  doesNotThrow(() => verifications.check(first(1), guard, true));
  throws(
    () => verifications.check(first(2), guard, true),
    code("OUT_OF_ORDER_SEQUENCE_NUMBER"),
  );
});

Deno.test("where each transaction has its own epoch, a partition that does not know the producer wants number 0", () => {
  const verifications = new Verifications("t-0");
  const guard = verifications.start(first(4, { hasOwnEpoch: true }), 0);
  throws(
    () => verifications.check(first(4), guard, false),
    code("OUT_OF_ORDER_SEQUENCE_NUMBER"),
  );
  doesNotThrow(() => verifications.check(first(4), guard, true));
  const other = new Verifications("t-0");
  const old = other.start(first(4), 0);
  doesNotThrow(() => other.check(first(4), old, false));
});

Deno.test("a producer that was replaced does not take the guard of the one in its place", () => {
  for (const isOldFirst of [true, false]) {
    const verifications = new Verifications("t-0");
    const [old, live] = isOldFirst ? [2, 3] : [3, 2];
    verifications.start(first(0, { producerEpoch: old }), 0);
    const guard = verifications.start(first(0, { producerEpoch: live }), 0);
    verifications.cancel(guard, 2);
    doesNotThrow(() => verifications.check(first(0), guard, true));
    verifications.cancel(guard, 3);
    strictEqual(verifications.count, 0);
  }
});

Deno.test("guards that are not shown are given up or expire, each producer's alone", () => {
  const verifications = new Verifications("t-0");
  const guard = verifications.start(first(0), 1000);
  const other = verifications.start(first(0, { producerId: 8 }), 4000);
  verifications.cancel(guard, 3);
  strictEqual(verifications.count, 1);
  const next = verifications.start(first(0), 2000);
  verifications.cancel(guard, 3);
  strictEqual(verifications.count, 2, "it is another's place now");
  verifications.expire(6000, 3000);
  throws(
    () => verifications.check(first(0), next, true),
    code("INVALID_TXN_STATE"),
  );
  doesNotThrow(() =>
    verifications.check(first(0, { producerId: 8 }), other, true)
  );
  const moved = new Verifications("t-0");
  moved.start(first(0, { producerId: 9 }), 0);
  moved.takeOver(verifications);
  strictEqual(moved.count, 1);
  doesNotThrow(() => moved.check(first(0, { producerId: 8 }), other, true));
});
