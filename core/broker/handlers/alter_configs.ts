// AlterConfigs (key 33): replaces all overrides of a resource; what the request
// does not name is unset. IncrementalAlterConfigs is its better successor.
//
// Source: Kafka protocol guide; KIP-133.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type AlterConfigsRequest,
  alterConfigsRequest,
  alterConfigsResponse,
} from "../../wire/kafka/messages/alter_configs.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import {
  changeConfig,
  refuseRepeated,
  repeatedResources,
  resourceKey,
} from "../config_changes.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type ResourceRequest = AlterConfigsRequest["resources"][number];
type Response = InferInput<typeof alterConfigsResponse>;
type ResourceResponse = Response["responses"][number];

export const alterConfigs = serve(alterConfigsRequest, alterConfigsResponse, {
  handle: async (request, context) => {
    const twice = repeatedResources(request.resources);
    const responses = await Promise.all(request.resources.map((resource) => {
      const isRepeated = twice.has(resourceKey(resource));
      return alterOne(resource, { request, context, isRepeated });
    }));
    return { throttleTimeMs: 0, responses };
  },
  failure: (failure, request) =>
    request === null ? null : {
      throttleTimeMs: 0,
      responses: request.resources.map(({ resourceType, resourceName }) => ({
        ...failure,
        resourceType,
        resourceName,
      })),
    },
});

interface Call {
  readonly request: AlterConfigsRequest;
  readonly context: RequestContext;
  readonly isRepeated: boolean;
}

async function alterOne(
  resource: ResourceRequest,
  { request, context: { broker }, isRepeated }: Call,
): Promise<ResourceResponse> {
  const { resourceType, resourceName } = resource;
  const named = { resourceType, resourceName };
  try {
    if (isRepeated) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Each resource must appear at most once.",
      );
    }
    const wanted = overridesIn(resource);
    await changeConfig(broker, resource, {
      decide: () => wanted,
      validateOnly: request.validateOnly,
    });
    return { errorCode: ErrorCode.NONE, errorMessage: null, ...named };
  } catch (error) {
    const action = `alter the configuration of "${resourceName}"`;
    return { ...refusalOf(error, broker, action), ...named };
  }
}

/** @throws {KafkaError} INVALID_REQUEST where a key has no value, or several. */
function overridesIn({ configs }: ResourceRequest): Map<string, string> {
  refuseRepeated("configuration key", configs.map(({ name }) => name));
  const wanted = new Map<string, string>();
  for (const { name, value } of configs) {
    if (value === null) {
      throw new KafkaError(
        "INVALID_REQUEST",
        `Null value not supported for: ${name}`,
      );
    }
    wanted.set(name, value);
  }
  return wanted;
}
