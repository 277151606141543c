// Takes fetched records out of a consumer's partitions, each in its turn.

import type { RecordChunk } from "./fetched_data.ts";
import type { PartitionPosition } from "./position.ts";

/** What one round gave. */
export interface TakenRecords {
  readonly chunks: RecordChunk[];
  /** True where a position moved, with or without records. */
  readonly hasMoved: boolean;
}

/**
 * Takes at most `countMax` records, and moves the positions behind them.
 *
 * @param options `first`: which partition begins, modulo their number.
 * @throws {KafkaError} Where the first batch met is damaged; one met later is
 * left to the next call, so that what came before it is given.
 */
export function takeRecords(
  positions: readonly PartitionPosition[],
  options: { readonly first: number; readonly countMax: number },
): TakenRecords {
  const chunks: RecordChunk[] = [];
  let left = options.countMax;
  let hasMoved = false;
  for (let i = 0; i < positions.length && left > 0; i++) {
    const position = positions[(options.first + i) % positions.length];
    if (position.isPaused) continue;
    const before = position.offset;
    while (left > 0 && position.fetched.length > 0) {
      const data = position.fetched[0];
      let chunk: RecordChunk | null;
      try {
        chunk = data.take(left);
      } catch (error) {
        if (chunks.length === 0) throw error;
        return { chunks, hasMoved: true };
      } finally {
        position.advance(data.nextOffset, data.leaderEpoch);
      }
      if (chunk === null) {
        position.fetched.shift();
      } else {
        chunks.push(chunk);
        left -= chunk.records.length;
      }
    }
    if (position.offset !== before) hasMoved = true;
  }
  return { chunks, hasMoved };
}
