// Which of the two protocols of transactions is spoken, and in which versions of
// its requests. By the newer one, each transaction has an epoch of its own, and
// partitions become part of it with their first batch.
//
// Source: KIP-890.

import type { KafkaConnection } from "../rpc/client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { endTxnRequest } from "../wire/kafka/messages/end_txn.ts";
import { produceRequest } from "../wire/kafka/messages/produce.ts";
import { txnOffsetCommitRequest } from "../wire/kafka/messages/txn_offset_commit.ts";

/** From these versions on, a request is of the newer protocol. */
const NEWER = { produce: 12, offsetCommit: 5, end: 5 } as const;
const FEATURE = { name: "transaction.version", level: 2 } as const;
/** The first version of Produce that names a transaction. */
const PRODUCE_VERSION_MIN = 3;

/** Versions that say the same, both inclusive. */
export interface VersionSpan {
  readonly min: number;
  readonly max: number;
}

function span(min: number, newer: number, isNewer: boolean): VersionSpan {
  return isNewer ? { min: newer, max: newer } : { min, max: newer - 1 };
}

export function produceVersions(isNewer: boolean): VersionSpan {
  return span(PRODUCE_VERSION_MIN, NEWER.produce, isNewer);
}

export function offsetCommitVersions(isNewer: boolean): VersionSpan {
  return span(0, NEWER.offsetCommit, isNewer);
}

export function endVersions(isNewer: boolean): VersionSpan {
  return span(0, NEWER.end, isNewer);
}

/** Whether a broker, and the cluster with it, speaks the newer protocol. */
export function offersNewer(connection: KafkaConnection): boolean {
  const level = connection.features.get(FEATURE.name) ?? 0;
  return level >= FEATURE.level &&
    connection.versionOf(produceRequest) >= NEWER.produce &&
    connection.versionOf(txnOffsetCommitRequest) >= NEWER.offsetCommit &&
    connection.versionOf(endTxnRequest) >= NEWER.end;
}

/** @throws {KafkaError} UNSUPPORTED_VERSION where the broker speaks a lower one. */
export function checkVersion(
  version: number,
  versionMin: number,
  nodeId: number,
): void {
  if (version >= versionMin) return;
  throw new KafkaError(
    "UNSUPPORTED_VERSION",
    `Broker ${nodeId} speaks version ${version} of a request of which this ` +
      `transaction needs version ${versionMin}`,
  );
}
