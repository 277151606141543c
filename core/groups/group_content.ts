// Groups and their offsets as what the shards of `__consumer_offsets` hold.

import type { CompressionName } from "../compress/codecs.ts";
import { encodeBatch } from "../record/record_batch.ts";
import type { Shard } from "../shards/shard.ts";
import {
  ShardBatch,
  writeRecord,
  writeRecordEnd,
  writeRecordStart,
  writeSize,
} from "../shards/shard_batch.ts";
import type { InTransaction, ShardContent } from "../shards/shard_content.ts";
import type { Writer } from "../wire/writer.ts";
import { ClassicGroup } from "./classic/classic_group.ts";
import {
  type CoordinatorRecord,
  decodeRecord,
  encodeRecord,
  encodeRecords,
} from "./coordinator_record.ts";
import {
  offsetKeySize,
  offsetValueSize,
  writeOffsetKey,
  writeOffsetValue,
} from "./offset_record.ts";
import { ShardState } from "./shard_state.ts";

/** One partition of `__consumer_offsets`, and the groups that hash to it. */
export type GroupShard = Shard<ShardState, CoordinatorRecord>;

/** What does not depend on a configuration. */
export const groupRecords = {
  name: "groups",
  newState: () => new ShardState(),
  count: ({ groups }: ShardState) => groups.size,
  apply: (
    state: ShardState,
    record: CoordinatorRecord,
    transaction: InTransaction | null,
  ) => {
    if (transaction === null) state.apply(record);
    else state.hold(transaction.producerId, record);
  },
  endTransaction: (state: ShardState, producerId: number, isCommit: boolean) =>
    state.endTransaction(producerId, isCommit),
  decode: decodeRecord,
  abandon: ({ groups }: ShardState) => {
    for (const group of groups.values()) {
      if (group instanceof ClassicGroup) group.abandon();
    }
  },
};

/** @param compression That of batches to come. */
export function groupContent(
  compression: () => CompressionName,
): ShardContent<ShardState, CoordinatorRecord> {
  const plain = new ShardBatch(writeGroupRecord);
  return {
    ...groupRecords,
    encode: (records, timestampMs, transaction) => {
      const name = compression();
      return name === "none"
        ? plain.encode(records, timestampMs, transaction)
        : encodeBatch({
          records: encodeRecords(records).map((each) => ({
            ...each,
            timestampMs,
          })),
          compression: name,
          ...transaction === null ? {} : {
            ...transaction,
            baseSequence: 0,
            isTransactional: true,
          },
        });
    },
  };
}

/**
 * Writes a record of a batch. A commit is the most frequent thing that a coordinator
 * does, and the sizes of an offset are known before it is written.
 */
export function writeGroupRecord(
  writer: Writer,
  record: CoordinatorRecord,
  offsetDelta: number,
): void {
  const isPlainOffset = record.kind === "offsetCommit" &&
    (record.value === null || record.value.expireTimestamp < 0);
  if (!isPlainOffset) {
    const { key, value } = encodeRecord(record);
    return writeRecord(writer, key, value, offsetDelta);
  }
  const { key, value } = record;
  const keySize = offsetKeySize(key);
  const valueSize = value === null ? null : offsetValueSize(value);
  writeRecordStart(writer, offsetDelta, keySize, valueSize);
  writeSize(writer, keySize);
  writeOffsetKey(writer, key);
  writeSize(writer, valueSize);
  if (value !== null) writeOffsetValue(writer, value);
  writeRecordEnd(writer);
}
