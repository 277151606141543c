// All that is known of a topic: partitions, their offsets, its own configuration.

import type { Row } from "../core/cli/rows.ts";
import type { Admin } from "../core/client/admin.ts";
import {
  ConfigResourceType,
  ConfigSource,
  type DescribedPartition,
} from "../core/client/admin_types.ts";
import { OffsetAt } from "../core/client/list_offsets.ts";
import { errorField } from "./_admin.ts";

export interface WholeTopic {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** What the topic itself sets. */
  readonly configs: { readonly [key: string]: string | null };
  readonly partitions: readonly Row[];
  readonly error: Error | null;
}

/** Describes topics; a missing one carries its error. */
export async function describeWhole(
  admin: Admin,
  names: readonly string[],
  isShown: (partition: DescribedPartition) => boolean,
): Promise<WholeTopic[]> {
  const [described, configs] = await Promise.all([
    admin.describeTopics(names),
    topicConfigs(admin, names),
  ]);
  const shown = described.map((topic) => topic.partitions.filter(isShown));
  const offsets = await endOffsets(admin, shown.flat());
  return described.map((topic, index) => ({
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    configs: configs.get(topic.name) ?? {},
    partitions: shown[index].map((partition) => ({
      partition: partition.partition,
      leader: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicas,
      isr: partition.isr,
      offlineReplicas: partition.offlineReplicas,
      ...offsets.get(`${partition.topic}:${partition.partition}`),
      ...errorField(partition.error),
    })),
    error: topic.error,
  }));
}

/** What the topics themselves set; brokers that may not tell leave it empty. */
async function topicConfigs(admin: Admin, names: readonly string[]) {
  const type = ConfigResourceType.topic;
  const resources = names.map((name) => ({ type, name }));
  const described = await admin.describeConfigs(resources);
  return new Map(described.map(({ resource, entries }) => [
    resource.name,
    Object.fromEntries(
      entries.filter(({ source }) => source === ConfigSource.dynamicTopic)
        .map(({ name, value }) => [name, value]),
    ),
  ]));
}

async function endOffsets(
  admin: Admin,
  partitions: readonly DescribedPartition[],
) {
  const led = partitions.filter(({ leader }) => leader >= 0);
  const at = (timestampMs: number) =>
    admin.listOffsets(led.map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    })));
  if (led.length === 0) return new Map();
  const [earliest, latest] = await Promise.all([
    at(OffsetAt.earliest),
    at(OffsetAt.latest),
  ]);
  return new Map(led.map(({ topic, partition }, index) => [
    `${topic}:${partition}`,
    {
      earliestOffset: earliest[index].value?.offset ?? null,
      latestOffset: latest[index].value?.offset ?? null,
    },
  ]));
}
