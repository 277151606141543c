// What OffsetCommit and TxnOffsetCommit share: offsets are stored of partitions
// that there are, and the answer has a code for each that was asked for.

import { ErrorCode } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";

/** Partitions of a topic in a request. */
interface CommittedTopic<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}

interface CommittedPartition {
  readonly partitionIndex: number;
}

/** Those partitions that there are, by topic; the very list where there are all. */
export function knownPartitions<P extends CommittedPartition>(
  { cluster }: Broker,
  topics: readonly CommittedTopic<P>[],
): readonly (readonly P[])[] {
  return topics.map(({ name, partitions }) => {
    const existing = cluster.image.topics.get(name)?.partitions ?? [];
    const isKnown = ({ partitionIndex }: P) =>
      existing[partitionIndex] !== undefined;
    return partitions.every(isKnown) ? partitions : partitions.filter(isKnown);
  });
}

/**
 * The answer to all partitions of a request.
 *
 * @param known As `knownPartitions` gives it.
 * @param codes One for each that is known, by topic.
 */
export function answerKnown<P extends CommittedPartition>(
  topics: readonly CommittedTopic<P>[],
  known: readonly (readonly P[])[],
  codes: readonly (readonly number[])[],
) {
  return answerEach(topics, (topic, index) => {
    const { partitions } = topics[topic];
    if (known[topic] === partitions) return codes[topic][index];
    const at = known[topic].indexOf(partitions[index]);
    return at < 0 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : codes[topic][at];
  });
}

/** The answer by a code for each partition, by the places of topic and partition. */
export function answerEach(
  topics: readonly CommittedTopic<CommittedPartition>[],
  codeOf: (topicIndex: number, partitionIndex: number) => number,
) {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }, i) => ({
      name,
      partitions: partitions.map(({ partitionIndex }, index) => ({
        partitionIndex,
        errorCode: codeOf(i, index),
      })),
    })),
  };
}
