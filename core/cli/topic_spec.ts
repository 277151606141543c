// A topic, or some of its partitions: `orders`, `orders:0,2`, `orders:0-3,7`.

import { UsageError } from "./usage_error.ts";

export interface TopicSpec {
  readonly topic: string;
  /** In ascending order, each once; `null` is all of them. */
  readonly partitions: readonly number[] | null;
}

/** More partitions than any topic has would only fill memory. */
const PARTITION_COUNT_MAX = 1_000_000;

/** @throws {UsageError} Where the name or the partitions are no such thing. */
export function parseTopicSpec(text: string): TopicSpec {
  const colon = text.indexOf(":");
  const topic = colon === -1 ? text : text.slice(0, colon);
  checkTopicName(topic);
  if (colon === -1) return { topic, partitions: null };
  const partitions = new Set<number>();
  for (const part of text.slice(colon + 1).split(",")) {
    const range = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part.trim());
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (range === null || last < first || last >= PARTITION_COUNT_MAX) {
      throw new UsageError(
        `expected partitions after the colon, as in ${topic}:0,2 or ` +
          `${topic}:0-3, got ${JSON.stringify(text)}`,
      );
    }
    for (let index = first; index <= last; index++) partitions.add(index);
  }
  return { topic, partitions: [...partitions].sort((a, b) => a - b) };
}

/**
 * Checks a topic's name as the broker will, so that a slip costs no request.
 *
 * @throws {UsageError} Where no topic can be called so.
 */
export function checkTopicName(topic: string): void {
  const reason = topic === ""
    ? "it is empty"
    : topic === "." || topic === ".."
    ? "it is a folder's name"
    : topic.length > 249
    ? `it has ${topic.length} characters, and may have 249`
    : /^[\w.-]+$/.test(topic)
    ? null
    : "it may have letters, digits, dots, underscores and dashes only";
  if (reason !== null) {
    throw new UsageError(
      `${JSON.stringify(topic.slice(0, 300))} is no topic name: ${reason}`,
    );
  }
}
