import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { StickyPartitioner } from "./partitioner.ts";

function draws(options: {
  readonly partitionCount: number;
  readonly queueLength?: (partition: number) => number;
  readonly isAvailable?: (partition: number) => boolean;
  readonly isAdaptive?: boolean;
}): number[] {
  let state = 12345;
  const random = () => {
    state = Math.imul(state, 1103515245) + 12345 & 0x7fffffff;
    return state / 2 ** 31;
  };
  const partitioner = new StickyPartitioner({
    switchBytes: 100,
    isAdaptive: options.isAdaptive ?? true,
    random,
    load: {
      queueLength: options.queueLength ?? (() => 0),
      isAvailable: options.isAvailable ?? (() => true),
    },
  });
  const counts = new Array(options.partitionCount).fill(0);
  for (let i = 0; i < 3000; i++) {
    const partition = partitioner.partition(options.partitionCount);
    counts[partition]++;
    partitioner.appended(100, {
      isBatchEnd: true,
      partitionCount: options.partitionCount,
    });
  }
  return counts;
}

Deno.test("StickyPartitioner spreads batches over all partitions alike", () => {
  for (const count of draws({ partitionCount: 5 })) {
    ok(count > 480 && count < 720, `${count}`);
  }
});

Deno.test("StickyPartitioner gives less to partitions with longer queues", () => {
  const queueLength = (partition: number) => partition === 0 ? 9 : 0;
  const [slow, fast] = draws({ partitionCount: 2, queueLength });
  // Weights 1 and 10.
  ok(slow > 180 && slow < 370, `${slow}`);
  ok(fast > 2600);
  const even = draws({ partitionCount: 2, queueLength, isAdaptive: false });
  ok(even[0] > 1350 && even[0] < 1650);
});

Deno.test("StickyPartitioner leaves out what is not available, unless nothing is", () => {
  const counts = draws({ partitionCount: 3, isAvailable: (p) => p !== 1 });
  strictEqual(counts[1], 0);
  const none = draws({ partitionCount: 3, isAvailable: () => false });
  ok(none.every((count) => count > 0));
});

Deno.test("StickyPartitioner stays until a batch's worth is sent, and at most for two", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          sizeBytes: fc.integer({ min: 1, max: 80 }),
          isBatchEnd: fc.boolean(),
        }),
        { maxLength: 100 },
      ),
      (records) => {
        let drawCount = 0;
        const partitioner = new StickyPartitioner({
          switchBytes: 100,
          isAdaptive: false,
          random: () => (drawCount++, 0.5),
          load: { queueLength: () => 0, isAvailable: () => true },
        });
        let bytes = 0;
        partitioner.partition(4);
        for (const { sizeBytes, isBatchEnd } of records) {
          const before = drawCount;
          bytes += sizeBytes;
          partitioner.appended(sizeBytes, { isBatchEnd, partitionCount: 4 });
          const isDue = bytes >= (isBatchEnd ? 100 : 200);
          strictEqual(drawCount > before, isDue);
          if (isDue) bytes = 0;
        }
      },
    ),
  );
});
