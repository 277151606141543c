// What AlterConfigs and IncrementalAlterConfigs share: each resource of a request
// is changed by itself, and answers for itself.
//
// Source: Kafka protocol guide; KIP-133, KIP-339.

import type { ConfigOverrides } from "../controller/cluster_image.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  changeConfig,
  type ConfigResource,
  refuseRepeated,
  repeatedResources,
  resourceKey,
} from "./config_changes.ts";
import type { Failure, RequestContext } from "./context.ts";
import { refusalOf } from "./failure.ts";

/** A resource, and keys to change of it. */
interface ResourceChange extends ConfigResource {
  readonly configs: readonly { readonly name: string }[];
}

interface AlterRequest<R extends ResourceChange> {
  readonly resources: readonly R[];
  readonly validateOnly: boolean;
}

/**
 * Gives all that shall be set of a resource, from all that is.
 *
 * @throws {KafkaError} Where it cannot be changed so.
 */
export type Decide<R> = (
  resource: R,
  current: ConfigOverrides,
) => ConfigOverrides;

/** Serves a request to change resources. */
export async function alterResources<R extends ResourceChange>(
  request: AlterRequest<R>,
  context: RequestContext,
  decide: Decide<R>,
) {
  const twice = repeatedResources(request.resources);
  const responses = await Promise.all(request.resources.map((resource) => {
    const isRepeated = twice.has(resourceKey(resource));
    return alterOne(resource, { request, context, decide, isRepeated });
  }));
  return { throttleTimeMs: 0, responses };
}

/** The answer where the whole request is refused. */
export function alterFailure<R extends ResourceChange>(
  failure: Failure,
  request: AlterRequest<R> | null,
) {
  if (request === null) return null;
  const responses = request.resources.map(({ resourceType, resourceName }) => {
    return { ...failure, resourceType, resourceName };
  });
  return { throttleTimeMs: 0, responses };
}

interface Call<R extends ResourceChange> {
  readonly request: AlterRequest<R>;
  readonly context: RequestContext;
  readonly decide: Decide<R>;
  readonly isRepeated: boolean;
}

async function alterOne<R extends ResourceChange>(
  resource: R,
  { request, context: { broker }, decide, isRepeated }: Call<R>,
) {
  const { resourceType, resourceName, configs } = resource;
  const named = { resourceType, resourceName };
  try {
    if (isRepeated) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Each resource must appear at most once.",
      );
    }
    refuseRepeated("configuration key", configs.map(({ name }) => name));
    await changeConfig(broker, resource, {
      decide: (current) => decide(resource, current),
      validateOnly: request.validateOnly,
    });
    return { errorCode: ErrorCode.NONE, errorMessage: null, ...named };
  } catch (error) {
    const action = `alter the configuration of "${resourceName}"`;
    return { ...refusalOf(error, broker, action), ...named };
  }
}

/** @throws {KafkaError} INVALID_REQUEST where a key has no value. */
export function valueOf(
  { name, value }: { readonly name: string; readonly value: string | null },
): string {
  if (value !== null) return value;
  throw new KafkaError(
    "INVALID_REQUEST",
    `Null value not supported for: ${name}`,
  );
}
