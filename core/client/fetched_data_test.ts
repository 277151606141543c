import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { encodeMessageSet } from "../record/message_set.ts";
import { encodeBatch, setBaseOffset } from "../record/record_batch.ts";
import { FetchedData } from "./fetched_data.ts";

const PLACE = { topic: "t", partition: 3 };

function records(count: number, offset = 0) {
  return Array.from({ length: count }, (_, i) => ({
    offset: offset + i,
    timestampMs: offset + i,
    key: null,
    value: Uint8Array.of(offset + i & 0xff),
  }));
}

function data(
  bytes: Uint8Array,
  fetchOffset = 0,
  aborted: { producerId: number; firstOffset: number }[] | null = null,
) {
  return new FetchedData(PLACE, bytes, {
    fetchOffset,
    aborted,
    checksCrcs: true,
  });
}

function drain(fetched: FetchedData, countMax = 1000): number[] {
  const offsets: number[] = [];
  for (;;) {
    const chunk = fetched.take(countMax);
    if (chunk === null) return offsets;
    ok(chunk.records.length > 0 && chunk.records.length <= countMax);
    offsets.push(...chunk.records.map((record) => record.offset));
    strictEqual(
      fetched.nextOffset > offsets[offsets.length - 1],
      true,
      "the position is behind what was given",
    );
  }
}

Deno.test("FetchedData.take() gives all records from the fetch offset on, in any portions", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          count: fc.integer({ min: 1, max: 20 }),
          gap: fc.nat(5),
          hole: fc.nat(5),
          compression: fc.constantFrom("none", "gzip", "lz4", "zstd", "snappy"),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fc.nat(60),
      fc.integer({ min: 1, max: 30 }),
      fc.nat(100),
      (plan, fetchOffset, countMax, cutBytes) => {
        let next = 0;
        const batches: Uint8Array[] = [];
        const offsets: number[] = [];
        for (const { count, gap, hole, compression } of plan) {
          const first = next + gap;
          const lastOffset = first + count - 1 + hole;
          batches.push(encodeBatch({
            records: records(count, first),
            baseOffset: first,
            lastOffset,
            compression: compression as "none",
          }));
          for (let i = 0; i < count; i++) offsets.push(first + i);
          next = lastOffset + 1;
        }
        // What a broker sends may end inside a batch.
        const whole = concatBytes(batches);
        const tail = encodeBatch({ records: records(3, next) });
        const bytes = concatBytes([
          whole,
          tail.subarray(0, Math.min(cutBytes, tail.length - 1)),
        ]);
        const fetched = data(bytes, fetchOffset);
        strictEqual(fetched.endOffset, Math.max(next, fetchOffset));
        deepStrictEqual(
          drain(fetched, countMax),
          offsets.filter((offset) => offset >= fetchOffset),
        );
        strictEqual(fetched.nextOffset, Math.max(next, fetchOffset));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("FetchedData.take() reads message sets of magic 0 and 1", () => {
  for (const magic of [0, 1] as const) {
    for (const compression of ["none", "gzip"] as const) {
      const bytes = encodeMessageSet({
        magic,
        compression,
        records: records(5, 10),
      });
      const fetched = data(bytes, 12);
      strictEqual(fetched.endOffset, 15);
      deepStrictEqual(drain(fetched), [12, 13, 14]);
      strictEqual(fetched.nextOffset, 15);
    }
  }
});

function transactional(producerId: number, offset: number, count: number) {
  return encodeBatch({
    records: records(count, offset),
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  });
}

function marker(type: "abort" | "commit", producerId: number, offset: number) {
  const bytes = encodeEndTransactionMarker({ type, coordinatorEpoch: 0 }, {
    timestampMs: 0,
    producerId,
    producerEpoch: 0,
  });
  setBaseOffset(bytes, 0, offset);
  return bytes;
}

const LOG = concatBytes([
  transactional(1, 0, 2),
  transactional(2, 2, 2),
  encodeBatch({ records: records(1, 4) }),
  marker("abort", 1, 5),
  transactional(1, 6, 1),
  marker("commit", 2, 7),
  marker("commit", 1, 8),
]);

Deno.test("FetchedData.take() leaves aborted transactions out under read_committed, and control batches always", () => {
  const cases: [
    aborted: { producerId: number; firstOffset: number }[] | null,
    offsets: number[],
  ][] = [
    [null, [0, 1, 2, 3, 4, 6]],
    [[], [0, 1, 2, 3, 4, 6]],
    [[{ producerId: 1, firstOffset: 0 }], [2, 3, 4, 6]],
  ];
  for (const [aborted, offsets] of cases) {
    const fetched = data(LOG, 0, aborted);
    deepStrictEqual(drain(fetched), offsets);
    // Past the last marker, though it gives no record.
    strictEqual(fetched.nextOffset, 9);
    strictEqual(fetched.endOffset, 9);
  }
});

Deno.test("FetchedData.take() says where a damaged batch is, each time, after what comes before it", () => {
  const good = encodeBatch({ records: records(2) });
  const bad = encodeBatch({ records: records(2, 2) });
  bad[bad.length - 1] ^= 1;
  const fetched = data(concatBytes([good, bad]));
  strictEqual(fetched.take(10)?.records.length, 2);
  for (let i = 0; i < 2; i++) {
    throws(() => fetched.take(10), {
      errorName: "CORRUPT_MESSAGE",
      message: /^Cannot read t-3 at offset 2: .*checksum/,
    });
  }
  strictEqual(fetched.nextOffset, 2);
});
