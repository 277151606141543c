import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { decodeBatch } from "../record/record_batch.ts";
import { simHost } from "../testing/sim_host.ts";
import { Accumulator } from "./accumulator.ts";
import { splitBatch } from "./batch_split.ts";
import { decideOutcome, type RefusedBatch } from "./produce_outcome.ts";
import { ProducerBatch, sequenceAfter } from "./producer_batch.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

const FORMAT = { maxBytes: 200, compression: "none" } as const;

function record(value: Uint8Array, timestampMs = 0) {
  return { timestampMs, key: null, value, headers: [] };
}

Deno.test("Accumulator gives back in order what was put in, and all of its memory", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("append" as const),
      partition: fc.nat(2),
      sizeBytes: fc.nat(300),
    }),
    fc.record({ kind: fc.constant("take" as const), partition: fc.nat(2) }),
    fc.record({ kind: fc.constant("putBack" as const), index: fc.nat(5) }),
    fc.record({ kind: fc.constant("finish" as const), index: fc.nat(5) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { clock } = simHost(1).host;
      const memoryBytes = 2000;
      const accumulator = new Accumulator({
        format: FORMAT,
        memoryBytes,
        lingerMs: 0,
      });
      const inFlight: ProducerBatch[] = [];
      const put: number[][] = [[], [], []];
      const done: number[][] = [[], [], []];
      let next = 0;
      const queueOf = (partition: number) =>
        accumulator.queue({ topic: "t", partition });
      const finish = (batch: ProducerBatch) => {
        for (const { timestampMs } of decodeBatch(batch.bytes())) {
          done[batch.partition].push(timestampMs);
        }
        queueOf(batch.partition).landed(batch);
        accumulator.done(batch);
      };
      for (const each of steps) {
        if (each.kind === "append") {
          const id = next++;
          const outcome = accumulator.append(
            queueOf(each.partition),
            record(new Uint8Array(each.sizeBytes), id),
            { callback: undefined, sizeMax: each.sizeBytes + 36, clock },
          );
          if (outcome !== null) put[each.partition].push(id);
        } else if (each.kind === "take") {
          const queue = queueOf(each.partition);
          if (queue.waiting.length > 0) inFlight.push(accumulator.take(queue));
        } else if (inFlight.length > 0) {
          // Answers of one partition come in order, so only its oldest ends.
          const batch = inFlight[each.index % inFlight.length];
          const [oldest] = queueOf(batch.partition).inFlight;
          inFlight.splice(inFlight.indexOf(oldest), 1);
          if (each.kind === "putBack") accumulator.putBack(oldest);
          else if (queueOf(batch.partition).hasEarlier(oldest)) {
            accumulator.putBack(oldest);
          } else finish(oldest);
        }
        ok(accumulator.usedBytes <= memoryBytes);
      }
      for (const batch of inFlight) accumulator.putBack(batch);
      for (const queue of [0, 1, 2].map(queueOf)) {
        while (queue.waiting.length > 0) finish(accumulator.take(queue));
      }
      for (const partition of [0, 1, 2]) {
        strictEqual(`${done[partition]}`, `${put[partition]}`);
      }
      strictEqual(accumulator.usedBytes, 0);
      strictEqual(accumulator.waitingBytes, 0);
      strictEqual(accumulator.undoneCount, 0);
      strictEqual(accumulator.busy.size, 0);
    }),
    { numRuns: 200 },
  );
});

Deno.test("splitBatch() keeps records, order, callbacks and sequence numbers", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { minLength: 2, maxLength: 60 }),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      (sizes, baseSequence) => {
        const batch = new ProducerBatch({ topic: "t", partition: 0 }, {
          serial: 7,
          createdMs: 0,
          reservedBytes: 0,
          format: { maxBytes: 1e6, compression: "none" },
        });
        const told: number[] = [];
        sizes.forEach((size, i) =>
          batch.tryAppend(record(new Uint8Array(size), i), () => told.push(i))
        );
        const producer = { producerId: 5, producerEpoch: 3 };
        batch.setSequence({ ...producer, baseSequence });
        const parts = splitBatch(batch, FORMAT, producer);
        ok(parts.length >= 2);
        let sequence = baseSequence, serial = -1;
        for (const part of parts) {
          strictEqual(part.baseSequence, sequence);
          sequence = sequenceAfter(sequence, part.recordCount);
          ok(part.serial > serial && part.serial < batch.serial + 1);
          serial = part.serial;
          part.succeed(0, -1);
        }
        strictEqual(`${told}`, `${sizes.map((_, i) => i)}`);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("sequenceAfter() starts again at 0 after the largest int32", () => {
  strictEqual(sequenceAfter(0, 5), 5);
  strictEqual(sequenceAfter(2 ** 31 - 1, 1), 0);
  strictEqual(sequenceAfter(2 ** 31 - 3, 5), 2);
});

Deno.test("decideOutcome() follows Kafka's rules for refused batches", () => {
  const usual: Omit<RefusedBatch, "error"> = {
    recordCount: 3,
    attemptCount: 1,
    retryCountMax: 10,
    isInTime: true,
    isNumbered: true,
    isTransactional: false,
    hasEarlier: false,
  };
  const cases: [
    name: ConstructorParameters<typeof KafkaError>[0],
    change: Partial<RefusedBatch>,
    outcome: string,
  ][] = [
    ["NOT_LEADER_OR_FOLLOWER", {}, "retry"],
    ["NOT_LEADER_OR_FOLLOWER", { attemptCount: 11 }, "fail"],
    ["NOT_LEADER_OR_FOLLOWER", { isInTime: false }, "fail"],
    ["INVALID_RECORD", {}, "fail"],
    ["TOPIC_AUTHORIZATION_FAILED", {}, "fail"],
    ["MESSAGE_TOO_LARGE", {}, "split"],
    ["MESSAGE_TOO_LARGE", { recordCount: 1 }, "fail"],
    ["DUPLICATE_SEQUENCE_NUMBER", {}, "done"],
    ["DUPLICATE_SEQUENCE_NUMBER", { isNumbered: false }, "fail"],
    ["OUT_OF_ORDER_SEQUENCE_NUMBER", {}, "renew"],
    ["OUT_OF_ORDER_SEQUENCE_NUMBER", { hasEarlier: true }, "retry"],
    ["OUT_OF_ORDER_SEQUENCE_NUMBER", { isNumbered: false }, "fail"],
    ["UNKNOWN_PRODUCER_ID", {}, "renew"],
    ["INVALID_PRODUCER_EPOCH", {}, "reidentify"],
  ];
  for (const [name, change, outcome] of cases) {
    const error = new KafkaError(name);
    strictEqual(
      decideOutcome({ ...usual, ...change, error }),
      outcome,
      `${name} ${JSON.stringify(change)}`,
    );
  }
});
