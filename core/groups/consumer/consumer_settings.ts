// What groups of the newer kind ask of their broker.

import type { BrokerConfig } from "../../config/broker_config.ts";
import type { Host } from "../../host/host.ts";
import { serverAssignors } from "../assignors/server_assignors.ts";
import type { ClassicGroup } from "../classic/classic_group.ts";
import type { GroupShard } from "../group_content.ts";
import type { ConsumerRules } from "./decide_heartbeat.ts";
import type { TopicsView } from "./topics_view.ts";

export interface ConsumerSettings {
  readonly host: Host;
  /** The configuration now in force. */
  readonly config: () => BrokerConfig;
  /** The cluster's topics now. */
  readonly view: () => TopicsView;
  /**
   * The shard of a group, ready to decide.
   *
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS…
   */
  readonly shardOf: (groupId: string) => GroupShard;
  /** Asks the members of a group that has just become a classic one to join again. */
  readonly rebalanceClassic: (shard: GroupShard, group: ClassicGroup) => void;
  readonly trace: (line: string) => void;
}

/** What decisions go by, as of now. */
export function rulesOf({ config, view }: ConsumerSettings): ConsumerRules {
  const current = config();
  return {
    view: view(),
    assignors: serverAssignors(current["group.consumer.assignors"]),
    heartbeatIntervalMs: current["group.consumer.heartbeat.interval.ms"],
    sizeMax: current["group.consumer.max.size"],
  };
}

/** Whether groups may change their kind with members in them. */
export function mayMigrate(
  { config }: ConsumerSettings,
  direction: "upgrade" | "downgrade",
): boolean {
  const policy = config()["group.consumer.migration.policy"].toLowerCase();
  return policy === direction || policy === "bidirectional";
}
