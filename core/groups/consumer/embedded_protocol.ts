// What members of the classic protocol write into the bytes that a classic
// group's coordinator does not look into: which topics they want and what they
// have. A group of both protocols has to look.
//
//   version: int16; a ConsumerProtocolSubscription or ConsumerProtocolAssignment
//
// A version that is not known yet is read as the newest that is: later ones only
// add to the end.

import { codecFor } from "../../wire/kafka/codec.ts";
import {
  type ConsumerProtocolAssignment,
  consumerProtocolAssignment,
  type ConsumerProtocolSubscription,
  consumerProtocolSubscription,
} from "../../wire/kafka/messages/consumer_protocol.ts";
import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import {
  type Assignment,
  assignmentOf,
  NOTHING,
  type TopicPartitions,
} from "./assignment.ts";
import type { TopicsView } from "./topics_view.ts";

const VERSION_MAX = consumerProtocolSubscription.versions[1];

/** A member's subscription, or null where the bytes are none. */
export function parseSubscription(
  bytes: Uint8Array,
): ConsumerProtocolSubscription | null {
  return parse(
    bytes,
    (reader, version) =>
      codecFor(consumerProtocolSubscription, version).decode(reader),
  );
}

/** What the bytes assign, of topics that exist; null where they are no assignment. */
export function parseAssignment(
  bytes: Uint8Array,
  view: TopicsView,
): Assignment | null {
  // A member that has not been given anything yet.
  if (bytes.length === 0) return NOTHING;
  const found = parse(
    bytes,
    (reader, version): ConsumerProtocolAssignment =>
      codecFor(consumerProtocolAssignment, version).decode(reader),
  );
  return found && byTopicId(found.assignedPartitions, view);
}

/** The bytes that assign, in the version in which the member has subscribed. */
export function formatAssignment(
  assignment: Assignment,
  { subscription, view }: {
    readonly subscription: Uint8Array;
    readonly view: TopicsView;
  },
): Uint8Array {
  const version = versionOf(new Reader(subscription));
  const assignedPartitions = [];
  for (const [topicId, partitions] of assignment) {
    const topic = view.topicsById.get(topicId)?.name;
    if (topic === undefined) continue;
    assignedPartitions.push({ topic, partitions: [...partitions] });
  }
  const writer = new Writer();
  writer.int16(version);
  codecFor(consumerProtocolAssignment, version).encode(writer, {
    assignedPartitions,
  });
  return writer.written();
}

/** Partitions by topic id instead of name; topics that do not exist are left out. */
export function byTopicId(
  topics: readonly {
    readonly topic: string;
    readonly partitions: readonly number[];
  }[],
  view: TopicsView,
): Assignment {
  return assignmentOf(topics.flatMap(({ topic, partitions }) => {
    const topicId = view.topics.get(topic)?.topicId;
    return topicId === undefined
      ? []
      : [{ topicId, partitions } satisfies TopicPartitions];
  }));
}

function parse<T>(
  bytes: Uint8Array,
  read: (reader: Reader, version: number) => T,
): T | null {
  try {
    const reader = new Reader(bytes);
    return read(reader, versionOf(reader));
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function versionOf(reader: Reader): number {
  const version = reader.int16();
  if (version < 0) throw new DecodeError(`Version ${version}`, 0);
  return Math.min(version, VERSION_MAX);
}
