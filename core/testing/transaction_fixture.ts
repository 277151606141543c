// What tests of the transaction coordinator begin with: a coordinator whose shard
// is on a log of a simulated disk, and partitions that take markers as told.

import { loadBrokerConfig } from "../config/broker_config_load.ts";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { decodeBatch } from "../record/record_batch.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import { loadShard } from "../shards/load_shard.ts";
import type {
  MarkerToWrite,
  TopicPartition,
} from "../transactions/marker_writer.ts";
import { transactionContent } from "../transactions/transaction_content.ts";
import {
  decodeRecord,
  recordOf,
  type TransactionRecord,
} from "../transactions/transaction_record.ts";
import type {
  TransactionState,
  TransactionStates,
} from "../transactions/transaction_state.ts";
import {
  TransactionCoordinator,
  TRANSACTIONS_TOPIC,
} from "../transactions/transaction_coordinator.ts";
import { shardLogOf } from "./group_fixture.ts";
import { openTestLogs, testTopicConfig } from "./log_fixture.ts";

const TOPIC_CONFIG = testTopicConfig({ "cleanup.policy": "compact" });

/** A marker that a partition was asked for. */
export interface WrittenMarker extends MarkerToWrite, TopicPartition {}

type Codes = readonly number[] | Promise<readonly number[]>;

export interface TestTransactionsOptions {
  /** Keys of the broker's configuration. */
  readonly config?: { readonly [key: string]: string | number };
  /** Called before each append; throws to refuse it. */
  readonly beforeAppend?: () => void;
  /** When an append is durable; at once where left out. */
  readonly durable?: () => Promise<void> | null;
  /** What partitions say to markers; NONE at once where left out. */
  readonly answerMarkers?: (
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ) => Codes;
  readonly isDeleted?: (partition: TopicPartition) => boolean;
  /** Told of each record that is in the log now, before anything else happens. */
  readonly onAppended?: (record: TransactionRecord) => void;
  /** What an empty log begins with. */
  readonly initialStates?: readonly TransactionState[];
  /** The first id that is given out. */
  readonly firstProducerId?: number;
}

/** A coordinator of one partition. */
export interface TestTransactions {
  readonly coordinator: TransactionCoordinator;
  readonly log: PartitionLog;
  readonly shardLog: ShardLog;
  readonly logDirs: LogDirs;
  /** Every marker that it asked for, in order. */
  readonly markers: readonly WrittenMarker[];
  /** What it has traced. */
  readonly lines: readonly string[];
  close(): Promise<unknown>;
}

/** Opens the log on `/data`, as it is, and loads its transactions. */
export async function openTestTransactions(
  host: Host,
  options: TestTransactionsOptions = {},
): Promise<TestTransactions> {
  const { config } = loadBrokerConfig({
    overrides: Object.entries(options.config ?? {}).map(([key, value]) =>
      `${key}=${value}`
    ),
  });
  const logDirs = await openTestLogs(host, { topicConfig: TOPIC_CONFIG });
  const log = logDirs.log(TRANSACTIONS_TOPIC, 0) ?? logDirs.createLog({
    topic: TRANSACTIONS_TOPIC,
    partition: 0,
    topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    config: TOPIC_CONFIG,
  });
  const lines: string[] = [];
  const markers: WrittenMarker[] = [];
  let producerId = options.firstProducerId ?? 1000;
  const coordinator = new TransactionCoordinator({
    host,
    config: () => config,
    partitionCount: () => 1,
    nextProducerId: () => Promise.resolve(producerId++),
    markers: {
      write(marker, partitions) {
        for (const each of partitions) markers.push({ ...marker, ...each });
        return options.answerMarkers?.(marker, partitions) ??
          partitions.map(() => 0);
      },
    },
    isDeleted: options.isDeleted ?? (() => false),
    trace: (line) => lines.push(line),
  });
  if (log.logEndOffset === 0) {
    for (const state of options.initialStates ?? []) {
      const batch = transactionContent.encode([recordOf(state)], 0, null);
      shardLogOf(log).append(batch, host.clock.wallMs(), null);
    }
  }
  const shardLog = watched(shardLogOf(log, options), options);
  await coordinator.lead(shardLog);
  const close = () => {
    coordinator.close();
    return logDirs.close({ brokerEpoch: 1 });
  };
  return { coordinator, log, shardLog, logDirs, markers, lines, close };
}

function watched(
  shardLog: ShardLog,
  { onAppended }: TestTransactionsOptions,
): ShardLog {
  if (onAppended === undefined) return shardLog;
  return {
    ...shardLog,
    append(batch, nowMs, transaction) {
      const records = decodeBatch(batch.slice());
      const durable = shardLog.append(batch, nowMs, transaction);
      for (const { key, value } of records) {
        onAppended(decodeRecord(key!, value)!);
      }
      return durable;
    },
  };
}

/** What the log says now, read from its start. */
export async function replayTransactions(
  host: Host,
  shardLog: ShardLog,
): Promise<TransactionStates> {
  const states = transactionContent.newState();
  await loadShard(shardLog, transactionContent, states, {
    clock: host.clock,
    fromOffset: shardLog.log.logStartOffset,
    bufferBytes: 5 << 20,
    isWanted: () => true,
    report: (line) => {
      throw new Error(line);
    },
  });
  return states;
}
