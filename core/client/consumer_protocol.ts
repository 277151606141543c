// What members of a group of type "consumer" tell each other: subscriptions and
// assignments, each behind an int16 with its version.
//
//   version:int16 message    (of ConsumerProtocolSubscription, -Assignment)
//
// Source: Kafka protocol guide; KIP-429 (owned partitions), KIP-792 (generation),
// KIP-881 (racks).

import { codecFor } from "../wire/kafka/codec.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../wire/kafka/messages/consumer_protocol.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

/** The protocol type of groups that share partitions. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

const VERSION_MAX = 3;

/** What a member wants. */
export interface Subscription {
  readonly topics: readonly string[];
  readonly userData: Uint8Array | null;
  readonly ownedPartitions: readonly TopicPartition[];
  /** In which `ownedPartitions` were given out; -1 where it is not known. */
  readonly generationId: number;
  readonly rackId: string | null;
}

/** Writes a subscription in the newest version, topics and partitions in order. */
export function encodeSubscription(subscription: Subscription): Uint8Array {
  const writer = new Writer();
  writer.int16(VERSION_MAX);
  codecFor(consumerProtocolSubscription, VERSION_MAX).encode(writer, {
    topics: [...subscription.topics].sort(),
    userData: subscription.userData,
    ownedPartitions: grouped(inOrder(subscription.ownedPartitions)),
    generationId: subscription.generationId,
    rackId: subscription.rackId,
  });
  return writer.written();
}

/**
 * Reads a subscription of any version; later ones as far as they are known.
 *
 * @throws {DecodeError} Where the bytes are none.
 */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const reader = new Reader(bytes);
  const version = Math.min(reader.int16(), VERSION_MAX);
  const start = reader.position;
  const decode = (as: number) =>
    codecFor(consumerProtocolSubscription, as).decode(
      new Reader(bytes, { position: start }),
    );
  let decoded;
  try {
    decoded = decode(version);
  } catch (error) {
    // Some clients say version 1 and leave the owned partitions out.
    if (!(error instanceof DecodeError) || version === 0) throw error;
    decoded = decode(0);
  }
  return { ...decoded, ownedPartitions: flattened(decoded.ownedPartitions) };
}

/** Writes what a member gets. */
export function encodeAssignment(
  partitions: readonly TopicPartition[],
  userData: Uint8Array | null = null,
): Uint8Array {
  const writer = new Writer();
  writer.int16(VERSION_MAX);
  codecFor(consumerProtocolAssignment, VERSION_MAX).encode(writer, {
    assignedPartitions: grouped(partitions),
    userData,
  });
  return writer.written();
}

/**
 * Reads what a member gets; no bytes are nothing.
 *
 * @throws {DecodeError} Where the bytes are no assignment.
 */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  const reader = new Reader(bytes);
  const version = Math.min(reader.int16(), VERSION_MAX);
  const decoded = codecFor(consumerProtocolAssignment, version).decode(reader);
  return flattened(decoded.assignedPartitions);
}

/** Partitions in the order of topics and numbers. */
export function inOrder<P extends TopicPartition>(
  partitions: Iterable<P>,
): P[] {
  return [...partitions].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  );
}

function grouped(partitions: readonly TopicPartition[]) {
  return [...byTopic(partitions)].map(([topic, entries]) => ({
    topic,
    partitions: entries.map(({ partition }) => partition),
  }));
}

function flattened(
  topics: readonly {
    readonly topic: string;
    readonly partitions: readonly number[];
  }[],
): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition }))
  );
}
