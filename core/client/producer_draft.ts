// A record between the call that sends it and the batch that takes it, and what
// may keep it from getting there.

import type { RecordHeader } from "../record/record.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { tooLarge } from "./accumulator.ts";
import { tell } from "./producer_batch.ts";
import type { DeliveryCallback } from "./producer_record.ts";
import type { ProducerSettings } from "./producer_settings.ts";

/** A record on its way into a batch. */
export interface Draft {
  readonly topic: string;
  /** -1 leaves it to the partitioner. */
  readonly partition: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  readonly sizeMax: number;
  readonly callback: DeliveryCallback | undefined;
}

/** Why a record can never be sent; `null` where it can. */
export function sizeErrorOf(
  draft: Draft,
  settings: ProducerSettings,
): KafkaError | null {
  const { sender, memoryBytes } = settings;
  const place = { topic: draft.topic, partition: draft.partition };
  if (draft.sizeMax > sender.requestMaxBytes) {
    return tooLarge(place, draft.sizeMax, {
      key: "max.request.size",
      bytes: sender.requestMaxBytes,
    });
  }
  if (draft.sizeMax > memoryBytes) {
    return tooLarge(place, draft.sizeMax, {
      key: "buffer.memory",
      bytes: memoryBytes,
    });
  }
  return null;
}

/** Tells of a record that will not be sent. */
export function failDraft(draft: Draft, error: Error): void {
  if (draft.callback !== undefined) tell(draft.callback, error, null);
}

/** The error of a record for a partition that the topic does not have. */
export function noPartition(draft: Draft, partitionCount: number): KafkaError {
  return new KafkaError(
    "UNKNOWN_TOPIC_OR_PARTITION",
    `Topic ${draft.topic} has no partition ${draft.partition}: it has ${partitionCount}`,
  );
}

/** The error of a record that has waited for memory in vain. */
export function noRoom(
  draft: Draft,
  waitedMs: number,
  memoryBytes: number,
): KafkaError {
  return new KafkaError(
    "REQUEST_TIMED_OUT",
    `No room for a record of topic ${draft.topic} within ` +
      `${Math.round(waitedMs)} ms: buffer.memory=${memoryBytes} is full of ` +
      "records that are not acknowledged",
  );
}

/** What a producer's calls fail with once it is closed. */
export function closedError(): KafkaError {
  return new KafkaError(
    "NETWORK_EXCEPTION",
    "The producer is closed",
  );
}
