// What the topic ids of an assignment mean.
//
// Source: KIP-848; KIP-516 (topic ids).

import { exchange } from "../rpc/exchange.ts";
import {
  metadataRequest,
  metadataResponse,
} from "../wire/kafka/messages/metadata.ts";
import type { Cluster } from "./cluster.ts";
import type { TopicPartition } from "./metadata.ts";

const METADATA = exchange(metadataRequest, metadataResponse);

/** Partitions of a topic, as assignments name them. */
export interface OwnedTopic {
  readonly topicId: string;
  readonly partitions: number[];
}

/** Names by id, as far as they have been asked for. */
export class TopicNames {
  readonly #cluster: Cluster;
  #names = new Map<string, string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * The names of topics; those that no broker has told yet, or any more, are left
   * out.
   */
  async known(
    topics: readonly OwnedTopic[],
  ): Promise<ReadonlyMap<string, string>> {
    const before = this.#names;
    this.#names = new Map();
    const open: string[] = [];
    for (const { topicId } of topics) {
      const name = before.get(topicId);
      if (name === undefined) open.push(topicId);
      else this.#names.set(topicId, name);
    }
    if (open.length > 0) await this.#ask(open);
    return this.#names;
  }

  async #ask(topicIds: readonly string[]): Promise<void> {
    const cluster = this.#cluster;
    const answer = await cluster.callAny(METADATA, {
      topics: topicIds.map((topicId) => ({ topicId, name: null })),
      allowAutoTopicCreation: false,
    }, { deadlineMs: cluster.deadline(cluster.settings.requestTimeoutMs) });
    for (const { topicId, name } of answer.topics) {
      if (name !== null && name !== "") this.#names.set(topicId, name);
    }
  }
}

/** Partitions by name. */
export function partitionsOf(
  topics: readonly OwnedTopic[],
  names: ReadonlyMap<string, string>,
): TopicPartition[] {
  return topics.flatMap(({ topicId, partitions }) => {
    const topic = names.get(topicId);
    return topic === undefined
      ? []
      : partitions.map((partition) => ({ topic, partition }));
  });
}

/** True where both name the same partitions, in whatever order. */
export function sameTopics(
  a: readonly OwnedTopic[],
  b: readonly OwnedTopic[],
): boolean {
  return textOf(a) === textOf(b);
}

function textOf(topics: readonly OwnedTopic[]): string {
  return topics.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => `${topicId}:${partition}`)
  ).sort().join();
}
