// How overrides of topics and brokers change: read what is set, decide what
// shall be set, check it as a whole, write it.
//
// Changes run one after another, so that two requests that come at the same
// time do not undo each other.
//
// Source: Kafka documentation, "Updating Broker Configs"; KIP-226, KIP-339.
// Observed: a broker answers for itself and for all brokers, not for another;
// a wrong value is INVALID_CONFIG for a topic and INVALID_REQUEST for a broker.

import { Serial } from "../base/serial.ts";
import { invalidValueMessage } from "../config/broker_layers.ts";
import { ConfigError } from "../config/config_error.ts";
import { checkDynamicConfig } from "../config/dynamic_checks.ts";
import { checkTopicOverrides } from "../config/topic_checks.ts";
import type { ConfigOverrides } from "../controller/cluster_image.ts";
import { topicNameProblem } from "../controller/topic_name.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";

/** Kinds of resources, by the protocol's numbers. */
export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8 } as const;

/** What a request names. */
export interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** What configuration is of. */
export type ConfigTarget =
  | { readonly kind: "topic"; readonly name: string }
  | { readonly kind: "thisBroker" }
  | { readonly kind: "allBrokers" };

const INT32 = /^[+-]?\d{1,10}$/;
const NO_OVERRIDES: ConfigOverrides = new Map();
const queues = new WeakMap<Broker, Serial>();

/**
 * Finds what a resource stands for.
 *
 * @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION,
 * INVALID_REQUEST.
 */
export function configTarget(
  broker: Broker,
  { resourceType, resourceName }: ConfigResource,
): ConfigTarget {
  switch (resourceType) {
    case ResourceType.TOPIC:
      return topicTarget(broker, resourceName);
    case ResourceType.BROKER:
      return brokerTarget(broker, resourceName);
    case ResourceType.BROKER_LOGGER:
      throw new KafkaError(
        "INVALID_REQUEST",
        "This broker has no loggers to configure.",
      );
    default:
      throw new KafkaError(
        "INVALID_REQUEST",
        `Configuration is of topics (${ResourceType.TOPIC}) and brokers ` +
          `(${ResourceType.BROKER}), not of resource type ${resourceType}.`,
      );
  }
}

function topicTarget(broker: Broker, name: string): ConfigTarget {
  if (broker.cluster.image.topics.has(name)) return { kind: "topic", name };
  const problem = topicNameProblem(name);
  if (problem !== null) {
    throw new KafkaError("INVALID_TOPIC_EXCEPTION", problem);
  }
  throw unknownTopic(name);
}

function unknownTopic(name: string): KafkaError {
  return new KafkaError(
    "UNKNOWN_TOPIC_OR_PARTITION",
    `The topic '${name}' does not exist.`,
  );
}

function brokerTarget(broker: Broker, name: string): ConfigTarget {
  if (name === "") return { kind: "allBrokers" };
  if (!INT32.test(name)) {
    throw new KafkaError(
      "INVALID_REQUEST",
      `Broker id must be an integer, but it is: ${name}`,
    );
  }
  if (Number(name) === broker.brokerId) return { kind: "thisBroker" };
  throw new KafkaError(
    "INVALID_REQUEST",
    `Unexpected broker id: this is broker ${broker.brokerId}, asked for ${name}. ` +
      "Each broker answers for itself; an empty name is for all brokers.",
  );
}

/** What is set of a target itself. */
export function overridesOf(
  broker: Broker,
  target: ConfigTarget,
): ConfigOverrides {
  const { image } = broker.cluster;
  switch (target.kind) {
    case "topic":
      return image.topics.get(target.name)?.config ?? NO_OVERRIDES;
    case "thisBroker":
      return image.brokerConfigs.get(broker.brokerId) ?? NO_OVERRIDES;
    case "allBrokers":
      return image.brokerDefaultConfig;
  }
}

/** As `configTarget`; a topic that cannot be is just not there. */
function targetOfChange(
  broker: Broker,
  resource: ConfigResource,
): ConfigTarget {
  const { resourceType, resourceName } = resource;
  if (resourceType !== ResourceType.TOPIC) {
    return configTarget(broker, resource);
  }
  if (resourceName === "") {
    throw new KafkaError(
      "INVALID_REQUEST",
      "Default topic resources are not allowed.",
    );
  }
  if (!broker.cluster.image.topics.has(resourceName)) {
    throw unknownTopic(resourceName);
  }
  return { kind: "topic", name: resourceName };
}

/** A change of one target. */
export interface ConfigChange {
  /**
   * Gives all that shall be set, from all that is.
   *
   * @throws {KafkaError} Where it cannot be changed so.
   */
  readonly decide: (current: ConfigOverrides) => ConfigOverrides;
  readonly validateOnly: boolean;
}

/**
 * Carries out a change, after those that came before it.
 *
 * @throws {KafkaError} INVALID_CONFIG, INVALID_REQUEST, and what `configTarget` throws.
 */
export function changeConfig(
  broker: Broker,
  resource: ConfigResource,
  { decide, validateOnly }: ConfigChange,
): Promise<void> {
  let queue = queues.get(broker);
  if (queue === undefined) queues.set(broker, queue = new Serial());
  return queue.run(async () => {
    const target = targetOfChange(broker, resource);
    const wanted = decide(overridesOf(broker, target));
    checkOverrides(broker, target, wanted);
    if (!validateOnly) await store(broker, target, wanted);
  });
}

/** @throws {KafkaError} INVALID_CONFIG for a topic, INVALID_REQUEST for a broker. */
function checkOverrides(
  broker: Broker,
  target: ConfigTarget,
  wanted: ConfigOverrides,
): void {
  if (target.kind === "topic") return checkTopicConfig(wanted);
  const before = broker.configLayers;
  try {
    checkDynamicConfig(
      target.kind === "thisBroker"
        ? {
          scope: "per-broker",
          before,
          after: { ...before, thisBroker: wanted },
        }
        : {
          scope: "cluster-wide",
          before,
          after: { ...before, clusterWide: wanted },
        },
    );
  } catch (error) {
    throw refusal(error, "INVALID_REQUEST");
  }
}

/**
 * Refuses overrides that no topic can have.
 *
 * @throws {KafkaError} INVALID_CONFIG.
 */
export function checkTopicConfig(wanted: ConfigOverrides): void {
  try {
    checkTopicOverrides(wanted);
  } catch (error) {
    throw refusal(error, "INVALID_CONFIG");
  }
}

function refusal(
  error: unknown,
  errorName: "INVALID_CONFIG" | "INVALID_REQUEST",
): unknown {
  return error instanceof ConfigError
    ? new KafkaError(errorName, invalidValueMessage(error))
    : error;
}

function store(
  { cluster, brokerId }: Broker,
  target: ConfigTarget,
  wanted: ConfigOverrides,
): Promise<void> {
  switch (target.kind) {
    case "topic":
      return cluster.setTopicConfig(target.name, wanted);
    case "thisBroker":
      return cluster.setBrokerConfig(brokerId, wanted);
    case "allBrokers":
      return cluster.setBrokerConfig(null, wanted);
  }
}

/**
 * Resources that a request names more than once, as `type name`.
 */
export function repeatedResources(
  resources: readonly ConfigResource[],
): ReadonlySet<string> {
  return repeated(resources.map(resourceKey));
}

/** Tells resources apart. */
export function resourceKey(
  { resourceType, resourceName }: ConfigResource,
): string {
  return `${resourceType} ${resourceName}`;
}

/** What a list has more than once. */
export function repeated(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) twice.add(name);
    seen.add(name);
  }
  return twice;
}

/** @throws {KafkaError} INVALID_REQUEST where a request is about something twice. */
export function refuseRepeated(
  what: string,
  names: readonly string[],
): void {
  const twice = [...repeated(names)];
  if (twice.length === 0) return;
  throw new KafkaError(
    "INVALID_REQUEST",
    `Each ${what} may be named once only, not ${twice.join(", ")} again.`,
  );
}
