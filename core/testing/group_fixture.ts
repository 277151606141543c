// What tests of the group coordinator begin with: a coordinator whose shard is on
// a log of a simulated disk, and members that answer what they are asked.

import { loadBrokerConfig } from "../config/broker_config_load.ts";
import type { BrokerConfig } from "../config/broker_config.ts";
import {
  type Caller,
  joinGroup,
  syncGroup,
} from "../groups/classic/classic_protocol.ts";
import type {
  JoinResponse,
  SyncResponse,
} from "../groups/classic/classic_member.ts";
import {
  GroupCoordinator,
  OFFSETS_TOPIC,
} from "../groups/group_coordinator.ts";
import type { GroupShard } from "../groups/group_content.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { openTestLogs, testTopicConfig } from "./log_fixture.ts";

const TOPIC_CONFIG = testTopicConfig({ "cleanup.policy": "compact" });

/** A coordinator of one partition. */
export interface TestCoordinator {
  readonly coordinator: GroupCoordinator;
  readonly shard: GroupShard;
  readonly log: PartitionLog;
  readonly logDirs: LogDirs;
  /** What it has traced. */
  readonly lines: readonly string[];
}

export interface TestCoordinatorOptions {
  /** Keys of the broker's configuration. */
  readonly config?: { readonly [key: string]: string | number };
  /** Called before each append; throws to refuse it. */
  readonly beforeAppend?: () => void;
  /** When an append is durable; at once where left out. */
  readonly durable?: () => Promise<void> | null;
}

/** Opens the log on `/data`, as it is, and loads its groups. */
export async function openTestCoordinator(
  host: Host,
  options: TestCoordinatorOptions = {},
): Promise<TestCoordinator> {
  const { config } = loadBrokerConfig({
    overrides: Object.entries({
      "group.initial.rebalance.delay.ms": 0,
      ...options.config,
    }).map(([key, value]) => `${key}=${value}`),
  });
  const logDirs = await openTestLogs(host, {
    topicConfig: TOPIC_CONFIG,
  });
  const log = logDirs.log(OFFSETS_TOPIC, 0) ?? logDirs.createLog({
    topic: OFFSETS_TOPIC,
    partition: 0,
    topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    config: TOPIC_CONFIG,
  });
  const lines: string[] = [];
  const coordinator = coordinatorOf(host, config, lines);
  await coordinator.lead(shardLogOf(log, options));
  return {
    coordinator,
    shard: coordinator.shardOf("any"),
    log,
    logDirs,
    lines,
  };
}

function coordinatorOf(
  host: Host,
  config: BrokerConfig,
  lines: string[],
): GroupCoordinator {
  return new GroupCoordinator({
    host,
    config: () => config,
    partitionCount: () => 1,
    topics: () => ({ topics: new Map(), topicsById: new Map() }) as never,
    trace: (line) => lines.push(line),
  });
}

/** A partition's log as a shard has it. */
export function shardLogOf(
  log: PartitionLog,
  options: TestCoordinatorOptions = {},
): ShardLog {
  return {
    partition: 0,
    name: log.name,
    leaderEpoch: 0,
    log,
    append: (batch, nowMs) => {
      options.beforeAppend?.();
      const { lastOffset } = log.append(batch, {
        leaderEpoch: 0,
        nowMs,
        origin: "coordinator",
        isOwnWork: true,
      });
      log.highWatermark = lastOffset + 1;
      return options.durable?.() ?? null;
    },
    committed: () => null,
  };
}

const CALLER: Caller = {
  clientId: "test",
  clientHost: "/127.0.0.1",
  apiVersion: 3,
};

/** What a test's JoinGroup may say; the rest has its default. */
export interface TestJoin {
  readonly groupId?: string;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType?: string;
  /** Names; the metadata of each is the name. */
  readonly protocols?: readonly string[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly apiVersion?: number;
}

/** Sends a JoinGroup. */
export async function testJoin(
  { coordinator }: TestCoordinator,
  join: TestJoin = {},
): Promise<JoinResponse> {
  return await joinGroup(coordinator, {
    groupId: join.groupId ?? "g",
    memberId: join.memberId ?? "",
    groupInstanceId: join.groupInstanceId ?? null,
    sessionTimeoutMs: join.sessionTimeoutMs ?? 10_000,
    rebalanceTimeoutMs: join.rebalanceTimeoutMs ?? 30_000,
    protocolType: join.protocolType ?? "consumer",
    protocols: (join.protocols ?? ["range"]).map((name) => ({
      name,
      metadata: new TextEncoder().encode(name),
    })),
    reason: null,
  }, { ...CALLER, apiVersion: join.apiVersion ?? CALLER.apiVersion });
}

/** Sends a SyncGroup; assignments are texts by member id. */
export async function testSync(
  { coordinator }: TestCoordinator,
  joined: Pick<JoinResponse, "generationId" | "memberId">,
  assignments: { readonly [memberId: string]: string } = {},
  groupId = "g",
): Promise<SyncResponse> {
  return await syncGroup(coordinator, {
    groupId,
    generationId: joined.generationId ?? -1,
    memberId: joined.memberId,
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: Object.entries(assignments).map(([memberId, text]) => ({
      memberId,
      assignment: new TextEncoder().encode(text),
    })),
  });
}
