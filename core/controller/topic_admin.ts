// Changes of topics and configuration on behalf of clients: checked against the
// image, written to znodes, and waited for until the image shows them.

import { bytesEqual } from "../base/bytes.ts";
import type { Host } from "../host/host.ts";
import type {
  ZnodeClient,
  ZnodeOperation,
} from "../coordination/znode_client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import { randomStart } from "./assignment.ts";
import type {
  CreatedTopic,
  CreatePartitionsOptions,
  CreateTopicOptions,
  TopicReference,
} from "./cluster.ts";
import {
  type ClusterImage,
  NO_LEADER,
  type TopicImage,
} from "./cluster_image.ts";
import { changeNumber } from "./config_reader.ts";
import {
  assignAddedPartitions,
  type Assignments,
  assignNewTopic,
  checkNewTopicName,
} from "./topic_checks.ts";
import { randomUuid, ZERO_UUID } from "./uuid.ts";
import {
  CONFIG_CHANGE_PREFIX,
  CONFIG_CHANGES,
  type ConfigEntity,
  configPath,
  DEFAULT_ENTITY,
  deleteTopicPath,
  encodeConfig,
  encodeConfigChange,
  encodeTopic,
  parseTopic,
  topicPath,
} from "./znode_layout.ts";

const TIMEOUT_MS = 30_000;

export interface TopicAdminOptions {
  readonly host: Host;
  readonly znodes: ZnodeClient;
  readonly image: () => ClusterImage;
  /** Number of the last configuration change that the image shows. */
  readonly configChangeSeen: () => number;
  /** The most replicas that a partition may have; any number where left out. */
  readonly replicationFactorMax?: number;
  /** Resolves to whether `test` came true of the image within `timeoutMs`. */
  readonly waitFor: (
    test: (image: ClusterImage) => boolean,
    timeoutMs: number,
  ) => Promise<boolean>;
}

/** See the file's header; the contracts are those of `Cluster`. */
export class TopicAdmin {
  readonly #options: TopicAdminOptions;
  readonly #znodes: ZnodeClient;

  constructor(options: TopicAdminOptions) {
    this.#options = options;
    this.#znodes = options.znodes;
  }

  async createTopic(options: CreateTopicOptions): Promise<CreatedTopic> {
    const { name, validateOnly = false, config = new Map() } = options;
    const { host } = this.#options;
    const image = this.#options.image();
    checkNewTopicName(name, image);
    const start = randomStart(Math.max(1, image.brokers.size), host.random);
    const assignments = assignNewTopic(options, image, start);
    this.#checkReplicas(assignments);
    const topicId = validateOnly
      ? ZERO_UUID
      : randomUuid((count) => host.randomBytes(count));
    const created = {
      name,
      topicId,
      partitionCount: assignments.length,
      replicationFactor: assignments[0].length,
      assignments,
    };
    if (validateOnly) return created;
    await this.#writeNewTopic(created, config);
    await this.#await(
      (now) => hasLeaders(now.topicsById.get(topicId), assignments.length),
      options.timeoutMs,
      `Topic '${name}' is created, but not all of its partitions have a leader yet.`,
    );
    return created;
  }

  /** @throws {KafkaError} INVALID_REPLICATION_FACTOR. */
  #checkReplicas(assignments: Assignments): void {
    const { replicationFactorMax = Infinity } = this.#options;
    const count = assignments[0].length;
    if (count <= replicationFactorMax) return;
    throw new KafkaError(
      "INVALID_REPLICATION_FACTOR",
      `Replication factor: ${count} larger than ${replicationFactorMax}: ` +
        "brokers of this release do not replicate.",
    );
  }

  async #writeNewTopic(
    { name, topicId, assignments }: CreatedTopic,
    config: ReadonlyMap<string, string>,
  ): Promise<void> {
    const noChange = new Map<number, number[]>();
    try {
      await this.#znodes.multi([
        await this.#setOrCreate({ kind: "topics", name }, config),
        {
          kind: "create",
          path: topicPath(name),
          data: encodeTopic({
            topicId,
            replicas: new Map(assignments.entries()),
            adding: noChange,
            removing: noChange,
          }),
          mode: "persistent",
        },
      ]);
    } catch (error) {
      if (!isZkError(error, "NODE_EXISTS")) throw error;
      // The answer to an earlier try may have been lost with its connection.
      if (await this.#hasId(name, topicId)) return;
      throw new KafkaError(
        "TOPIC_ALREADY_EXISTS",
        `Topic '${name}' already exists.`,
      );
    }
  }

  async #holds(path: string, data: Uint8Array): Promise<boolean> {
    try {
      return bytesEqual((await this.#znodes.get(path)).data, data);
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return false;
      throw error;
    }
  }

  async #hasId(name: string, topicId: string): Promise<boolean> {
    const path = topicPath(name);
    try {
      const { data } = await this.#znodes.get(path);
      return parseTopic(path, data).topicId === topicId;
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return false;
      throw error;
    }
  }

  async createPartitions(
    options: CreatePartitionsOptions,
  ): Promise<{ readonly assignments: Assignments }> {
    const { name, validateOnly = false } = options;
    const image = this.#options.image();
    const topic = this.#topic({ name }, image);
    const assignments = assignAddedPartitions(topic, options, image);
    this.#checkReplicas(assignments);
    if (validateOnly) return { assignments };
    const rows = [
      ...topic.partitions.map((each) => each.replicas),
      ...assignments,
    ];
    await this.#replaceAssignment(topic, rows);
    await this.#await(
      (now) => hasLeaders(now.topicsById.get(topic.topicId), rows.length),
      options.timeoutMs,
      `Partitions are added to topic '${name}', but not all of them have a leader yet.`,
    );
    return { assignments };
  }

  /** Guarded by the znode's version, so that two who add at once do not mix. */
  async #replaceAssignment(
    topic: TopicImage,
    rows: Assignments,
  ): Promise<void> {
    const path = topicPath(topic.name);
    const { stat } = await this.#znodes.get(path);
    const now = this.#options.image().topics.get(topic.name);
    const data = encodeTopic({
      topicId: topic.topicId === ZERO_UUID ? null : topic.topicId,
      replicas: new Map(rows.entries()),
      adding: new Map(),
      removing: new Map(),
    });
    try {
      if (now?.partitions.length !== topic.partitions.length) {
        throw new KafkaError(
          "INVALID_PARTITIONS",
          concurrentChange(topic.name),
        );
      }
      await this.#znodes.set(path, data, stat.version);
    } catch (error) {
      if (!isZkError(error, "BAD_VERSION", "NO_NODE")) throw error;
      // The answer to an earlier try may have been lost with its connection.
      if (await this.#holds(path, data)) return;
      throw new KafkaError("INVALID_PARTITIONS", concurrentChange(topic.name));
    }
  }

  async deleteTopic(
    reference: TopicReference,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const { name, topicId } = this.#topic(reference, this.#options.image());
    try {
      await this.#znodes.create(deleteTopicPath(name), null, "persistent");
    } catch (error) {
      // Somebody else wants it gone as well: wait for it like them.
      if (!isZkError(error, "NODE_EXISTS")) throw error;
    }
    await this.#await(
      (now) => now.topics.get(name)?.topicId !== topicId,
      options.timeoutMs,
      `Topic '${name}' is marked for deletion, but not deleted yet.`,
    );
  }

  async setTopicConfig(
    name: string,
    config: ReadonlyMap<string, string>,
  ): Promise<void> {
    this.#topic({ name }, this.#options.image());
    await this.#setConfig({ kind: "topics", name }, config);
  }

  async setBrokerConfig(
    brokerId: number | null,
    config: ReadonlyMap<string, string>,
  ): Promise<void> {
    const name = brokerId === null ? DEFAULT_ENTITY : String(brokerId);
    await this.#setConfig({ kind: "brokers", name }, config);
  }

  async #setConfig(
    entity: ConfigEntity,
    config: ReadonlyMap<string, string>,
  ): Promise<void> {
    const results = await this.#znodes.multi([
      await this.#setOrCreate(entity, config),
      {
        kind: "create",
        path: `${CONFIG_CHANGES}/${CONFIG_CHANGE_PREFIX}`,
        data: encodeConfigChange(entity),
        mode: "persistentSequential",
      },
    ]);
    const number = changeNumber(
      results[1].path.slice(CONFIG_CHANGES.length + 1),
    );
    await this.#await(
      () => this.#options.configChangeSeen() >= number,
      TIMEOUT_MS,
      `The configuration of ${entity.kind}/${entity.name} is changed, but not seen here yet.`,
    );
  }

  async #setOrCreate(
    entity: ConfigEntity,
    config: ReadonlyMap<string, string>,
  ): Promise<ZnodeOperation> {
    const path = configPath(entity);
    const data = encodeConfig(config);
    return await this.#znodes.exists(path) === null
      ? { kind: "create", path, data, mode: "persistent" }
      : { kind: "set", path, data, version: -1 };
  }

  #topic(reference: TopicReference, image: ClusterImage): TopicImage {
    const topic = "name" in reference
      ? image.topics.get(reference.name)
      : image.topicsById.get(reference.topicId);
    if (topic !== undefined) return topic;
    if ("name" in reference) {
      throw new KafkaError(
        "UNKNOWN_TOPIC_OR_PARTITION",
        `The topic '${reference.name}' does not exist.`,
      );
    }
    throw new KafkaError(
      "UNKNOWN_TOPIC_ID",
      `No topic has the id ${reference.topicId}.`,
    );
  }

  async #await(
    test: (image: ClusterImage) => boolean,
    timeoutMs = TIMEOUT_MS,
    otherwise: string,
  ): Promise<void> {
    // Who does not want to wait is never told that it is done.
    if (timeoutMs > 0 && await this.#options.waitFor(test, timeoutMs)) return;
    throw new KafkaError("REQUEST_TIMED_OUT", otherwise);
  }
}

function hasLeaders(topic: TopicImage | undefined, count: number): boolean {
  return topic !== undefined && topic.partitions.length >= count &&
    topic.partitions.every((partition) => partition.leader !== NO_LEADER);
}

function concurrentChange(name: string): string {
  return `Topic '${name}' is being changed by somebody else; try again.`;
}
