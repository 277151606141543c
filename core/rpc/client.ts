// The client's side of a connection to a Kafka broker: requests go out one after
// another without waiting, answers come back in the same order.
//
//   connect → ApiVersions → ready → closed
//                 ↑ 35: asked again in a version that the broker knows
//
// A request that is not answered in time ends the connection: what comes later
// could no longer be told from the answers of other requests. Everything that
// still waits then fails in the same way, and may be sent again elsewhere.
//
// Source: Kafka documentation, "Protocol: Network" and "Preliminaries"; KIP-511.

import { MIB } from "../base/units.ts";
import {
  type Address,
  type Connection,
  type Host,
  HostError,
} from "../host/host.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  decodeResponseHeader,
  encodeRequestHeader,
} from "../wire/kafka/headers.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import type { Exchange } from "./exchange.ts";
import { FrameSink } from "./frame_sink.ts";
import { FRAME_PREFIX_BYTES, FrameStream } from "./frame_stream.ts";
import { type ApiRange, negotiate } from "./negotiation.ts";

/** How a connection behaves; all have defaults but the client's name. */
export interface ConnectionOptions {
  /** What the broker's quotas and traces call this client; `null` for nothing. */
  readonly clientId: string | null;
  readonly connectTimeoutMs?: number;
  /** How long ApiVersions may take; `requestTimeoutMs` where left out. */
  readonly negotiateTimeoutMs?: number;
  /** How long an answer may take, unless a request says otherwise. */
  readonly requestTimeoutMs?: number;
  /** Requests beyond this wait until others are answered. */
  readonly inFlightMax?: number;
  /** Silence after which the connection closes itself; negative for never. */
  readonly idleMs?: number;
  readonly responseMaxBytes?: number;
}

export interface SendOptions {
  readonly timeoutMs?: number;
  /** The highest version to use, where a higher one would mean something else. */
  readonly versionMax?: number;
}

interface Pending {
  readonly api: Exchange;
  readonly version: number;
  readonly correlationId: number;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: Error) => void;
  cancelTimer: () => void;
}

/** What a request takes besides its records, mostly. */
const OVERHEAD_BYTES = 512;
const CORRELATION_ID_MAX = 2 ** 31 - 1;

/** An open connection that knows which versions its broker serves. */
export class KafkaConnection {
  /** `host:port` as it was asked for. */
  readonly address: string;
  readonly #host: Host;
  readonly #connection: Connection;
  readonly #options: Required<ConnectionOptions>;
  readonly #frames: FrameStream;
  readonly #sink: FrameSink;
  readonly #inFlight: Pending[] = [];
  readonly #held: (() => void)[] = [];
  #ranges: ReadonlyMap<number, ApiRange> = new Map();
  #features: ReadonlyMap<string, number> = new Map();
  #correlationId = 0;
  #lastUsedMs: number;
  #cancelIdleTimer: () => void = () => {};
  #closedBecause: Error | null = null;
  readonly #onClose: (() => void)[] = [];

  private constructor(
    host: Host,
    connection: Connection,
    address: string,
    options: Required<ConnectionOptions>,
  ) {
    this.#host = host;
    this.#connection = connection;
    this.address = address;
    this.#options = options;
    this.#frames = new FrameStream(connection, {
      frameMaxBytes: options.responseMaxBytes,
      allocateAheadBytes: 64 * MIB,
    });
    this.#sink = new FrameSink(connection, (error) => this.#fail(error));
    this.#lastUsedMs = host.clock.monotonicMs();
  }

  /**
   * Connects, and asks which APIs are served.
   *
   * @throws {HostError} Where nobody answers at the address.
   * @throws {KafkaError} `UNSUPPORTED_VERSION` where what answers is no Kafka broker.
   */
  static async open(
    host: Host,
    address: Address,
    options: ConnectionOptions,
  ): Promise<KafkaConnection> {
    const full: Required<ConnectionOptions> = {
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 30_000,
      negotiateTimeoutMs: options.requestTimeoutMs ?? 30_000,
      inFlightMax: 100,
      idleMs: -1,
      responseMaxBytes: 2 ** 31 - 1,
      ...options,
    };
    const socket = await host.net.connect(address, {
      timeoutMs: full.connectTimeoutMs,
    });
    const name = formatAddress(address);
    const connection = new KafkaConnection(host, socket, name, full);
    connection.#readAll();
    try {
      const negotiated = await negotiate(connection, {
        timeoutMs: full.negotiateTimeoutMs,
      });
      connection.#ranges = negotiated.ranges;
      connection.#features = negotiated.features;
    } catch (error) {
      connection.close();
      throw error;
    }
    connection.#watchIdleness(full.idleMs);
    return connection;
  }

  get isOpen(): boolean {
    return this.#closedBecause === null;
  }

  /** Requests sent or about to be, and not yet answered. */
  get inFlightCount(): number {
    return this.#inFlight.length + this.#held.length;
  }

  /** What ApiVersions told, by API key. */
  get apis(): ReadonlyMap<number, ApiRange> {
    return this.#ranges;
  }

  /** Levels that the cluster has decided on, by the feature's name. */
  get features(): ReadonlyMap<string, number> {
    return this.#features;
  }

  /**
   * The version that `send` would use, -1 where the broker serves none that this
   * side knows.
   */
  versionOf(request: MessageSchema, versionMax = Infinity): number {
    const range = this.#ranges.get(request.key ?? -1);
    if (range === undefined) return -1;
    const [first, last] = request.versions;
    const version = Math.min(last, range.maxVersion, versionMax);
    return version >= first && version >= range.minVersion ? version : -1;
  }

  /**
   * Sends a request in the highest version that both sides know, and waits for
   * its answer. Error codes inside the answer are the caller's.
   *
   * @throws {KafkaError} `UNSUPPORTED_VERSION` where there is no such version;
   * `REQUEST_TIMED_OUT` where no answer came in time; `NETWORK_EXCEPTION` where
   * the connection ended first. All name the broker.
   */
  send<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    request: InferInput<Q>,
    options: SendOptions = {},
  ): Promise<Infer<R>> {
    const version = this.versionOf(api.request, options.versionMax);
    if (version < 0) return Promise.reject(this.#unsupported(api));
    return this.sendAs(api, version, request, options);
  }

  /** Sends in one version, whatever the broker said of it. */
  sendAs<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    version: number,
    request: InferInput<Q>,
    options: SendOptions = {},
  ): Promise<Infer<R>> {
    return new Promise<Infer<R>>((resolve, reject) => {
      const start = () => {
        if (this.#closedBecause !== null) return reject(this.#lost(api));
        let frame: Uint8Array;
        const correlationId = this.#nextCorrelationId();
        try {
          frame = this.#encode(
            api,
            { version, correlationId },
            request,
          );
        } catch (error) {
          return reject(error);
        }
        const pending: Pending = {
          api: api as unknown as Exchange,
          version,
          correlationId,
          resolve: resolve as (response: unknown) => void,
          reject,
          cancelTimer: () => {},
        };
        const timeoutMs = options.timeoutMs ?? this.#options.requestTimeoutMs;
        pending.cancelTimer = this.#host.clock.after(
          timeoutMs,
          () => this.#timedOut(pending, timeoutMs),
        );
        this.#inFlight.push(pending);
        this.#write(frame);
      };
      if (this.#inFlight.length < this.#options.inFlightMax) start();
      else this.#held.push(start);
    });
  }

  /**
   * Sends a request that has no answer (Produce with acks=0); resolves when it
   * has left.
   */
  async sendUnanswered<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    request: InferInput<Q>,
    options: SendOptions = {},
  ): Promise<void> {
    const version = this.versionOf(api.request, options.versionMax);
    if (version < 0) throw this.#unsupported(api);
    if (this.#closedBecause !== null) throw this.#lost(api);
    const correlationId = this.#nextCorrelationId();
    this.#write(
      this.#encode(api, { version, correlationId }, request),
    );
    await this.#sink.flushed();
    if (this.#closedBecause !== null) throw this.#lost(api);
  }

  /** Calls `run` once the connection has closed, for whatever reason. */
  onClose(run: () => void): void {
    if (this.isOpen) this.#onClose.push(run);
    else run();
  }

  /** Ends the connection; requests that still wait fail. */
  close(): void {
    this.#fail(new HostError("closed", "this client has closed it"));
  }

  #nextCorrelationId(): number {
    const id = this.#correlationId;
    this.#correlationId = id === CORRELATION_ID_MAX ? 0 : id + 1;
    return id;
  }

  #encode<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    { version, correlationId }: { version: number; correlationId: number },
    request: InferInput<Q>,
  ): Uint8Array {
    const codec = codecFor(api.request, version);
    const sizeBytes = OVERHEAD_BYTES + codec.recordBytes(request);
    const writer = new Writer(new Uint8Array(sizeBytes));
    writer.int32(0);
    encodeRequestHeader(writer, {
      apiKey: api.key,
      apiVersion: version,
      correlationId,
      clientId: this.#options.clientId,
    });
    codec.encode(writer, request);
    writer.patchInt32(0, writer.position - FRAME_PREFIX_BYTES);
    return writer.written();
  }

  #write(frame: Uint8Array): void {
    this.#lastUsedMs = this.#host.clock.monotonicMs();
    this.#sink.write(frame);
  }

  async #readAll(): Promise<void> {
    try {
      for (;;) {
        const frame = this.#frames.take() ?? await this.#frames.next();
        if (frame === null) {
          throw new HostError("reset", "the broker closed the connection");
        }
        this.#answer(frame);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #answer(frame: Uint8Array): void {
    const pending = this.#inFlight[0];
    const reader = new Reader(frame);
    const correlationId = reader.int32();
    if (pending === undefined || pending.correlationId !== correlationId) {
      throw new KafkaError(
        "NETWORK_EXCEPTION",
        `${this.address} answered request ${correlationId} out of turn`,
      );
    }
    reader.position = 0;
    let response: unknown;
    try {
      decodeResponseHeader(reader, {
        apiKey: pending.api.key,
        apiVersion: pending.version,
      });
      response = decodeBody(pending, reader);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new KafkaError(
        "CORRUPT_MESSAGE",
        `${this.address} sent an answer to ${pending.api.name} ` +
          `v${pending.version} that does not decode: ${reason}`,
      );
    }
    this.#inFlight.shift();
    pending.cancelTimer();
    this.#lastUsedMs = this.#host.clock.monotonicMs();
    pending.resolve(response);
    while (
      this.#held.length > 0 && this.#inFlight.length < this.#options.inFlightMax
    ) {
      this.#held.shift()!();
    }
  }

  #timedOut(pending: Pending, timeoutMs: number): void {
    this.#fail(
      new KafkaError(
        "REQUEST_TIMED_OUT",
        `${this.address} did not answer ${pending.api.name} within ${timeoutMs} ms`,
      ),
    );
  }

  /** Ends the connection; the first reason is the one that is told. */
  #fail(error: unknown): void {
    if (this.#closedBecause !== null) return;
    this.#closedBecause = error instanceof Error
      ? error
      : new Error(String(error));
    this.#cancelIdleTimer();
    this.#connection.close();
    for (const pending of this.#inFlight.splice(0)) {
      pending.cancelTimer();
      pending.reject(this.#lost(pending.api));
    }
    for (const start of this.#held.splice(0)) start();
    for (const run of this.#onClose.splice(0)) run();
  }

  /** What a request meets whose connection has ended. */
  #lost(api: { readonly name: string }): KafkaError {
    const reason = this.#closedBecause;
    if (reason instanceof KafkaError) return reason;
    return new KafkaError(
      "NETWORK_EXCEPTION",
      `Lost ${this.address} before it answered ${api.name}: ${
        reason?.message ?? "closed"
      }`,
    );
  }

  #unsupported(api: Exchange): KafkaError {
    const range = this.#ranges.get(api.key);
    const [first, last] = api.request.versions;
    return new KafkaError(
      "UNSUPPORTED_VERSION",
      range === undefined
        ? `${this.address} does not serve ${api.name}`
        : `${this.address} serves ${api.name} v${range.minVersion} to ` +
          `v${range.maxVersion}, this client speaks v${first} to v${last}`,
    );
  }

  #watchIdleness(idleMs: number): void {
    if (idleMs < 0) return;
    const check = () => {
      const silentMs = this.#host.clock.monotonicMs() - this.#lastUsedMs;
      if (silentMs >= idleMs && this.inFlightCount === 0) return this.close();
      const restMs = Math.max(idleMs - silentMs, 1);
      this.#cancelIdleTimer = this.#host.clock.after(restMs, check);
    };
    this.#cancelIdleTimer = this.#host.clock.after(idleMs, check);
  }
}

function decodeBody({ api, version }: Pending, reader: Reader): unknown {
  if (api.key === API_VERSIONS_KEY && version > 0) {
    // A broker that does not know the version says so in the oldest one.
    const errorCode = reader.int16();
    reader.position -= 2;
    if (errorCode === UNSUPPORTED_VERSION_CODE) {
      return codecFor(api.response, 0).decode(reader);
    }
  }
  return codecFor(api.response, version).decode(reader);
}

const API_VERSIONS_KEY = 18;
const UNSUPPORTED_VERSION_CODE = 35;

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
