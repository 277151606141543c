// What is in the folder of a partition after it was compacted: all that a cleaner
// decides, batch by batch, but nothing that may differ between two that are right
// (positions, checksums, how well a codec compressed).

import { encodeBase64 } from "../base/bytes.ts";
import type { Disk } from "../host/host.ts";
import { dumpFile } from "../log/dump.ts";
import type { BatchRow, RecordRow } from "../log/dump_rows.ts";

/** Keys and values are base64. */
export type RecordFact = readonly [
  offset: number,
  timestampMs: number,
  key: string | null,
  value: string | null,
  headers: readonly (readonly [string, string | null])[],
];

/** A batch: its header, and what is in it. */
export interface BatchFact {
  /** What its header says, as text. */
  readonly header: string;
  readonly records: readonly RecordFact[];
}

/** A partition's folder. */
export interface CompactionFacts {
  /** Base offsets of the segments. */
  readonly segments: readonly number[];
  readonly batches: readonly BatchFact[];
}

function headerOf(row: BatchRow): string {
  const { baseOffset, lastOffset, magic, recordCount } = row;
  const parts = [
    `${baseOffset}..${lastOffset}`,
    `magic ${magic}`,
    row.compression,
    row.timestampType,
  ];
  if (magic === 2) {
    parts.push(
      `count ${recordCount}`,
      `max ${row.maxTimestampMs}`,
      `leader epoch ${row.partitionLeaderEpoch}`,
      `producer ${row.producerId}:${row.producerEpoch}`,
      `sequence ${row.baseSequence}..${row.lastSequence}`,
    );
  }
  if (row.isTransactional) parts.push("transactional");
  if (row.isControl) parts.push("control");
  if (row.deleteHorizonMs !== null) parts.push("horizon");
  return parts.join(", ");
}

function recordFact(row: RecordRow): RecordFact {
  const text = (bytes: Uint8Array | null) =>
    bytes === null ? null : encodeBase64(bytes);
  return [
    row.offset,
    row.timestampMs,
    text(row.key),
    text(row.value),
    row.headers.map(({ key, value }) => [key, text(value)] as const),
  ];
}

/**
 * Reads a partition's folder.
 *
 * @throws {Error} Where a batch is damaged.
 */
export function compactionFacts(disk: Disk, folder: string): CompactionFacts {
  const logs = disk.list(folder).filter((name) => name.endsWith(".log"))
    .toSorted();
  const batches: { header: string; records: RecordFact[] }[] = [];
  for (const name of logs) {
    for (
      const row of dumpFile(disk, `${folder}/${name}`, { withRecords: true })
    ) {
      if (row.kind === "fault") throw new Error(`${name}: ${row.reason}`);
      if (row.kind === "record") batches.at(-1)?.records.push(recordFact(row));
      if (row.kind !== "batch") continue;
      if (!row.isValid) throw new Error(`${name}: a wrong checksum`);
      batches.push({ header: headerOf(row), records: [] });
    }
  }
  return { segments: logs.map((name) => parseInt(name, 10)), batches };
}

/** The first thing that differs, in words; `null` where nothing does. */
export function factsDifference(
  kq: CompactionFacts,
  kafka: CompactionFacts,
): string | null {
  const count = Math.max(kq.batches.length, kafka.batches.length);
  for (let i = 0; i < count; i++) {
    const a = shown(kq.batches[i]);
    const b = shown(kafka.batches[i]);
    if (a !== b) return `kq has ${a}, Kafka ${b}`;
  }
  const a = kq.segments.join(" ");
  const b = kafka.segments.join(" ");
  return a === b ? null : `kq has segments ${a}, Kafka ${b}`;
}

function shown(batch: BatchFact | undefined): string {
  if (batch === undefined) return "nothing";
  return `${batch.header}: ${JSON.stringify(batch.records)}`;
}
