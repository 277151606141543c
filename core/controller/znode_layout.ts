// Where the cluster's metadata is, znode by znode, and what is in each: Kafka's
// own paths and JSON, byte for byte as its brokers write them.
//
//   /brokers/ids/ID                          registration (ephemeral)
//   /brokers/topics/T                        assignment and topic id
//   /brokers/topics/T/partitions/P/state     leader, epoch, in-sync replicas
//   /controller, /controller_epoch           who decides, and how often one was elected
//   /config/{topics,brokers}/NAME            overrides; `<default>` for all brokers
//   /config/changes/config_change_N          which of them changed
//   /admin/delete_topics/T                   topics to delete
//   /latest_producer_id_block                the last block given out
//
// Source: observed in a ZooKeeper that Apache Kafka 3.9.1 uses.

import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import type { BrokerEndpoint, FeatureRange } from "./cluster_image.ts";

export const BROKER_IDS = "/brokers/ids";
export const BROKER_SEQUENCE = "/brokers/seqid";
export const TOPICS = "/brokers/topics";
export const CONTROLLER = "/controller";
export const CONTROLLER_EPOCH = "/controller_epoch";
export const CLUSTER_ID = "/cluster/id";
export const FEATURE = "/feature";
export const DELETE_TOPICS = "/admin/delete_topics";
export const CONFIG_CHANGES = "/config/changes";
export const CONFIG_CHANGE_PREFIX = "config_change_";
export const PRODUCER_IDS = "/latest_producer_id_block";

/** Persistent znodes of an empty cluster, parents first. */
export const PERSISTENT_PATHS: readonly string[] = [
  "/consumers",
  "/brokers",
  BROKER_IDS,
  TOPICS,
  "/config",
  CONFIG_CHANGES,
  "/admin",
  DELETE_TOPICS,
  BROKER_SEQUENCE,
  "/isr_change_notification",
  PRODUCER_IDS,
  "/log_dir_event_notification",
  "/config/topics",
  "/config/clients",
  "/config/users",
  "/config/brokers",
  "/config/ips",
  "/cluster",
];

export function brokerPath(id: number): string {
  return `${BROKER_IDS}/${id}`;
}

export function topicPath(topic: string): string {
  return `${TOPICS}/${topic}`;
}

export function partitionsPath(topic: string): string {
  return `${TOPICS}/${topic}/partitions`;
}

export function partitionPath(topic: string, index: number): string {
  return `${TOPICS}/${topic}/partitions/${index}`;
}

export function statePath(topic: string, index: number): string {
  return `${TOPICS}/${topic}/partitions/${index}/state`;
}

export function deleteTopicPath(topic: string): string {
  return `${DELETE_TOPICS}/${topic}`;
}

/** What configuration is of; `name` is `<default>` for all of a kind. */
export interface ConfigEntity {
  readonly kind: "topics" | "brokers" | "clients" | "users" | "ips";
  readonly name: string;
}

export const DEFAULT_ENTITY = "<default>";

export function configPath({ kind, name }: ConfigEntity): string {
  return `/config/${kind}/${name}`;
}

/** Content that Kafka would not have written; the message names the znode. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

/** A broker's registration. */
export interface BrokerRegistration {
  readonly endpoints: readonly BrokerEndpoint[];
  readonly rack: string | null;
  readonly features: Readonly<Record<string, FeatureRange>>;
}

export function encodeBroker(
  registration: BrokerRegistration,
  timestampMs: number,
): Uint8Array {
  const { endpoints, rack, features } = registration;
  const plain = endpoints.find((each) => each.securityProtocol === "PLAINTEXT");
  return encodeJson({
    features: Object.fromEntries(
      Object.entries(features).map((
        [name, { minVersion, maxVersion }],
      ) => [name, { min_version: minVersion, max_version: maxVersion }]),
    ),
    listener_security_protocol_map: Object.fromEntries(
      endpoints.map((each) => [each.listener, each.securityProtocol]),
    ),
    endpoints: endpoints.map(formatEndpoint),
    ...(rack === null ? {} : { rack }),
    jmx_port: -1,
    port: plain?.port ?? -1,
    host: plain?.host ?? null,
    version: 5,
    timestamp: String(timestampMs),
  });
}

export function parseBroker(
  path: string,
  data: Uint8Array,
): BrokerRegistration {
  const json = parseObject(path, data);
  const protocols = objectOf(json.listener_security_protocol_map);
  const endpoints = arrayOf(json.endpoints).map((each) =>
    parseEndpoint(path, String(each), protocols)
  );
  const features = Object.entries(objectOf(json.features)).map((
    [name, range],
  ): [string, FeatureRange] => {
    const { min_version, max_version } = objectOf(range);
    return [name, {
      minVersion: Number(min_version ?? 0),
      maxVersion: Number(max_version ?? 0),
    }];
  });
  return {
    endpoints,
    rack: typeof json.rack === "string" ? json.rack : null,
    features: Object.fromEntries(features),
  };
}

function formatEndpoint({ listener, host, port }: BrokerEndpoint): string {
  return `${listener}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function parseEndpoint(
  path: string,
  text: string,
  protocols: Record<string, unknown>,
): BrokerEndpoint {
  const match = /^([^:]+):\/\/\[?(.*?)\]?:(-?\d+)$/.exec(text);
  if (match === null) {
    throw new LayoutError(`Znode ${path} has no endpoint in "${text}"`);
  }
  const [, listener, host, port] = match;
  const securityProtocol = String(protocols[listener] ?? listener);
  return { listener, securityProtocol, host, port: Number(port) };
}

/** A topic's assignment; brokers by partition. */
export interface TopicAssignment {
  /** Null in topics that brokers before 2.8 made. */
  readonly topicId: string | null;
  readonly replicas: ReadonlyMap<number, readonly number[]>;
  readonly adding: ReadonlyMap<number, readonly number[]>;
  readonly removing: ReadonlyMap<number, readonly number[]>;
}

export function encodeTopic(assignment: TopicAssignment): Uint8Array {
  return encodeJson({
    partitions: Object.fromEntries(assignment.replicas),
    ...(assignment.topicId === null ? {} : { topic_id: assignment.topicId }),
    adding_replicas: Object.fromEntries(assignment.adding),
    removing_replicas: Object.fromEntries(assignment.removing),
    version: 3,
  });
}

export function parseTopic(path: string, data: Uint8Array): TopicAssignment {
  const json = parseObject(path, data);
  return {
    topicId: typeof json.topic_id === "string" ? json.topic_id : null,
    replicas: brokersByPartition(json.partitions),
    adding: brokersByPartition(json.adding_replicas),
    removing: brokersByPartition(json.removing_replicas),
  };
}

function brokersByPartition(json: unknown): Map<number, number[]> {
  const rows = Object.entries(objectOf(json)).map((
    [index, brokers],
  ): [number, number[]] => [Number(index), arrayOf(brokers).map(Number)]);
  return new Map(rows.sort(([a], [b]) => a - b));
}

/** A partition's state. */
export interface PartitionState {
  readonly controllerEpoch: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
}

export function encodeState(state: PartitionState): Uint8Array {
  return encodeJson({
    controller_epoch: state.controllerEpoch,
    leader: state.leader,
    version: 1,
    leader_epoch: state.leaderEpoch,
    isr: state.isr,
  });
}

export function parseState(path: string, data: Uint8Array): PartitionState {
  const json = parseObject(path, data);
  return {
    controllerEpoch: Number(json.controller_epoch),
    leader: Number(json.leader),
    leaderEpoch: Number(json.leader_epoch),
    isr: arrayOf(json.isr).map(Number),
  };
}

export function encodeController(id: number, timestampMs: number): Uint8Array {
  return encodeJson({
    version: 2,
    brokerid: id,
    timestamp: String(timestampMs),
    kraftControllerEpoch: -1,
  });
}

export function parseController(path: string, data: Uint8Array): number {
  return Number(parseObject(path, data).brokerid);
}

/** How often a controller was elected. */
export function encodeEpoch(epoch: number): Uint8Array {
  return encodeUtf8(String(epoch));
}

export function parseEpoch(data: Uint8Array): number {
  return Number(decodeUtf8(data));
}

export function encodeClusterId(id: string): Uint8Array {
  return encodeJson({ version: "1", id });
}

export function parseClusterId(data: Uint8Array): string {
  return String(parseObject(CLUSTER_ID, data).id);
}

/** The finalized features of a cluster that has none. */
export function encodeFeature(): Uint8Array {
  return encodeJson({ features: {}, version: 2, status: 1 });
}

export function encodeConfig(config: ReadonlyMap<string, string>): Uint8Array {
  return encodeJson({ version: 1, config: Object.fromEntries(config) });
}

export function parseConfig(
  path: string,
  data: Uint8Array,
): Map<string, string> {
  if (data.length === 0) return new Map();
  const { config } = parseObject(path, data);
  return new Map(
    Object.entries(objectOf(config)).map((
      [key, value],
    ) => [key, String(value)]),
  );
}

export function encodeConfigChange({ kind, name }: ConfigEntity): Uint8Array {
  return encodeConfigPathChange(`${kind}/${name}`);
}

/** `path` is below /config, such as `users/u/clients/c`. */
export function encodeConfigPathChange(path: string): Uint8Array {
  return encodeJson({ version: 2, entity_path: path });
}

/** What a change is about; null where it is of a kind that is not known here. */
export function parseConfigChange(
  path: string,
  data: Uint8Array,
): ConfigEntity | null {
  const json = parseObject(path, data);
  const entityPath = typeof json.entity_path === "string"
    ? json.entity_path
    : `${json.entity_type}/${json.entity_name}`;
  const [, kind, name] = /^([a-z]+)\/(.+)$/.exec(entityPath) ?? [];
  switch (kind) {
    case "topics":
    case "brokers":
    case "clients":
    case "users":
    case "ips":
      return { kind, name };
    default:
      return null;
  }
}

/** The last block of producer ids; both ends inclusive. */
export interface ProducerIdsGiven {
  readonly start: number;
  readonly end: number;
}

export function encodeProducerIds(
  broker: number,
  { start, end }: ProducerIdsGiven,
): Uint8Array {
  return encodeJson({
    version: 1,
    broker,
    block_start: String(start),
    block_end: String(end),
  });
}

/** Null where none was given out yet. */
export function parseProducerIds(data: Uint8Array): ProducerIdsGiven | null {
  if (data.length === 0) return null;
  const json = parseObject(PRODUCER_IDS, data);
  return { start: Number(json.block_start), end: Number(json.block_end) };
}

function encodeJson(value: unknown): Uint8Array {
  return encodeUtf8(JSON.stringify(value));
}

function parseObject(path: string, data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(decodeUtf8(data));
    if (typeof value === "object" && value !== null) return objectOf(value);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) {
      throw error;
    }
  }
  throw new LayoutError(`Znode ${path} does not hold a JSON object`);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
