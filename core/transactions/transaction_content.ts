// What the shards of `__transaction_state` hold: the states of transactional ids.

import {
  type RecordWriter,
  ShardBatch,
  writeRecord,
} from "../shards/shard_batch.ts";
import type { Shard } from "../shards/shard.ts";
import type { ShardContent } from "../shards/shard_content.ts";
import { Writer } from "../wire/writer.ts";
import {
  decodeRecord,
  encodeRecord,
  type TransactionRecord,
} from "./transaction_record.ts";
import type { TransactionStates } from "./transaction_state.ts";

export type TransactionShard = Shard<TransactionStates, TransactionRecord>;

/** Shared by all shards: a record is copied into its batch before the next is made. */
const recordBytes = new Writer();

const writeTransaction: RecordWriter<TransactionRecord> = (
  writer,
  record,
  offsetDelta,
) => {
  const { key, value } = encodeRecord(record, recordBytes);
  writeRecord(writer, key, value, offsetDelta);
};

/** Shared by all shards: a batch is appended before the next is made. */
const batch = new ShardBatch(writeTransaction);

export const transactionContent: ShardContent<
  TransactionStates,
  TransactionRecord
> = {
  name: "transactional ids",
  newState: () => new Map(),
  count: (states) => states.size,
  apply(states, { transactionalId, state }) {
    if (state === null) states.delete(transactionalId);
    else states.set(transactionalId, state);
  },
  encode: (records, timestampMs, transaction) =>
    batch.encode(records, timestampMs, transaction),
  decode: decodeRecord,
  // Who waits, waits for the log, which tells them.
  abandon() {},
};
