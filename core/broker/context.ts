// What a request handler is given, and how a row of the API table is written.
//
// A handler is a function from a decoded request and its context to a decoded
// response. It throws `KafkaError` where the whole request is refused; errors of
// single topics or partitions are values in the response. `dispatch.ts` decodes,
// encodes and turns a thrown error into the response that `failure` makes.

import { apiByKey } from "../wire/kafka/api_keys.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { assert } from "../base/assert.ts";
import type { Broker } from "./broker.ts";

/** The connection that a request came by. */
export interface ClientConnection {
  readonly id: number;
  /** `host:port` of the client. */
  readonly peer: string;
  readonly peerHost: string;
  /** Name of the listener, such as `PLAINTEXT`; answers name brokers by their addresses for it. */
  readonly listenerName: string;
  /** As in ACLs: `User:ANONYMOUS` on a listener without authentication. */
  readonly principal: string;
  /** What ApiVersions told of the client; `""` until then. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  /** False once the client has gone or is being sent away. */
  readonly isOpen: boolean;
}

/** One request, without its body. */
export interface RequestContext {
  readonly broker: Broker;
  readonly connection: ClientConnection;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** What a refusal puts into a response. */
export interface Failure {
  readonly errorCode: number;
  readonly errorMessage: string;
}

/**
 * How one API is served.
 *
 * A response of `null` sends nothing (Produce with acks=0).
 */
export interface Serving<Q extends MessageSchema, R extends MessageSchema> {
  /** The versions served and advertised, both inclusive; Kafka 3.9's where left out. */
  readonly versions?: readonly [first: number, last: number];
  /**
   * Answers a request. Bytes in the request are views of the connection's buffer:
   * they hold until the promise settles, and must be copied to be kept longer.
   *
   * @throws {KafkaError} Where the whole request is refused.
   */
  readonly handle: (
    request: Infer<Q>,
    context: RequestContext,
  ) => InferInput<R> | null | Promise<InferInput<R> | null>;
  /**
   * The response that says an error, for the whole request; `null` where the
   * response has no place for it, and then the connection is closed. `request` is
   * `null` where it could not be decoded.
   */
  readonly failure: (
    failure: Failure,
    request: Infer<Q> | null,
    context: RequestContext,
  ) => InferInput<R> | null;
  /**
   * True where the handler has done its work on the state before its first
   * wait, so that the connection's next request may start meanwhile. Otherwise
   * requests of one connection run one after another.
   */
  readonly letsNextStart?: boolean;
  /** True where clients are known to send bytes after a well-formed body, in flexible versions too. */
  readonly allowsTrailingBytes?: boolean;
}

/** A row of the API table, its types erased. */
export interface ServedApi {
  readonly key: number;
  readonly request: MessageSchema;
  readonly response: MessageSchema;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly letsNextStart: boolean;
  readonly allowsTrailingBytes: boolean;
  readonly handle: (
    request: unknown,
    context: RequestContext,
  ) => unknown;
  readonly failure: (
    failure: Failure,
    request: unknown,
    context: RequestContext,
  ) => unknown;
}

/**
 * Makes a row of the API table out of two schemas and what serves them.
 *
 * @param request The schema of the request; its key is the row's key.
 */
export function serve<Q extends MessageSchema, R extends MessageSchema>(
  request: Q,
  response: R,
  serving: Serving<Q, R>,
): ServedApi {
  const key = keyOf(request);
  const versions = serving.versions ?? apiByKey(key)?.versions39;
  assert(
    versions,
    `Kafka 3.9 does not serve ${request.name}: say which versions`,
  );
  return {
    key,
    request,
    response,
    minVersion: versions[0],
    maxVersion: versions[1],
    letsNextStart: serving.letsNextStart === true,
    allowsTrailingBytes: serving.allowsTrailingBytes === true,
    handle: serving.handle as ServedApi["handle"],
    failure: serving.failure as ServedApi["failure"],
  };
}

/** For responses that have one `errorCode` at the top and nothing else to say. */
export function topLevelFailure(failure: Failure): { errorCode: number } {
  return { errorCode: failure.errorCode };
}

function keyOf(schema: MessageSchema): number {
  assert(schema.key !== undefined, `${schema.name} has no API key`);
  return schema.key;
}
