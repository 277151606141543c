// What a coordinator knows of topics, and which of them the members of a group
// subscribe to.
//
// Patterns are resolved against the topics of the moment and their outcome is
// not stored: a topic that begins or ceases to match changes the stored topics
// of the group, and with them its epoch.

import type { ConsumerGroup, SubscribedTopic } from "./consumer_group.ts";
import type { ConsumerMember } from "./consumer_member.ts";
import { parseTopicPattern, type TopicPattern } from "./topic_pattern.ts";

/** The cluster's topics; another map wherever one has changed. */
export interface TopicsView {
  readonly topics: ReadonlyMap<string, TopicFacts>;
  readonly topicsById: ReadonlyMap<string, TopicFacts>;
}

export interface TopicFacts {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly unknown[];
}

/** What members subscribe to, by one view of the topics. */
export class Subscriptions {
  readonly #view: TopicsView;
  readonly #byPattern = new Map<string, readonly TopicFacts[]>();

  constructor(view: TopicsView) {
    this.#view = view;
  }

  /** The topics that a member wants and that exist; by name or pattern, maybe both. */
  topicsOf(member: ConsumerMember): TopicFacts[] {
    const named = member.subscribedTopicNames.flatMap((name) =>
      this.#view.topics.get(name) ?? []
    );
    const regex = member.subscribedTopicRegex ?? "";
    return regex === "" ? named : [...named, ...this.#matching(regex)];
  }

  /** The topics that any of the members wants, by name. */
  topicsOfAll(
    members: Iterable<ConsumerMember>,
  ): Map<string, SubscribedTopic> {
    const topics = new Map<string, SubscribedTopic>();
    for (const member of members) {
      for (const { name, topicId, partitions } of this.topicsOf(member)) {
        topics.set(name, { topicId, partitionCount: partitions.length });
      }
    }
    return topics;
  }

  #matching(regex: string): readonly TopicFacts[] {
    let found = this.#byPattern.get(regex);
    if (found === undefined) {
      const pattern = storedPattern(regex);
      found = pattern === null ? [] : [...this.#view.topics.values()]
        .filter(({ name }) => pattern.matches(name));
      this.#byPattern.set(regex, found);
    }
    return found;
  }
}

/** Whether both name the same topics of the same sizes. */
export function hasSameTopics(
  group: ConsumerGroup,
  topics: ReadonlyMap<string, SubscribedTopic>,
): boolean {
  if (group.topics.size !== topics.size) return false;
  for (const [name, { topicId, partitionCount }] of topics) {
    const other = group.topics.get(name);
    if (
      other?.topicId !== topicId || other.partitionCount !== partitionCount
    ) return false;
  }
  return true;
}

/** A pattern that was taken before, perhaps by Kafka; one that kq cannot read matches nothing. */
function storedPattern(regex: string): TopicPattern | null {
  const parsed = parseTopicPattern(regex);
  return parsed.kind === "pattern" ? parsed.pattern : null;
}
