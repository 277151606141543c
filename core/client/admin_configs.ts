// What an admin client does with the configuration of topics and brokers.
//
// A broker's own configuration is asked of, and changed at, that broker; all
// else goes to any broker, which passes changes on.
//
// Source: Kafka protocol guide, "DescribeConfigs", "AlterConfigs",
// "IncrementalAlterConfigs" (KIP-339).

import { type Exchange, exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  alterConfigsRequest,
  alterConfigsResponse,
} from "../wire/kafka/messages/alter_configs.ts";
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from "../wire/kafka/messages/describe_configs.ts";
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "../wire/kafka/messages/incremental_alter_configs.ts";
import type { Infer, MessageSchema } from "../wire/kafka/schema.ts";
import {
  type ConfigChanges,
  type ConfigDescription,
  type ConfigEntry,
  type ConfigOperation,
  type ConfigReplacement,
  type ConfigResource,
  ConfigResourceType,
  type ConfigResult,
  ConfigSource,
} from "./admin_types.ts";
import { errorOfCode } from "./client_error.ts";
import type { CallOptions, Cluster, RequestFor } from "./cluster.ts";

const DESCRIBE_CONFIGS = exchange(
  describeConfigsRequest,
  describeConfigsResponse,
);
const ALTER_CONFIGS = exchange(alterConfigsRequest, alterConfigsResponse);
const INCREMENTAL_ALTER_CONFIGS = exchange(
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
);

const OPERATION_CODES: Readonly<Record<ConfigOperation, number>> = {
  set: 0,
  delete: 1,
  append: 2,
  subtract: 3,
};

export interface DescribeConfigsOptions {
  readonly deadlineMs: number;
  /** Keys to tell of; all where left out. */
  readonly keys?: readonly string[];
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

export interface AlterConfigsOptions {
  readonly deadlineMs: number;
  readonly validateOnly?: boolean;
}

/** The broker that a resource belongs to; `null` for any. */
function ownerOf(resource: ConfigResource): number | null {
  const isBrokers = resource.type === ConfigResourceType.broker ||
    resource.type === ConfigResourceType.brokerLogger;
  if (!isBrokers || !/^\d+$/.test(resource.name)) return null;
  return Number(resource.name);
}

/** Sorts items by the broker that has to be asked. */
function byOwner<T extends { readonly resource: ConfigResource }>(
  items: readonly T[],
): Map<number | null, T[]> {
  const owners = new Map<number | null, T[]>();
  for (const item of items) {
    const owner = ownerOf(item.resource);
    const list = owners.get(owner);
    if (list === undefined) owners.set(owner, [item]);
    else list.push(item);
  }
  return owners;
}

async function callOwner<Q extends MessageSchema, R extends MessageSchema>(
  cluster: Cluster,
  call: {
    readonly owner: number | null;
    readonly api: Exchange<Q, R>;
    readonly request: RequestFor<Q>;
  },
  options: CallOptions,
): Promise<Infer<R>> {
  const { owner, api, request } = call;
  if (owner === null) return await cluster.callAny(api, request, options);
  await cluster.ensureNodes(options.deadlineMs);
  return await cluster.callNode(owner, api, request, options);
}

function resourceKey(type: number, name: string): string {
  return `${type}/${name}`;
}

function leftOut(resource: ConfigResource): KafkaError {
  return new KafkaError(
    "UNKNOWN_SERVER_ERROR",
    `The broker left ${resource.name} out of its answer`,
  );
}

/** Puts one result per item together out of several brokers' answers. */
async function perOwner<
  T extends { readonly resource: ConfigResource },
  E extends { readonly resource: ConfigResource },
>(
  items: readonly T[],
  ask: (owner: number | null, items: readonly T[]) => Promise<E[]>,
  failed: (resource: ConfigResource, error: KafkaError) => E,
): Promise<E[]> {
  const results = new Map<string, E>();
  await Promise.all([...byOwner(items)].map(async ([owner, group]) => {
    try {
      for (const result of await ask(owner, group)) {
        const { type, name } = result.resource;
        results.set(resourceKey(type, name), result);
      }
    } catch (error) {
      // One broker's refusal is that of its items alone.
      if (owner === null || !(error instanceof KafkaError)) throw error;
      for (const { resource } of group) {
        const key = resourceKey(resource.type, resource.name);
        results.set(key, failed(resource, error));
      }
    }
  }));
  return items.map(({ resource }) =>
    results.get(resourceKey(resource.type, resource.name)) ??
      failed(resource, leftOut(resource))
  );
}

export function describeConfigs(
  cluster: Cluster,
  resources: readonly ConfigResource[],
  options: DescribeConfigsOptions,
): Promise<ConfigDescription[]> {
  return perOwner(
    resources.map((resource) => ({ resource })),
    async (owner, items): Promise<ConfigDescription[]> => {
      const answer = await callOwner(cluster, {
        owner,
        api: DESCRIBE_CONFIGS,
        request: (version) => ({
          resources: items.map(({ resource }) => ({
            resourceType: resource.type,
            resourceName: resource.name,
            configurationKeys: options.keys ?? null,
          })),
          includeSynonyms: version >= 1 && (options.includeSynonyms ?? false),
          includeDocumentation: version >= 3 &&
            (options.includeDocumentation ?? false),
        }),
      }, options);
      return answer.results.map((result) => ({
        resource: { type: result.resourceType, name: result.resourceName },
        error: errorOfCode(result.errorCode, result.errorMessage),
        entries: result.configs.map((entry) =>
          configEntry(result.resourceType, entry)
        ),
      }));
    },
    (resource, error) => ({ resource, error, entries: [] }),
  );
}

type ConfigAnswer = Infer<typeof describeConfigsResponse>["results"][number][
  "configs"
][number];

function configEntry(type: number, entry: ConfigAnswer): ConfigEntry {
  return {
    name: entry.name,
    value: entry.value,
    source: entry.configSource === -1
      ? sourceOfVersion0(type, entry)
      : entry.configSource,
    isReadOnly: entry.readOnly,
    isSensitive: entry.isSensitive,
    type: entry.configType,
    synonyms: entry.synonyms.map(({ name, value, source }) => ({
      name,
      value,
      source,
    })),
    documentation: entry.documentation,
  };
}

/** Version 0 tells only whether a value is the default. */
function sourceOfVersion0(type: number, entry: ConfigAnswer): number {
  if (entry.isDefault) return ConfigSource.default;
  return type === ConfigResourceType.topic
    ? ConfigSource.dynamicTopic
    : ConfigSource.staticBroker;
}

export function incrementalAlterConfigs(
  cluster: Cluster,
  changes: readonly ConfigChanges[],
  options: AlterConfigsOptions,
): Promise<ConfigResult[]> {
  return perOwner(changes, async (owner, items) => {
    const answer = await callOwner(cluster, {
      owner,
      api: INCREMENTAL_ALTER_CONFIGS,
      request: {
        resources: items.map(({ resource, changes }) => ({
          resourceType: resource.type,
          resourceName: resource.name,
          configs: changes.map(({ name, operation, value }) => ({
            name,
            configOperation: OPERATION_CODES[operation],
            value,
          })),
        })),
        validateOnly: options.validateOnly ?? false,
      },
    }, options);
    return answer.responses.map(configResult);
  }, (resource, error) => ({ resource, error }));
}

export function alterConfigs(
  cluster: Cluster,
  replacements: readonly ConfigReplacement[],
  options: AlterConfigsOptions,
): Promise<ConfigResult[]> {
  return perOwner(replacements, async (owner, items) => {
    const answer = await callOwner(cluster, {
      owner,
      api: ALTER_CONFIGS,
      request: {
        resources: items.map(({ resource, configs }) => ({
          resourceType: resource.type,
          resourceName: resource.name,
          configs: Object.entries(configs).map(([name, value]) => ({
            name,
            value,
          })),
        })),
        validateOnly: options.validateOnly ?? false,
      },
    }, options);
    return answer.responses.map(configResult);
  }, (resource, error) => ({ resource, error }));
}

function configResult(answer: {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}): ConfigResult {
  return {
    resource: { type: answer.resourceType, name: answer.resourceName },
    error: errorOfCode(answer.errorCode, answer.errorMessage),
  };
}
