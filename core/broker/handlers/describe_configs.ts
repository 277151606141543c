// DescribeConfigs (key 32): the configuration of topics, of this broker, and
// what is set for all brokers (an empty name), with where each value is from.
//
// Source: Kafka protocol guide; KIP-133, KIP-226 (synonyms), KIP-569 (types and
// documentation); observed: keys that nobody knows are passed over, and an empty
// list of keys asks for all, as null does.

import {
  type ConfigEntry,
  ConfigSource,
  describeBrokerConfig,
  describeClusterConfig,
  describeTopicConfig,
} from "../../config/describe.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type DescribeConfigsRequest,
  describeConfigsRequest,
  describeConfigsResponse,
} from "../../wire/kafka/messages/describe_configs.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { Broker } from "../broker.ts";
import { configTarget, overridesOf } from "../config_changes.ts";
import { type Failure, type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type ResourceRequest = DescribeConfigsRequest["resources"][number];
type Response = InferInput<typeof describeConfigsResponse>;
type ResourceResponse = Response["results"][number];
type EntryResponse = ResourceResponse["configs"][number];

/** From here on the source says more than "is it the default". */
const SOURCE_SINCE = 1;

export const describeConfigs = serve(
  describeConfigsRequest,
  describeConfigsResponse,
  {
    handle: (request, context) => ({
      throttleTimeMs: 0,
      results: request.resources.map((resource) =>
        describeOne(resource, request, context)
      ),
    }),
    failure: (failure, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        results: request.resources.map((each) => refused(each, failure)),
      },
  },
);

function refused(
  { resourceType, resourceName }: ResourceRequest,
  failure: Failure,
): ResourceResponse {
  return { ...failure, resourceType, resourceName, configs: [] };
}

function describeOne(
  resource: ResourceRequest,
  request: DescribeConfigsRequest,
  { broker, apiVersion }: RequestContext,
): ResourceResponse {
  const { resourceType, resourceName, configurationKeys } = resource;
  try {
    const keys = new Set(configurationKeys ?? []);
    const entries = entriesOf(broker, resource).filter(({ name }) =>
      keys.size === 0 || keys.has(name)
    );
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: "",
      resourceType,
      resourceName,
      configs: entries.map((entry) => show(entry, request, apiVersion)),
    };
  } catch (error) {
    const action = `describe the configuration of "${resourceName}"`;
    return refused(resource, refusalOf(error, broker, action));
  }
}

/** @throws {KafkaError} Where there is no such resource. */
function entriesOf(broker: Broker, resource: ResourceRequest): ConfigEntry[] {
  const target = configTarget(broker, resource);
  switch (target.kind) {
    case "topic":
      return describeTopicConfig(
        overridesOf(broker, target),
        broker.configLayers,
      );
    case "thisBroker":
      return describeBrokerConfig(broker.configLayers);
    case "allBrokers":
      return describeClusterConfig(overridesOf(broker, target));
  }
}

function show(
  entry: ConfigEntry,
  request: DescribeConfigsRequest,
  apiVersion: number,
): EntryResponse {
  const { name, value, readOnly, isSensitive, source } = entry;
  const common = { name, value, readOnly, isSensitive };
  if (apiVersion < SOURCE_SINCE) {
    return { ...common, isDefault: source === ConfigSource.DEFAULT_CONFIG };
  }
  return {
    ...common,
    configSource: source,
    synonyms: request.includeSynonyms ? entry.synonyms : [],
    configType: entry.configType,
    documentation: request.includeDocumentation ? entry.documentation : null,
  };
}
