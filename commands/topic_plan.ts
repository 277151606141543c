// kq topic plan

import { GIB } from "../core/base/units.ts";
import { command, type CommandContext } from "../core/cli/command.ts";
import type { ConnectionFlags } from "../core/cli/connection.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import {
  connectionFlags,
  outputFlags,
  type OutputFormat,
} from "../core/cli/flags.ts";
import { formatBytes, parseRate } from "../core/cli/rate_expression.ts";
import { printDocument } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import { ConfigResourceType } from "../core/client/admin_types.ts";
import { withAdmin } from "./_admin.ts";
import {
  type PartitionPlan,
  type PartitionRates,
  planPartitions,
  type PlanRequest,
} from "./_partition_plan.ts";
import { Interrupted, measurePartition } from "./_partition_rates.ts";
import { replicaCounts, warnOfReplicas } from "./_replica_counts.ts";

/** As Kafka's own defaults, where there is no cluster to ask. */
const SEGMENT_BYTES = GIB;
const SESSION_TIMEOUT_MS = 18_000;
const REPLICATION_FACTOR = 3;

export default command({
  details:
    "Measures what one partition can do, with a topic that is made for it and\n" +
    "deleted again, or takes --produce-rate and --consume-rate as they are told;\n" +
    "with both, --broker-count and --replication-factor no cluster is asked. A\n" +
    "producer and a consumer of this machine are measured: partitions of one\n" +
    "broker share its disk and its network.",
  args: [],
  flags: {
    "target-throughput": {
      kind: "text",
      short: "t",
      value: "RATE",
      doc: "What the topic is to carry, as 200MB/s",
    },
    "produce-rate": {
      kind: "text",
      value: "RATE",
      doc: "What one partition takes, in place of measuring it",
    },
    "consume-rate": {
      kind: "text",
      value: "RATE",
      doc: "What one consumer reads of it, in place of measuring it",
    },
    "replication-factor": {
      kind: "whole",
      short: "r",
      min: 1,
      max: 32_767,
      doc: "Replicas of each partition (default: the broker's)",
    },
    "broker-count": {
      kind: "whole",
      min: 1,
      doc: "Brokers that there are to be (default: those that there are)",
    },
    "measure-time": {
      kind: "duration",
      default: 3000,
      value: "TIME",
      doc: "Longest time to write, and to read (default 3s)",
    },
    "measure-bytes": {
      kind: "text",
      default: "256MB",
      value: "SIZE",
      doc: "Most to write (default 256MB)",
    },
    "record-size": {
      kind: "whole",
      min: 1,
      max: 2 ** 20,
      default: 1000,
      doc: "Bytes of a record",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic plan --target-throughput 200MB/s",
    "kq topic plan -t 1GB/s --produce-rate 50MB/s --consume-rate 80MB/s -o json",
  ],
  finishesItself: true,
  run: async (context, { flags }) => {
    const text = flags["target-throughput"];
    if (text === undefined) {
      throw new UsageError("say what it is to carry: --target-throughput RATE");
    }
    const asked: Asked = {
      targetRate: bytesOf("--target-throughput", text),
      produceRate: rateFlag("--produce-rate", flags["produce-rate"]),
      consumeRate: rateFlag("--consume-rate", flags["consume-rate"]),
      replicationFactor: flags["replication-factor"],
      brokerCount: flags["broker-count"],
      timeMs: flags["measure-time"],
      sizeBytes: bytesOf("--measure-bytes", flags["measure-bytes"]),
      recordBytes: flags["record-size"],
    };
    try {
      const { request, isMeasured } = offline(asked) ??
        await withAdmin(
          context,
          flags,
          (admin) => online(context, flags, { admin, asked }),
        );
      const plan = planPartitions(request);
      await print(context, flags.output, { plan, request, isMeasured });
      warnOfReplicas(context, plan.replicasPerBroker);
    } catch (error) {
      if (error instanceof Interrupted) return ExitCode.INTERRUPTED;
      throw error;
    }
  },
});

interface Asked extends Partial<PartitionRates> {
  readonly targetRate: number;
  readonly replicationFactor: number | undefined;
  readonly brokerCount: number | undefined;
  readonly timeMs: number;
  readonly sizeBytes: number;
  readonly recordBytes: number;
}

interface Known {
  readonly request: PlanRequest;
  readonly isMeasured: boolean;
}

function bytesOf(flag: string, text: string): number {
  const rate = parseRate(text);
  if (rate !== null) return rate;
  throw new UsageError(
    `${flag}: expected bytes as 200MB or 1.5GiB, got ${JSON.stringify(text)}`,
  );
}

function rateFlag(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : bytesOf(flag, text);
}

/** Everything that a plan needs, where all of it was told; `null` otherwise. */
function offline(asked: Asked): Known | null {
  const { targetRate, produceRate, consumeRate, brokerCount } = asked;
  if (
    produceRate === undefined || consumeRate === undefined ||
    brokerCount === undefined
  ) return null;
  const { replicationFactor = Math.min(REPLICATION_FACTOR, brokerCount) } =
    asked;
  checkReplicas(replicationFactor, brokerCount);
  const cluster = {
    brokerCount,
    replicasPerBroker: 0,
    segmentBytes: SEGMENT_BYTES,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  };
  return {
    request: {
      targetRate,
      produceRate,
      consumeRate,
      replicationFactor,
      cluster,
    },
    isMeasured: false,
  };
}

function checkReplicas(replicationFactor: number, brokerCount: number): void {
  if (replicationFactor <= brokerCount) return;
  throw new UsageError(
    `--replication-factor ${replicationFactor} needs as many brokers, and ` +
      `there are ${brokerCount}: say --broker-count for a larger cluster`,
  );
}

async function online(
  context: CommandContext,
  flags: ConnectionFlags,
  { admin, asked }: { readonly admin: Admin; readonly asked: Asked },
): Promise<Known> {
  const counts = await replicaCounts(admin);
  const config = await brokerConfig(admin);
  const brokerCount = asked.brokerCount ?? counts.brokerCount;
  const replicationFactor = asked.replicationFactor ??
    config("default.replication.factor") ?? 1;
  checkReplicas(replicationFactor, brokerCount);
  const isMeasured = asked.produceRate === undefined ||
    asked.consumeRate === undefined;
  const measured = isMeasured
    ? await measurePartition(context, flags, {
      admin,
      limits: {
        ...asked,
        replicationFactor: Math.min(replicationFactor, counts.brokerCount),
      },
    })
    : null;
  const existing = counts.perBroker * counts.brokerCount;
  return {
    request: {
      targetRate: asked.targetRate,
      produceRate: asked.produceRate ?? measured!.produceRate,
      consumeRate: asked.consumeRate ?? measured!.consumeRate,
      replicationFactor,
      cluster: {
        brokerCount,
        replicasPerBroker: Math.ceil(existing / brokerCount),
        segmentBytes: config("log.segment.bytes") ?? SEGMENT_BYTES,
        sessionTimeoutMs: config("zookeeper.session.timeout.ms") ??
          SESSION_TIMEOUT_MS,
      },
    },
    isMeasured,
  };
}

/** The numbers of one broker's configuration that a plan needs. */
async function brokerConfig(
  admin: Admin,
): Promise<(key: string) => number | null> {
  const { nodes } = await admin.describeCluster();
  const [described] = await admin.describeConfigs([
    { type: ConfigResourceType.broker, name: `${nodes[0]?.id ?? 0}` },
  ], {
    keys: [
      "default.replication.factor",
      "log.segment.bytes",
      "zookeeper.session.timeout.ms",
    ],
  });
  // Who may not read it plans with the defaults.
  return (key) => {
    const value = described.entries.find(({ name }) => name === key)?.value;
    return value === null || value === undefined ? null : Number(value);
  };
}

function print(
  context: CommandContext,
  format: OutputFormat,
  { plan, request, isMeasured }: {
    readonly plan: PartitionPlan;
    readonly request: PlanRequest;
    readonly isMeasured: boolean;
  },
): Promise<void> {
  const { targetRate, produceRate, consumeRate, replicationFactor } = request;
  const { recoveryMs, ...rest } = plan;
  const isText = format === "table" || format === "wide";
  if (!isText) {
    return printDocument(context.out, format, {
      ...rest,
      recoveryMsLeast: recoveryMs.least,
      recoveryMsMost: recoveryMs.most,
      targetRate,
      produceRate,
      consumeRate,
      isMeasured,
      replicationFactor,
      brokerCount: request.cluster.brokerCount,
    });
  }
  const how = isMeasured ? "measured" : "told";
  return printDocument(context.out, format, {
    partitionCount: plan.partitionCount,
    targetThroughput: `${formatBytes(targetRate)}/s`,
    onePartition: `produce ${formatBytes(produceRate)}/s, consume ${
      formatBytes(consumeRate)
    }/s (${how})`,
    limitedBy: plan.limitedBy,
    replicas: `${replicationFactor} of each; ${plan.replicasPerBroker} ` +
      `a broker with all other topics, on ${request.cluster.brokerCount}`,
    fileHandles: `${plan.fileHandles} a broker (Apache Kafka: ` +
      `${plan.fileHandlesKafka} and more)`,
    recovery:
      `${seconds(recoveryMs.least)} after kill -9 with little unflushed, ` +
      `${seconds(recoveryMs.most)} after a power cut with full segments of ${
        formatBytes(request.cluster.segmentBytes)
      }`,
    failover: plan.failoverMs === null
      ? "none: one replica, gone until its broker is back"
      : `${seconds(plan.failoverMs)}, of which ${
        seconds(request.cluster.sessionTimeoutMs)
      } until the broker is taken for dead`,
    memory: `broker ${formatBytes(plan.brokerMemoryBytes)}, producer ${
      formatBytes(plan.producerMemoryBytes)
    }, consumer of all ${formatBytes(plan.consumerMemoryBytes)}`,
  });
}

function seconds(ms: number): string {
  const count = ms / 1000;
  if (count >= 120) return `${Math.round(count / 60)} min`;
  return `${count >= 10 ? Math.round(count) : Number(count.toPrecision(2))} s`;
}
