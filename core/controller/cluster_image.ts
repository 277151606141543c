// What is known of the cluster, as one value that never changes: a change makes
// a new image, in which everything that stayed is the very same object. Whoever
// wants to know what changed compares with `===`.

/** Where a broker listens, as clients are told. */
export interface BrokerEndpoint {
  /** Name of the listener, such as `PLAINTEXT`. */
  readonly listener: string;
  /** Such as `PLAINTEXT`, `SASL_SSL`. */
  readonly securityProtocol: string;
  readonly host: string;
  readonly port: number;
}

/** A live broker. */
export interface BrokerImage {
  readonly id: number;
  /** Rises with each registration, over all brokers. */
  readonly epoch: number;
  readonly endpoints: readonly BrokerEndpoint[];
  readonly rack: string | null;
  /** Supported features by name, as registered. */
  readonly features: Readonly<Record<string, FeatureRange>>;
}

export interface FeatureRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** No broker leads. */
export const NO_LEADER = -1;

/** One partition; broker ids throughout. */
export interface PartitionImage {
  readonly index: number;
  /** The preferred leader first. */
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  /** `NO_LEADER` where there is none (yet). */
  readonly leader: number;
  /** -1 before the first election. */
  readonly leaderEpoch: number;
  /** Empty before the first election. */
  readonly isr: readonly number[];
  readonly controllerEpoch: number;
  /** Version of the partition's state, the guard of its next change; -1 before the first election. */
  readonly partitionEpoch: number;
}

/** One topic. */
export interface TopicImage {
  readonly name: string;
  /** As Kafka prints it: base64url, 22 characters. */
  readonly topicId: string;
  /** Its place is its number. */
  readonly partitions: readonly PartitionImage[];
  /** Overrides only, by Kafka's keys. */
  readonly config: ConfigOverrides;
}

/** Values by key, as text; what is not here has its default. */
export type ConfigOverrides = ReadonlyMap<string, string>;

/** The cluster as of one moment. */
export interface ClusterImage {
  readonly clusterId: string;
  /** -1 where there is none at the moment. */
  readonly controllerId: number;
  readonly controllerEpoch: number;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly topics: ReadonlyMap<string, TopicImage>;
  readonly topicsById: ReadonlyMap<string, TopicImage>;
  /** Overrides of single brokers. */
  readonly brokerConfigs: ReadonlyMap<number, ConfigOverrides>;
  /** Overrides of all brokers (`<default>`). */
  readonly brokerDefaultConfig: ConfigOverrides;
}

/** A partition by topic and number, or null where the image has none. */
export function partitionOf(
  image: ClusterImage,
  topic: string,
  index: number,
): PartitionImage | null {
  return image.topics.get(topic)?.partitions[index] ?? null;
}

/** An endpoint of a broker by listener, or null where it has none. */
export function endpointOf(
  broker: BrokerImage,
  listener: string,
): BrokerEndpoint | null {
  return broker.endpoints.find((each) => each.listener === listener) ?? null;
}

/** Topics that differ between two images: made, changed (another object) or gone. */
export interface TopicsDelta {
  readonly created: readonly TopicImage[];
  readonly changed: readonly {
    readonly before: TopicImage;
    readonly after: TopicImage;
  }[];
  /** Also where a topic of the same name took its place. */
  readonly deleted: readonly TopicImage[];
}

/** What happened to topics between two images. */
export function topicsDelta(
  before: ClusterImage,
  after: ClusterImage,
): TopicsDelta {
  const created: TopicImage[] = [];
  const changed: { before: TopicImage; after: TopicImage }[] = [];
  const deleted: TopicImage[] = [];
  if (before.topics === after.topics) return { created, changed, deleted };
  for (const topic of after.topics.values()) {
    const old = before.topics.get(topic.name);
    if (old === topic) continue;
    if (old?.topicId === topic.topicId) {
      changed.push({ before: old, after: topic });
    } else created.push(topic);
  }
  for (const old of before.topics.values()) {
    if (after.topics.get(old.name)?.topicId !== old.topicId) deleted.push(old);
  }
  return { created, changed, deleted };
}
