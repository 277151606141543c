// A whole broker: from its configuration to open listeners, and back.
//
// The order of a start: bind the listeners (a port in use ends it before anything
// is touched), join the cluster, open and recover the logs, follow the cluster's
// image, serve. A client that connects meanwhile waits for its first answer. The
// order of a stop is the reverse: no new work, answers for what is under way,
// logs closed and marked clean, the session ended.

import { assert } from "../base/assert.ts";
import type { BrokerConfig } from "../config/broker_config.ts";
import { brokerListeners } from "../config/listeners.ts";
import { topicConfigFromBroker } from "../config/topic_defaults.ts";
import { type Cluster, openCluster } from "../controller/cluster.ts";
import type { ZnodeClient } from "../coordination/znode_client.ts";
import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import type { Host } from "../host/host.ts";
import { dataDirectories } from "../config/broker_checks.ts";
import { LogDirs } from "../log/log_dirs.ts";
import { readMetaProperties } from "../log/meta_properties.ts";
import { BrokerMetrics } from "../metrics/broker_metrics.ts";
import { RpcServer } from "../rpc/server.ts";
import { type FrameHandler, PendingAnswer } from "../rpc/server_connection.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { startAdvertising } from "./advertising.ts";
import { servedApis } from "./apis.ts";
import { boundedTrace } from "./bounded_trace.ts";
import { bindListeners, type BoundListener } from "./bound_listeners.ts";
import { type Broker, makeBroker, type Trace } from "./broker.ts";
import { ClusterMarkers } from "./cluster_markers.ts";
import { Configuration } from "./configuration.ts";
import { dispatcher } from "./dispatch.ts";
import { describe } from "./failure.ts";
import { FetchSessions } from "./fetch_sessions.ts";
import {
  newGroupCoordinator,
  newTransactionCoordinator,
} from "./coordinators.ts";
import { ImageFollower } from "./image_follower.ts";
import { BrokerLimits } from "./limits.ts";
import { Partitions } from "./partitions.ts";
import { PeerBrokers } from "./peer_brokers.ts";
import { ProducerIds } from "./producer_ids.ts";
import { Purgatory } from "./purgatory.ts";
import { RemoteCoordinators } from "./remote_coordinators.ts";
import { RemoteMarkers } from "./remote_markers.ts";
import { REPLICATION_FACTOR_MAX } from "./replication.ts";
import { TopicShards } from "./topic_shards.ts";
import { LocalMarkers } from "./transaction_markers.ts";

export interface BrokerOptions {
  readonly host: Host;
  readonly config: BrokerConfig;
  /** The texts that `config` was read from, by key. */
  readonly overrides: ReadonlyMap<string, string>;
  /** Opens the broker's session with the coordinator. */
  readonly connectZnodes: () => Promise<ZnodeClient>;
  readonly trace: Trace;
}

export interface RunningBroker {
  /** What its handlers see. */
  readonly broker: Broker;
  /** In the order of the configuration. */
  readonly addresses: readonly BoundListener[];
  /** Resolves, never rejects, when the broker cannot go on; call `shutdown` then. */
  readonly failed: Promise<Error>;
  /**
   * Stops cleanly; a second call waits for the first.
   *
   * @returns False where the next start will have to recover.
   */
  shutdown(): Promise<boolean>;
}

/**
 * A broker that was killed is registered until its session expires; a server counts
 * in ticks, so that takes a little longer than the session's timeout.
 */
const REGISTRATION_SHARE = 1.2;
const REGISTRATION_MIN_MS = 4000;

/** How long the coordinator is given to hear that a broker leaves. */
const LEAVE_MS = 3000;

/** How long answers under way may take when the broker stops. */
const STOP_GRACE_MS = 400;

/**
 * Starts a broker; resolves when it serves.
 *
 * @throws {HostError} Where a listener cannot be bound or the disk fails.
 * @throws {ConfigError} Where a data directory belongs to another broker or cluster.
 * @throws {KafkaError} INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION.
 */
export async function startBroker(
  options: BrokerOptions,
): Promise<RunningBroker> {
  const start = new Start(options);
  try {
    return await start.run();
  } catch (error) {
    await start.undo();
    throw error;
  }
}

/** What a start has made so far, so that a failed one leaves nothing behind. */
class Start {
  readonly #options: BrokerOptions;
  readonly #configuration: Configuration;
  readonly #metrics = new BrokerMetrics();
  readonly #server: RpcServer;
  readonly #failed: Promise<Error>;
  #fail: (error: Error) => void = () => {};
  #handler: FrameHandler | null = null;
  #open: () => void = () => {};
  readonly #isOpen = new Promise<void>((open) => this.#open = open);
  #znodes: ZnodeClient | null = null;
  #cluster: Cluster | null = null;
  #logDirs: LogDirs | null = null;
  #follower: ImageFollower | null = null;
  /** Of groups, and of transactions. */
  #shards: readonly TopicShards[] = [];
  #broker: Broker | null = null;
  #peers: PeerBrokers | null = null;
  #stopFollowing: () => void = () => {};
  #stopped: Promise<boolean> | null = null;
  #isBroken = false;

  constructor(given: BrokerOptions) {
    const trace = boundedTrace(given.host.clock, given.trace);
    const options = this.#options = { ...given, trace };
    this.#configuration = new Configuration(options.overrides, options.config);
    this.#failed = new Promise((fail) => this.#fail = fail);
    this.#server = new RpcServer({
      host: options.host,
      limits: new BrokerLimits(() => this.#configuration.config),
      counts: this.#metrics,
      handler: (frame, connection) => this.#serve(frame, connection),
      trace: options.trace,
      onFatal: (error) => this.#break("a fault of the broker", error),
    });
  }

  async run(): Promise<RunningBroker> {
    const { host, config, connectZnodes } = this.#options;
    const listeners = await bindListeners(
      this.#server,
      brokerListeners(config),
    );
    const identity = knownIdentity(host, config);
    const znodes = this.#znodes = await connectZnodes();
    const cluster = this.#cluster = await openCluster({
      host,
      znodes,
      brokerId: identity.brokerId,
      expectedClusterId: identity.clusterId,
      reservedBrokerIdMax: config["reserved.broker.max.id"],
      replicationFactorMax: REPLICATION_FACTOR_MAX,
      registrationTimeoutMs: config["zookeeper.session.timeout.ms"] *
          REGISTRATION_SHARE + REGISTRATION_MIN_MS,
      endpoints: listeners,
      rack: config["broker.rack"],
      trace: this.#options.trace,
      uncleanElectionDefault: () =>
        this.#configuration.config["unclean.leader.election.enable"],
      isReplicaLost: (topic, index) =>
        this.#logDirs?.isOffline(topic, index) ?? false,
    });
    cluster.onLost(() =>
      this.#break(
        "the end of its session with the coordinator",
        new Error("The session has ended"),
      )
    );
    await this.#openLogs(cluster);
    return {
      broker: this.#beginToServe(cluster, listeners),
      addresses: listeners,
      failed: this.#failed,
      shutdown: () => this.#stopped ??= this.#stop(),
    };
  }

  /** Takes back what a start that failed has done. */
  async undo(): Promise<void> {
    await this.#server.close(0);
    this.#stopFollowing();
    this.#peers?.close();
    this.#logDirs?.abandon();
    await this.#cluster?.close().catch(() => {});
    await this.#znodes?.close().catch(() => {});
  }

  async #openLogs(cluster: Cluster): Promise<void> {
    const { host, config, trace } = this.#options;
    this.#configuration.update(cluster.image, cluster.brokerId);
    this.#logDirs = await LogDirs.open({
      host,
      config,
      currentConfig: () => this.#configuration.config,
      brokerId: cluster.brokerId,
      clusterId: cluster.clusterId,
      topicConfig: (topic) =>
        topicConfigFromBroker(
          this.#configuration.config,
          cluster.image.topics.get(topic)?.config ?? new Map(),
        ),
      topicId: (topic) => cluster.image.topics.get(topic)?.topicId,
      report: trace,
      onLogMoved: () => {
        this.#follower?.refresh();
        this.#refreshShards();
      },
      onDirectoryFailure: (path, error) => this.#loseDirectory(path, error),
      activity: () => this.#metrics.bytesReceived + this.#metrics.bytesSent,
    });
  }

  #beginToServe(cluster: Cluster, bound: readonly BoundListener[]): Broker {
    const { host, config, trace } = this.#options;
    assert(this.#logDirs !== null, "Logs are opened before they are served");
    const partitions = new Partitions();
    const purgatory = new Purgatory(host.clock);
    const producerIds = new ProducerIds(cluster);
    const asCoordinator = {
      host,
      cluster,
      config: () => this.#configuration.config,
      trace,
    };
    const groups = newGroupCoordinator(asCoordinator);
    const markers = new LocalMarkers({
      host,
      partitions,
      purgatory,
      timeoutMs: () => this.#configuration.config["request.timeout.ms"],
      onOffsetsDecided: (partition, producerId, isCommit) =>
        groups.endTransaction(partition, producerId, isCommit),
    });
    const peers = this.#peers = new PeerBrokers({
      host,
      cluster,
      config: () => this.#configuration.config,
    });
    const transactions = newTransactionCoordinator({
      ...asCoordinator,
      producerIds,
      markers: new ClusterMarkers({
        cluster,
        local: markers,
        remote: new RemoteMarkers(host.clock, peers),
      }),
    });
    this.#follower = new ImageFollower({
      cluster,
      logDirs: this.#logDirs,
      partitions,
      configuration: this.#configuration,
      trace,
    });
    const stopFollower = this.#follower.start();
    cluster.replicasLost();
    const following = {
      cluster,
      partitions,
      purgatory,
      config: () => this.#configuration.config,
    };
    this.#shards = [
      new TopicShards({
        ...following,
        topic: OFFSETS_TOPIC,
        coordinator: groups,
      }),
      new TopicShards({
        ...following,
        topic: TRANSACTIONS_TOPIC,
        coordinator: transactions,
      }),
    ];
    const stopShards = this.#shards.map((each) => each.start());
    const stopAdvertising = startAdvertising({
      cluster,
      bound,
      config: () => this.#configuration.config,
      trace,
    });
    this.#stopFollowing = () => {
      stopAdvertising();
      for (const stop of stopShards) stop();
      stopFollower();
    };
    const broker = makeBroker(this.#configuration, {
      host,
      brokerId: cluster.brokerId,
      clusterId: cluster.clusterId,
      cluster,
      logDirs: this.#logDirs,
      partitions,
      purgatory,
      groups,
      transactions,
      markers,
      remoteCoordinators: new RemoteCoordinators({
        clock: host.clock,
        cluster,
        peers,
        partitionOf: (transactionalId) =>
          transactions.partitionOf(transactionalId),
      }),
      fetchSessions: new FetchSessions({
        slotCount: config["max.incremental.fetch.session.cache.slots"],
        randomBytes: (count) => host.randomBytes(count),
      }),
      producerIds,
      answerRoomBytes: () => this.#server.answerRoomBytes,
      metrics: this.#metrics,
      trace,
    });
    this.#broker = broker;
    this.#handler = dispatcher({
      broker,
      apis: servedApis,
      pool: () => this.#server.pool,
    });
    this.#open();
    return broker;
  }

  #serve(...[frame, connection]: Parameters<FrameHandler>) {
    if (this.#handler !== null) return this.#handler(frame, connection);
    const answer = this.#isOpen.then(() => {
      const outcome = this.#handler!(frame, connection);
      return outcome instanceof PendingAnswer ? outcome.answer : outcome;
    });
    return new PendingAnswer(answer, false);
  }

  #refreshShards(): void {
    for (const each of this.#shards) each.refresh();
  }

  #loseDirectory(path: string, error: Error): void {
    const { trace } = this.#options;
    trace(`The log directory "${path}" has failed: ${error.message}`);
    this.#follower?.refresh();
    this.#refreshShards();
    this.#cluster?.replicasLost();
    const isAnyOnline = this.#logDirs?.directories.some(({ state }) =>
      state.isOnline
    );
    if (isAnyOnline === false) {
      this.#break("the loss of its last log directory", error);
    }
  }

  /** The broker cannot go on: it stops serving now, and its owner ends it. */
  #break(reason: string, error: unknown): void {
    if (this.#isBroken || this.#stopped !== null) return;
    this.#isBroken = true;
    this.#options.trace(`The broker stops after ${reason}: ${describe(error)}`);
    this.#server.stopAccepting();
    this.#fail(error instanceof Error ? error : new Error(String(error)));
  }

  async #stop(): Promise<boolean> {
    this.#server.stopAccepting();
    this.#broker?.purgatory.expireAll();
    this.#broker?.transactions.close();
    this.#broker?.groups.close();
    await this.#server.close(this.#isBroken ? 0 : STOP_GRACE_MS);
    this.#stopFollowing();
    this.#peers?.close();
    const cluster = this.#cluster!;
    const logDirs = this.#logDirs!;
    if (this.#isBroken) logDirs.abandon();
    const isClean = !this.#isBroken &&
      await logDirs.close({ brokerEpoch: cluster.brokerEpoch });
    await this.#quietly("leave the cluster", () => this.#leave(cluster));
    await this.#quietly("end the session", () => this.#znodes!.close());
    return isClean;
  }

  /** Deregisters; where no coordinator can be told, the session's end will tell. */
  #leave(cluster: Cluster): Promise<void> {
    const left = cluster.close();
    return new Promise((done, refuse) => {
      const stop = this.#options.host.clock.after(LEAVE_MS, done);
      left.then(done, refuse).finally(stop);
    });
  }

  async #quietly(action: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#options.trace(`Could not ${action}: ${describe(error)}`);
    }
  }
}

/** Who this broker is by its configuration, or by its directories where that does not say. */
function knownIdentity(
  host: Host,
  config: BrokerConfig,
): { readonly brokerId: number; readonly clusterId: string | null } {
  let brokerId = config["broker.id"] >= 0
    ? config["broker.id"]
    : config["node.id"];
  let clusterId: string | null = null;
  for (const directory of dataDirectories(config)) {
    const found = readMetaProperties(host.disk, directory);
    clusterId ??= found?.clusterId ?? null;
    if (brokerId < 0) brokerId = found?.brokerId ?? -1;
  }
  return { brokerId, clusterId };
}
