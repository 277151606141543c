// From a frame to its answer: finds the API, decodes, calls the handler, encodes.
//
//   request:  int16 api key, int16 version, int32 correlation id, rest of the
//             header, body
//   answer:   int32 size, header with the correlation id, body
//
// What a client may be told is a response with an error code. Where there is no
// such place (an unknown API, a header that does not decode, a response without
// an error code) the connection is closed, as Kafka does.
//
// Source: Kafka protocol guide; observed: ApiVersions in a version too new is
// answered in version 0 with UNSUPPORTED_VERSION and the ranges (KIP-511).

import { AssertionError } from "../base/assert.ts";
import type { BufferPool } from "../rpc/buffer_pool.ts";
import { FrameError } from "../rpc/frame_reader.ts";
import {
  type Answer,
  type FrameHandler,
  type Outcome,
  PendingAnswer,
  type ServerConnection,
} from "../rpc/server_connection.ts";
import { codecFor, isFlexible } from "../wire/kafka/codec.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { encodeResponseFrame } from "../wire/kafka/frames.ts";
import { decodeRequestHeader } from "../wire/kafka/headers.ts";
import type { MessageSchema } from "../wire/kafka/schema.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import type { Broker } from "./broker.ts";
import type {
  ClientConnection,
  Failure,
  RequestContext,
  ServedApi,
} from "./context.ts";
import { describe, failureOf } from "./failure.ts";
import { API_VERSIONS_KEY } from "./handlers/api_versions.ts";

/** API key, version and correlation id: what every header starts with. */
const HEADER_START_BYTES = 8;

/** Room for all of a response but its record data; most need less. */
const BODY_ESTIMATE_BYTES = 2048;

type KeyedSchema = MessageSchema & { readonly key: number };

/** What the broker knows of a connection while it lasts. */
class BrokerConnection implements ClientConnection {
  clientSoftwareName = "";
  clientSoftwareVersion = "";
  readonly principal = "User:ANONYMOUS";
  readonly #connection: ServerConnection;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  get id(): number {
    return this.#connection.id;
  }
  get peer(): string {
    return this.#connection.peer;
  }
  get peerHost(): string {
    return this.#connection.peerHost;
  }
  get listenerName(): string {
    return this.#connection.listenerName;
  }
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }
}

export interface DispatchOptions {
  readonly broker: Broker;
  readonly apis: readonly ServedApi[];
  /** Where answers are written; they are given back when they are sent. */
  readonly pool: () => BufferPool;
}

/** Makes what serves the frames of all connections. */
export function dispatcher(options: DispatchOptions): FrameHandler {
  const byKey = new Map(options.apis.map((api) => [api.key, api]));
  return (frame, connection) => {
    const call = new Call(options, connection, frame, byKey);
    return call.run();
  };
}

/** One request on its way. */
class Call {
  readonly #broker: Broker;
  readonly #pool: BufferPool;
  readonly #frame: Uint8Array;
  readonly #api: ServedApi;
  readonly #context: RequestContext;
  readonly #reader: Reader;

  /** @throws {FrameError} Where the API is unknown or the header does not decode. */
  constructor(
    options: DispatchOptions,
    connection: ServerConnection,
    frame: Uint8Array,
    byKey: ReadonlyMap<number, ServedApi>,
  ) {
    this.#broker = options.broker;
    this.#pool = options.pool();
    this.#frame = frame;
    if (frame.length < HEADER_START_BYTES) {
      throw this.#malformed(`a header of ${frame.length} bytes`);
    }
    const apiKey = frame[0] << 8 | frame[1];
    const api = byKey.get(apiKey);
    if (api === undefined) throw this.#malformed(`unknown api key ${apiKey}`);
    this.#api = api;
    this.#broker.metrics.countRequest(apiKey);
    this.#reader = new Reader(frame);
    const start = new DataView(frame.buffer, frame.byteOffset);
    const apiVersion = start.getInt16(2);
    const isKnown = apiVersion >= 0 && apiVersion <= api.request.versions[1];
    this.#context = {
      broker: options.broker,
      connection: attached(connection),
      apiKey,
      apiVersion,
      correlationId: start.getInt32(4),
      clientId: isKnown ? this.#readHeader() : null,
    };
  }

  run(): Outcome {
    const { minVersion, maxVersion, key, request } = this.#api;
    const { apiVersion } = this.#context;
    if (apiVersion < minVersion || apiVersion > maxVersion) {
      return this.#refuseVersion();
    }
    let body: unknown;
    try {
      body = codecFor(request, apiVersion).decode(this.#reader);
      this.#checkEnd();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#broker.metrics.malformedRequests++;
      this.#broker.trace(
        `Refused a request of ${this.#context.connection.peer}: ${error.message}`,
      );
      return this.#refuse(
        { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: error.message },
        null,
        `a ${request.name} (key ${key}) that does not decode`,
      );
    }
    return this.#serve(body);
  }

  #serve(body: unknown): Outcome {
    try {
      const response = this.#api.handle(body, this.#context);
      if (response instanceof Promise) {
        return new PendingAnswer(
          this.#finish(response, body),
          this.#api.letsNextStart,
        );
      }
      return response === null ? null : this.#encode(response);
    } catch (error) {
      return this.#fail(error, body);
    }
  }

  async #finish(
    pending: Promise<unknown>,
    body: unknown,
  ): Promise<Answer | null> {
    try {
      const response = await pending;
      if (!this.#context.connection.isOpen) return null;
      return response === null ? null : this.#encode(response);
    } catch (error) {
      return this.#fail(error, body);
    }
  }

  /** The answer for what a handler threw; throws again what no answer can tell. */
  #fail(error: unknown, body: unknown): Answer | null {
    if (error instanceof FrameError || error instanceof AssertionError) {
      throw error;
    }
    const failure = failureOf(error);
    if (failure.errorCode === ErrorCode.UNKNOWN_SERVER_ERROR) {
      const { name } = this.#api.request;
      this.#broker.trace(`Failed to serve ${name}: ${describe(error)}`);
    }
    return this.#refuse(failure, body, failure.errorMessage);
  }

  #refuse(failure: Failure, body: unknown, reason: string): Answer | null {
    this.#broker.metrics.countError(failure.errorCode);
    const response = this.#api.failure(failure, body, this.#context);
    if (response === null) throw new FrameError(reason);
    return this.#encode(response);
  }

  #refuseVersion(): Answer | null {
    const { name, versions } = this.#api.request;
    const { apiVersion } = this.#context;
    const errorMessage =
      `${name} version ${apiVersion} is not served, only ${this.#api.minVersion} to ${this.#api.maxVersion}`;
    const isKnown = apiVersion >= versions[0] && apiVersion <= versions[1];
    if (!isKnown && this.#api.key !== API_VERSIONS_KEY) {
      throw this.#malformed(errorMessage);
    }
    const failure = {
      errorCode: ErrorCode.UNSUPPORTED_VERSION,
      errorMessage,
    };
    return this.#refuse(failure, null, errorMessage);
  }

  #readHeader(): string | null {
    try {
      return decodeRequestHeader(this.#reader).clientId;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw this.#malformed(`a header that does not decode: ${error.message}`);
    }
  }

  /** Old versions may have bytes after the body, as some old clients send; flexible ones not, but for the rows that say so. */
  #checkEnd(): void {
    const { request, allowsTrailingBytes } = this.#api;
    if (isFlexible(request, this.#context.apiVersion)) {
      if (!allowsTrailingBytes) this.#reader.expectEnd();
    } else if (this.#reader.remaining > 0) {
      this.#broker.trace(
        `Ignored ${this.#reader.remaining} bytes after a ${request.name} of ${this.#context.connection.peer}`,
      );
    }
  }

  #malformed(reason: string): FrameError {
    this.#broker.metrics.malformedRequests++;
    return new FrameError(reason);
  }

  #encode(response: unknown): Answer {
    const { key, response: schema } = this.#api;
    const { apiVersion, correlationId } = this.#context;
    // ApiVersions is answered in version 0 where the client's is not served.
    const { minVersion, maxVersion } = this.#api;
    const isServed = apiVersion >= minVersion && apiVersion <= maxVersion;
    const version = isServed || key !== API_VERSIONS_KEY ? apiVersion : 0;
    const body = response as never;
    const buffer = this.#pool.take(
      codecFor(schema, version).recordBytes(body) + BODY_ESTIMATE_BYTES,
    ) as Uint8Array<ArrayBuffer>;
    let bytes: Uint8Array;
    try {
      bytes = encodeResponseFrame(schema as KeyedSchema, {
        version,
        correlationId,
        body,
        buffer,
      });
    } catch (error) {
      this.#pool.give(buffer);
      throw error;
    }
    if (bytes.buffer !== buffer.buffer) {
      this.#pool.give(buffer); // It was too small, and the writer has left it.
      return { bytes, release: () => {} };
    }
    return { bytes, release: () => this.#pool.give(buffer) };
  }
}

function attached(connection: ServerConnection): BrokerConnection {
  connection.attachment ??= new BrokerConnection(connection);
  return connection.attachment as BrokerConnection;
}
