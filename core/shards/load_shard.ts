// Reads a partition of an internal topic into the state of a shard.
//
// All of the log is read, to its end and not only to the high watermark: what
// the leader has, it will commit. Between two reads the broker serves others.
// What a transaction wrote counts from its end marker on.

import type { Clock } from "../host/host.ts";
import { sleep } from "../host/host.ts";
import {
  batchIsControl,
  batchIsTransactional,
  batchSize,
  decodeBatch,
  readBatchHeader,
} from "../record/record_batch.ts";
import { DecodeError } from "../wire/reader.ts";
import type { InTransaction, ShardContent } from "./shard_content.ts";
import type { ShardLog } from "./shard_log.ts";

export interface LoadOptions {
  readonly clock: Clock;
  /** Where to begin. */
  readonly fromOffset: number;
  /** Bytes read at once. */
  readonly bufferBytes: number;
  /** False once nobody wants the state any more. */
  readonly isWanted: () => boolean;
  /** Told of records that make no sense; they are skipped. */
  readonly report: (line: string) => void;
}

export interface LoadResult {
  readonly recordCount: number;
  /** Where the log ended when the last of it was read. */
  readonly endOffset: number;
}

/** What of a content a replay needs. */
type ReplayedContent<S, R> = Pick<
  ShardContent<S, R>,
  "decode" | "apply" | "endTransaction"
>;

/** Size field, batch length: what has to be there to know a batch's size. */
const BATCH_START_BYTES = 12;
/** Second field of a control record's key: 1 commits, 0 aborts. */
const CONTROL_COMMIT = 1;

/**
 * Replays the log.
 *
 * @throws {KafkaError} As `PartitionLog.read`; CORRUPT_MESSAGE.
 */
export async function loadShard<S, R>(
  { log, name }: Pick<ShardLog, "log" | "name">,
  content: ReplayedContent<S, R>,
  state: S,
  options: LoadOptions,
): Promise<LoadResult> {
  const report = (line: string) => options.report(`${name}: ${line}`);
  let recordCount = 0;
  let offset = options.fromOffset;
  while (options.isWanted() && offset < log.logEndOffset) {
    const { source } = log.read(offset, {
      maxBytes: options.bufferBytes,
      minOneBatch: true,
      upToOffset: log.logEndOffset,
    });
    if (source.sizeBytes === 0) {
      // What is left between here and the end was cleaned away.
      offset = log.logEndOffset;
      break;
    }
    const bytes = new Uint8Array(source.sizeBytes);
    source.readInto(bytes);
    for (let at = 0; bytes.length - at >= BATCH_START_BYTES;) {
      const sizeBytes = batchSize(bytes, at);
      if (sizeBytes > bytes.length - at) break;
      recordCount += replayBatch(bytes, at, content, state, report);
      offset = readBatchHeader(bytes, at).lastOffset + 1;
      at += sizeBytes;
    }
    if (offset < log.logEndOffset) await sleep(options.clock, 0);
  }
  return { recordCount, endOffset: offset };
}

/** Applies the records of one batch; gives how many there were. */
function replayBatch<S, R>(
  bytes: Uint8Array,
  position: number,
  content: ReplayedContent<S, R>,
  state: S,
  report: (line: string) => void,
): number {
  const records = decodeBatch(bytes, position);
  const { producerId, producerEpoch } = readBatchHeader(bytes, position);
  if (batchIsControl(bytes, position)) {
    for (const { key } of records) {
      if (key === null || key.length < 4) continue;
      const isCommit = key[3] === CONTROL_COMMIT;
      content.endTransaction?.(state, producerId, isCommit);
    }
    return records.length;
  }
  const transaction: InTransaction | null =
    batchIsTransactional(bytes, position)
      ? { producerId, producerEpoch }
      : null;
  for (const { key, value, offset } of records) {
    if (key === null) continue;
    try {
      const record = content.decode(key, value);
      if (record !== null) content.apply(state, record, transaction);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      report(`the record at offset ${offset} is skipped: ${error.message}`);
    }
  }
  return records.length;
}
