// What `perf produce` and `perf consume` share: the topic, by argument or by
// flag, and client configuration as Kafka's tools take it.

import type { CommandContext } from "../core/cli/command.ts";
import { clientConfig, type ConnectionFlags } from "../core/cli/connection.ts";
import { checkTopicName } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { parseKeyValues } from "./_admin.ts";

/** How often a line is printed. */
export const REPORT_INTERVAL_MS = 5000;

/** The first argument without `=`, or the flag. */
export function perfTopic(
  args: readonly string[],
  flag: string | undefined,
): string {
  const named = args.filter((arg) => !arg.includes("="));
  const topics = [...named, ...(flag === undefined ? [] : [flag])];
  if (topics.length !== 1) {
    throw new UsageError(
      topics.length === 0 ? "TOPIC is missing" : "expected one topic",
    );
  }
  checkTopicName(topics[0]);
  return topics[0];
}

/**
 * The client's configuration. Kafka's own tools take several `KEY=VALUE` words
 * after one flag, so those among the arguments count as well.
 */
export async function perfConfig(
  context: CommandContext,
  flags: ConnectionFlags,
  words: readonly string[],
): Promise<Map<string, string>> {
  const properties = parseKeyValues(
    "configuration",
    words.filter((word) => word.includes("=")),
  );
  const items = [...properties].map(([key, value]) => `${key}=${value}`);
  return await clientConfig(context, { ...flags, X: [...flags.X, ...items] });
}
