// Control batches: one record that clients never see, which ends a transaction.
//
//   key:   version: int16 (0), type: int16 (0 abort, 1 commit)
//   value: version: int16 (0), coordinatorEpoch: int32
//
// Source: Kafka documentation, "Control Batches"; observed: testdata/record/.

import {
  readInt16,
  readInt32,
  writeInt16,
  writeInt32,
} from "../base/big_endian.ts";
import { encodeBatch, type Record } from "./record_batch.ts";

/** How a transaction ended, or another use of control records (leader change and such). */
export type ControlRecordType = "abort" | "commit" | "other";

/** What a control record's key says; `null` where it is not one. */
export function readControlRecordType(
  key: Uint8Array | null,
): ControlRecordType | null {
  if (key === null || key.length < 4 || readInt16(key, 0) < 0) return null;
  const type = readInt16(key, 2);
  return type === 0 ? "abort" : type === 1 ? "commit" : "other";
}

/** The mark of a transaction's end in one partition. */
export interface EndTransactionMarker {
  readonly type: "abort" | "commit";
  readonly coordinatorEpoch: number;
}

/** The marker in a record of a control batch; `null` where it is another kind. */
export function readEndTransactionMarker(
  record: Record,
): EndTransactionMarker | null {
  const type = readControlRecordType(record.key);
  if (type === null || type === "other") return null;
  if (record.value === null || record.value.length < 6) return null;
  return { type, coordinatorEpoch: readInt32(record.value, 2) };
}

/** Encodes the control batch of a marker, with offset 0. */
export function encodeEndTransactionMarker(
  marker: EndTransactionMarker,
  batch: {
    readonly timestampMs: number;
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly partitionLeaderEpoch?: number;
  },
): Uint8Array {
  const key = new Uint8Array(4);
  writeInt16(key, 2, marker.type === "commit" ? 1 : 0);
  const value = new Uint8Array(6);
  writeInt32(value, 2, marker.coordinatorEpoch);
  return encodeBatch({
    records: [{ timestampMs: batch.timestampMs, key, value }],
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isTransactional: true,
    isControl: true,
  });
}
