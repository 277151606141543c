// The loop of `consume`: polls, prints, and sees when all has been read.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import type { Consumer, RecordChunk } from "../core/client/consumer.ts";
import type { Reading } from "./_reading.ts";
import type { RecordPrinter } from "./_record_printer.ts";

export interface ReadingLoop {
  readonly consumer: Consumer;
  readonly readings: readonly Reading[];
  readonly printer: RecordPrinter;
  /** Stops after so many records. */
  readonly countMax: number;
  /** Gives up when no record comes for this long. */
  readonly idleMs: number;
}

/** The longest that a poll waits, so that ends and interrupts are seen. */
const POLL_MS = 1000;

/**
 * Prints records until all partitions have been read to their ends, the count is
 * reached or somebody interrupts.
 *
 * @returns The exit code.
 * @throws {ExitError} Where no record came for too long.
 */
export async function readAll(
  { out, host, interrupted }: CommandContext,
  { consumer, readings, printer, countMax, idleMs }: ReadingLoop,
): Promise<number> {
  const open = new Map(readings.map((reading) => [keyOf(reading), reading]));
  let leftCount = countMax;
  let lastMs = host.clock.monotonicMs();
  interrupted.addEventListener("abort", () => consumer.wakeup());
  consumer.assign(readings);
  for (const reading of readings) consumer.seek(reading, reading.position);
  while (!interrupted.aborted) {
    closeFinished(consumer, open);
    if (open.size === 0 || leftCount <= 0) break;
    const waitMs = Math.min(
      POLL_MS,
      lastMs + idleMs - host.clock.monotonicMs(),
    );
    const chunks = await consumer.poll(Math.max(0, waitMs));
    for (const chunk of chunks) {
      const reading = open.get(keyOf(chunk));
      if (reading === undefined) continue;
      leftCount -= await print(chunk, reading, printer, leftCount);
    }
    await out.flush();
    if (chunks.length > 0) lastMs = host.clock.monotonicMs();
    else if (host.clock.monotonicMs() - lastMs >= idleMs) {
      await printer.end();
      throw new ExitError(
        ExitCode.TIMED_OUT,
        `no record came for ${idleMs} ms`,
      );
    }
  }
  await printer.end();
  return interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
}

function keyOf({ topic, partition }: { topic: string; partition: number }) {
  return `${topic}:${partition}`;
}

// Fetch positions pass markers of transactions and holes of compaction, where
// counted records would wait for ever.
function closeFinished(consumer: Consumer, open: Map<string, Reading>): void {
  const finished = [...open].filter(([, reading]) => {
    const position = consumer.currentPosition(reading) ?? reading.position;
    return position >= reading.to;
  });
  if (finished.length === 0) return;
  for (const [key] of finished) open.delete(key);
  consumer.assign([...open.values()]);
}

/** @returns How many records were printed. */
async function print(
  chunk: RecordChunk,
  reading: Reading,
  printer: RecordPrinter,
  countMax: number,
): Promise<number> {
  const { topic, partition, leaderEpoch, timestampType } = chunk;
  let count = 0;
  for (const record of chunk.records) {
    if (count >= countMax || record.offset >= reading.to) break;
    if (record.offset < reading.from) continue;
    await printer.print({
      ...record,
      topic,
      partition,
      leaderEpoch,
      timestampType: record.timestampMs < 0 ? "NoTimestampType" : timestampType,
    });
    count++;
  }
  return count;
}
