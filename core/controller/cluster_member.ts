// One broker as a member of its cluster: puts registration, metadata, controller
// and admin calls together. The contract is in cluster.ts.

import { Serial } from "../base/serial.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import type { BrokerEndpoint, ClusterImage } from "./cluster_image.ts";
import { Controller } from "./controller.ts";
import {
  changeClientEntity,
  readClientEntities,
  readClientEntity,
} from "./entity_admin.ts";
import { electLeader } from "./leader_admin.ts";
import { MetadataFollower } from "./metadata_follower.ts";
import { allocateProducerIds, lastProducerId } from "./producer_ids.ts";
import {
  ensureCluster,
  generateBrokerId,
  registerBroker,
} from "./registration.ts";
import { TopicAdmin } from "./topic_admin.ts";
import { brokerPath, CONTROLLER, encodeBroker } from "./znode_layout.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";

const RESERVED_BROKER_ID_MAX = 1000;
const REGISTRATION_TIMEOUT_MS = 30_000;
/** Longer than any client waits for the like. */
const ADMIN_LIMIT_MS = 90_000;

type ImageListener = (image: ClusterImage, before: ClusterImage) => void;

/** See the file's header. */
export class ClusterMember implements Cluster {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly createTopic: Cluster["createTopic"];
  readonly createPartitions: Cluster["createPartitions"];
  readonly deleteTopic: Cluster["deleteTopic"];
  readonly setTopicConfig: Cluster["setTopicConfig"];
  readonly setBrokerConfig: Cluster["setBrokerConfig"];
  readonly electLeader: Cluster["electLeader"];
  readonly clientEntities: Cluster["clientEntities"];
  readonly clientEntity: Cluster["clientEntity"];
  readonly changeClientEntity: Cluster["changeClientEntity"];
  readonly #options: ClusterOptions;
  readonly #follower: MetadataFollower;
  readonly #controller: Controller;
  readonly #imageListeners = new Set<ImageListener>();
  readonly #lostListeners = new Set<() => void>();
  /** Those who wait for the image to show something. */
  readonly #waiters = new Set<() => void>();
  #brokerEpoch = -1;
  #endpoints: readonly BrokerEndpoint[];
  #stopListening: () => void = () => {};
  /** The session that the registration is of; `null` while there is none. */
  #registeredBy: bigint | null = null;
  readonly #rejoining = new Serial();
  #state: "open" | "lost" | "closed" = "open";

  private constructor(
    options: ClusterOptions,
    ids: { readonly brokerId: number; readonly clusterId: string },
  ) {
    this.#options = options;
    this.#endpoints = options.endpoints;
    this.brokerId = ids.brokerId;
    this.clusterId = ids.clusterId;
    const trace = options.trace ?? (() => {});
    const onFailure = (error: unknown) => this.#lost(error);
    const { host, znodes } = options;
    this.#follower = new MetadataFollower({
      znodes,
      clusterId: ids.clusterId,
      onImage: (image, before) => this.#imageChanged(image, before),
      onRefreshed: () => this.#lookAgain(),
      onFailure,
      trace,
    });
    this.#controller = new Controller({
      host,
      znodes,
      brokerId: ids.brokerId,
      image: () => this.image,
      uncleanElectionDefault: options.uncleanElectionDefault ?? (() => false),
      isReplicaLost: options.isReplicaLost ?? (() => false),
      trace,
      onFailure,
    });
    const seen = {
      znodes,
      image: () => this.image,
      waitFor: (
        test: (image: ClusterImage) => boolean,
        timeoutMs: number,
      ) => this.#waitFor(test, timeoutMs),
    };
    const admin = new TopicAdmin({
      ...seen,
      host,
      replicationFactorMax: options.replicationFactorMax,
      configChangeSeen: () => this.#follower.configChangeSeen,
    });
    // While there is no coordinator, nobody waits for it any longer than that.
    const within = <T>(work: Promise<T>) => this.#withinLimit(work);
    this.createTopic = (topic) => within(admin.createTopic(topic));
    this.createPartitions = (added) => within(admin.createPartitions(added));
    this.deleteTopic = (topic, limits) =>
      within(admin.deleteTopic(topic, limits));
    this.setTopicConfig = (name, config) =>
      within(admin.setTopicConfig(name, config));
    this.setBrokerConfig = (id, config) =>
      within(admin.setBrokerConfig(id, config));
    this.electLeader = (wanted) => within(electLeader(seen, wanted));
    this.clientEntities = () => within(readClientEntities(znodes));
    this.clientEntity = (entity) => within(readClientEntity(znodes, entity));
    this.changeClientEntity = (entity, change) =>
      within(changeClientEntity(znodes, entity, change));
  }

  /** See `openCluster`. */
  static async open(options: ClusterOptions): Promise<ClusterMember> {
    const { host, znodes } = options;
    const clusterId = await ensureCluster(
      host,
      znodes,
      options.expectedClusterId ?? null,
    );
    const brokerId = options.brokerId >= 0
      ? options.brokerId
      : await generateBrokerId(
        znodes,
        options.reservedBrokerIdMax ?? RESERVED_BROKER_ID_MAX,
      );
    const member = new ClusterMember(options, { brokerId, clusterId });
    await member.#join();
    return member;
  }

  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  get isController(): boolean {
    return this.#controller.isActive;
  }

  get isFenced(): boolean {
    const { znodes, host } = this.#options;
    if (this.#state === "lost") return true;
    if (znodes.sessionId !== this.#registeredBy) return true;
    const { livesUntilMs } = znodes;
    return livesUntilMs !== Infinity &&
      livesUntilMs <= host.clock.monotonicMs();
  }

  get image(): ClusterImage {
    return this.#follower.image;
  }

  onChange(run: ImageListener): () => void {
    this.#imageListeners.add(run);
    return () => this.#imageListeners.delete(run);
  }

  replicasLost(): void {
    this.#controller.replicasLost();
  }

  onLost(run: () => void): () => void {
    this.#lostListeners.add(run);
    return () => this.#lostListeners.delete(run);
  }

  allocateProducerIds() {
    return this.#withinLimit(
      allocateProducerIds(this.#options.znodes, this.brokerId),
    );
  }

  lastProducerId() {
    return this.#withinLimit(lastProducerId(this.#options.znodes));
  }

  async setEndpoints(endpoints: readonly BrokerEndpoint[]): Promise<void> {
    const { host, znodes } = this.#options;
    this.#endpoints = endpoints;
    const registration = this.#registration;
    await znodes.set(
      brokerPath(this.brokerId),
      encodeBroker(registration, host.clock.wallMs()),
      -1,
    );
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    const wasController = this.isController;
    this.#state = "closed";
    this.#stopListening();
    this.#follower.close();
    this.#lookAgain();
    await this.#controller.close();
    if (!wasOpen) return;
    const paths = [brokerPath(this.brokerId)];
    if (wasController) paths.push(CONTROLLER);
    await Promise.all(paths.map((path) => this.#deregister(path)));
  }

  async #join(): Promise<void> {
    const { znodes } = this.#options;
    this.#stopListening = znodes.onState((state) => {
      if (state === "expired" || state === "closed") this.#lost(null);
      if (state === "connected") this.#connected();
    });
    await this.#register();
    // Where the former controller went only now, an election is under way.
    await this.#waitFor(
      (image) => image.controllerId !== -1,
      this.#registrationTimeoutMs,
    );
  }

  /** Registers, takes part in the election, reads everything. */
  async #register(): Promise<void> {
    const { host, znodes, trace } = this.#options;
    const { sessionId } = znodes;
    // Both in one go: neither needs the other, and they share an fsync.
    const [brokerEpoch] = await Promise.all([
      registerBroker({ host, znodes }, this.brokerId, this.#registration, {
        timeoutMs: this.#registrationTimeoutMs,
        onWait: () =>
          trace?.(
            `Broker ${this.brokerId} is registered already; waiting for the end of that session`,
          ),
      }),
      this.#controller.elect(),
    ]);
    this.#brokerEpoch = brokerEpoch;
    await this.#follower.start();
    this.#registeredBy = sessionId;
  }

  /** There is a connection again: of the same session, or of a new one. */
  #connected(): void {
    this.#rejoining.run(async () => {
      const { znodes, trace } = this.#options;
      if (znodes.sessionId === this.#registeredBy) return;
      if (this.#registeredBy === null || this.#state !== "open") return;
      this.#controller.resign();
      await this.#register();
      trace?.(`Broker ${this.brokerId} is registered anew`);
    }).catch((error) => this.#lost(error));
  }

  get #registration() {
    const { rack = null, features = {} } = this.#options;
    return { endpoints: this.#endpoints, rack, features };
  }

  get #registrationTimeoutMs(): number {
    return this.#options.registrationTimeoutMs ?? REGISTRATION_TIMEOUT_MS;
  }

  /** @throws {KafkaError} REQUEST_TIMED_OUT; whatever was begun may still be done. */
  #withinLimit<T>(work: Promise<T>): Promise<T> {
    const { znodes, host } = this.#options;
    if (znodes.livesUntilMs === Infinity) return work;
    return new Promise((resolve, reject) => {
      const stop = host.clock.after(ADMIN_LIMIT_MS, () =>
        reject(
          new KafkaError(
            "REQUEST_TIMED_OUT",
            `The coordinator did not answer within ${ADMIN_LIMIT_MS} ms.`,
          ),
        ));
      work.then(resolve, reject).finally(stop);
    });
  }

  async #deregister(path: string): Promise<void> {
    try {
      await this.#options.znodes.delete(path, -1);
    } catch (error) {
      if (!isZkError(error, "NO_NODE", "SESSION_EXPIRED")) throw error;
    }
  }

  #imageChanged(image: ClusterImage, before: ClusterImage): void {
    for (const run of [...this.#imageListeners]) run(image, before);
    this.#controller.imageChanged(image);
  }

  #waitFor(
    test: (image: ClusterImage) => boolean,
    timeoutMs: number,
  ): Promise<boolean> {
    if (test(this.image)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (result: boolean) => {
        this.#waiters.delete(look);
        stopWaiting();
        resolve(result);
      };
      const look = () => {
        if (test(this.image)) settle(true);
        else if (this.#state !== "open") settle(false);
      };
      this.#waiters.add(look);
      const stopWaiting = this.#options.host.clock.after(
        Math.max(0, timeoutMs),
        () => settle(false),
      );
    });
  }

  #lookAgain(): void {
    for (const look of [...this.#waiters]) look();
  }

  #lost(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "lost";
    this.#stopListening();
    this.#follower.close();
    this.#lookAgain();
    // Its writes fail from now on, so there is nothing to wait for.
    this.#controller.close();
    const why = error instanceof Error
      ? error.message
      : "the session has ended";
    this.#options.trace?.(
      `Broker ${this.brokerId} has left its cluster: ${why}`,
    );
    for (const run of [...this.#lostListeners]) run();
  }
}
