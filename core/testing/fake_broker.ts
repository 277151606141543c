// A broker for tests of clients: it speaks Kafka's protocol on a simulated
// network, answers from memory, keeps a list of what it was asked, and
// misbehaves as a test tells it to.
//
//   const cluster = fakeCluster(sim, 2);
//   await sim.run(() => cluster.start());
//   cluster.broker(1).script(PRODUCE_KEY, "close", { code: 6 });

import { type Connection, type Host, type Listener } from "../host/host.ts";
import { FrameStream } from "../rpc/frame_stream.ts";
import { apis } from "../wire/kafka/apis.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import {
  decodeRequestHeader,
  encodeResponseHeader,
} from "../wire/kafka/headers.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { FakeClusterState } from "./fake_cluster.ts";
import { defaultHandlers } from "./fake_handlers.ts";
import { type SimHost, simHost } from "./sim_host.ts";

/** One request as it came. */
export interface SeenRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly clientId: string | null;
  // deno-lint-ignore no-explicit-any -- tests know what they have sent
  readonly body: any;
}

/** What a handler knows besides the request. */
export interface FakeContext {
  readonly broker: FakeBroker;
  readonly state: FakeClusterState;
  readonly apiVersion: number;
}

/** Answers a request; `null` answers nothing. */
export type FakeHandler = (
  // deno-lint-ignore no-explicit-any -- one table for all messages
  request: any,
  context: FakeContext,
) => unknown | Promise<unknown>;

/**
 * What happens to one request in place of its normal treatment: the connection
 * ends before or after the work is done, no answer comes, or an answer is given.
 */
export type ScriptedAction =
  | "close"
  | "closeAfter"
  | "silence"
  | "pass"
  | { readonly delayMs: number }
  | { readonly answer: (request: SeenRequest) => unknown };

export class FakeBroker {
  readonly id: number;
  readonly sim: SimHost;
  readonly port: number;
  readonly state: FakeClusterState;
  readonly requests: SeenRequest[] = [];
  /** Versions that are served, by API key; what is missing is not. */
  readonly ranges = new Map<number, readonly [number, number]>();
  /** Finalised features, by name. */
  readonly features = new Map<string, number>();
  readonly #handlers = new Map<number, FakeHandler>();
  readonly #scripts = new Map<number, ScriptedAction[]>();
  readonly #connections = new Set<Connection>();
  #listener: Listener | null = null;

  constructor(
    id: number,
    place: { readonly sim: SimHost; readonly port: number },
    state: FakeClusterState,
  ) {
    this.id = id;
    this.sim = place.sim;
    this.port = place.port;
    this.state = state;
    for (const { exchange, versions, handler } of defaultHandlers) {
      this.ranges.set(exchange.key, versions);
      this.#handlers.set(exchange.key, handler);
    }
  }

  get host(): Host {
    return this.sim.host;
  }

  /** `host:port` for clients. */
  get address(): string {
    return `${this.sim.name}:${this.port}`;
  }

  /** Serves an API by a function of the test's own. */
  serve<Q extends MessageSchema, R extends MessageSchema>(
    request: Q,
    _response: R,
    handler: (
      request: Infer<Q>,
      context: FakeContext,
    ) => InferInput<R> | Promise<InferInput<R>>,
  ): void {
    const key = request.key!;
    this.#handlers.set(key, handler as FakeHandler);
    this.ranges.set(key, [request.versions[0], request.versions[1]]);
  }

  /** Says what happens to the next requests of an API, one action each. */
  script(apiKey: number, ...actions: ScriptedAction[]): void {
    const list = this.#scripts.get(apiKey);
    if (list === undefined) this.#scripts.set(apiKey, actions);
    else list.push(...actions);
  }

  /** Requests of one API, in the order in which they came. */
  seen(apiKey: number): SeenRequest[] {
    return this.requests.filter((request) => request.apiKey === apiKey);
  }

  async start(): Promise<void> {
    this.#listener = await this.host.net.listen(
      { host: "", port: this.port },
      (connection) => void this.#serve(connection),
    );
  }

  /** Ends the broker: it accepts nothing, and its connections close. */
  stop(): void {
    this.#listener?.close();
    this.#listener = null;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  async #serve(connection: Connection): Promise<void> {
    this.#connections.add(connection);
    const frames = new FrameStream(connection, { frameMaxBytes: 2 ** 27 });
    try {
      for (;;) {
        const frame = frames.take() ?? await frames.next();
        if (frame === null) break;
        const answer = await this.#answer(frame);
        if (answer === "close") break;
        if (answer !== null) await connection.write(answer);
      }
    } catch {
      // The client has gone, or the test has ended.
    }
    this.#connections.delete(connection);
    connection.close();
  }

  async #answer(frame: Uint8Array): Promise<Uint8Array | null | "close"> {
    const reader = new Reader(frame);
    const header = decodeRequestHeader(reader);
    const { apiKey, apiVersion } = header;
    const range = this.ranges.get(apiKey);
    const isServed = range !== undefined && apiVersion >= range[0] &&
      apiVersion <= range[1];
    if (!isServed && apiKey === API_VERSIONS_KEY) {
      return this.#encode(header, 0, this.#apiVersions(35));
    }
    // As in Kafka, what is not served ends the connection.
    if (!isServed) return "close";
    const api = apis.get(apiKey)!;
    const body = codecFor(api.request, apiVersion).decode(reader);
    const { clientId } = header;
    const request = { apiKey, apiVersion, clientId, body };
    this.requests.push(request);
    const action = this.#scripts.get(apiKey)?.shift() ?? "pass";
    if (action === "close") return "close";
    if (action === "silence") return null;
    if (typeof action === "object") {
      if ("answer" in action) {
        return this.#encode(header, apiVersion, action.answer(request));
      }
      await new Promise<void>((resolve) =>
        this.host.clock.after(action.delayMs, resolve)
      );
    }
    const response = apiKey === API_VERSIONS_KEY
      ? this.#apiVersions(0)
      : await this.#handlers.get(apiKey)!(body, {
        broker: this,
        state: this.state,
        apiVersion,
      });
    if (action === "closeAfter") return "close";
    if (response === null) return null;
    return this.#encode(header, apiVersion, response);
  }

  #apiVersions(errorCode: number) {
    const apiKeys = [...this.ranges].map(([apiKey, [min, max]]) => ({
      apiKey,
      minVersion: min,
      maxVersion: max,
    }));
    const finalizedFeatures = [...this.features].map(([name, level]) => ({
      name,
      minVersionLevel: level,
      maxVersionLevel: level,
    }));
    return { errorCode, apiKeys, finalizedFeatures };
  }

  #encode(
    header: { readonly apiKey: number; readonly correlationId: number },
    version: number,
    response: unknown,
  ): Uint8Array {
    const writer = new Writer();
    writer.int32(0);
    encodeResponseHeader(writer, { ...header, apiVersion: version });
    const schema: MessageSchema = apis.get(header.apiKey)!.response;
    codecFor(schema, version).encode(
      writer,
      response as InferInput<MessageSchema>,
    );
    writer.patchInt32(0, writer.position - 4);
    return writer.written();
  }
}

const API_VERSIONS_KEY = 18;
const PORT = 9092;

/** Some fake brokers that answer from the same state. */
export class FakeCluster {
  readonly state = new FakeClusterState();
  readonly brokers: FakeBroker[] = [];

  /** The brokers are machines of their own, `broker1` and so on, on the client's network. */
  constructor(client: SimHost, brokerCount: number) {
    for (let id = 1; id <= brokerCount; id++) {
      const sim = simHost(id, {
        name: `broker${id}`,
        loop: client.loop,
        net: client.net,
      });
      this.state.brokers.set(id, { host: sim.name, port: PORT });
      this.brokers.push(new FakeBroker(id, { sim, port: PORT }, this.state));
    }
  }

  /** `bootstrap.servers` of all brokers. */
  get bootstrap(): string {
    return this.brokers.map((broker) => broker.address).join(",");
  }

  broker(id: number): FakeBroker {
    return this.brokers[id - 1];
  }

  async start(): Promise<void> {
    for (const broker of this.brokers) await broker.start();
  }

  stop(): void {
    for (const broker of this.brokers) broker.stop();
  }
}
