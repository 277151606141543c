// What tests of the broker begin with: a whole broker with its own coordinator on
// any host, and clients that speak frames.

import { loadBrokerConfig } from "../config/broker_config_load.ts";
import {
  type EmbeddedCoordinator,
  openEmbeddedCoordinator,
} from "../ensemble/embedded.ts";
import { type Connection, type Host, sleep } from "../host/host.ts";
import type { Broker } from "../broker/broker.ts";
import { type RunningBroker, startBroker } from "../broker/server.ts";
import {
  type BatchContent,
  encodeBatch,
  type RecordInput,
} from "../record/record_batch.ts";
import { brokerZnodes } from "../client/zookeeper/broker_znodes.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { FrameStream } from "../rpc/frame_stream.ts";
import { decodeWhole } from "../wire/kafka/codec.ts";
import { encodeRequestFrame } from "../wire/kafka/frames.ts";
import { decodeResponseHeader } from "../wire/kafka/headers.ts";
import {
  metadataRequest,
  metadataResponse,
} from "../wire/kafka/messages/metadata.ts";
import {
  produceRequest,
  produceResponse,
} from "../wire/kafka/messages/produce.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { Reader } from "../wire/reader.ts";

const FRAME_MAX_BYTES = 200 * 1024 * 1024;

type Keyed = MessageSchema & { readonly key: number };

/** One connection to a broker, on which calls are made one after another or all at once. */
export class TestClient {
  readonly io: Connection;
  readonly #frames: FrameStream;
  #correlationId = 0;

  constructor(io: Connection) {
    this.io = io;
    this.#frames = new FrameStream(io, { frameMaxBytes: FRAME_MAX_BYTES });
  }

  /** Sends a request and gives its answer's body. */
  async call<const Q extends Keyed, const R extends Keyed>(
    [request, response]: readonly [Q, R],
    version: number,
    body: InferInput<Q>,
  ): Promise<Infer<R>> {
    const id = await this.send(request, version, body);
    return await this.answer(response, version, id);
  }

  /** Sends a request; gives its correlation id. */
  async send<const Q extends Keyed>(
    request: Q,
    version: number,
    body: InferInput<Q>,
  ): Promise<number> {
    const correlationId = ++this.#correlationId;
    await this.io.write(
      encodeRequestFrame(request, {
        version,
        correlationId,
        clientId: "test",
        body,
      }),
    );
    return correlationId;
  }

  /**
   * Reads the next answer.
   *
   * @throws {DecodeError} Where it is not the one expected.
   */
  async answer<const R extends Keyed>(
    response: R,
    version: number,
    correlationId: number,
  ): Promise<Infer<R>> {
    const frame = await this.#frames.next();
    if (frame === null) throw new Error("The broker has closed the connection");
    const reader = new Reader(frame);
    const header = decodeResponseHeader(reader, {
      apiKey: response.key,
      apiVersion: version,
    });
    if (header.correlationId !== correlationId) {
      throw new Error(`Answer ${header.correlationId}, not ${correlationId}`);
    }
    return decodeWhole(response, version, frame.subarray(reader.position));
  }

  /** True once the broker has closed the connection; waits for it. */
  async isClosed(): Promise<boolean> {
    try {
      return await this.#frames.next() === null;
    } catch {
      return true;
    }
  }
}

/** A broker under test. */
export class TestBroker {
  readonly #host: Host;
  /** `null` where it is one outside the broker. */
  readonly #coordinator: EmbeddedCoordinator | null;
  readonly running: RunningBroker;
  /** What it has traced. */
  readonly lines: readonly string[];

  private constructor(
    host: Host,
    coordinator: EmbeddedCoordinator | null,
    running: RunningBroker,
    lines: readonly string[],
  ) {
    this.#host = host;
    this.#coordinator = coordinator;
    this.running = running;
    this.lines = lines;
  }

  /**
   * Starts one on `/data` of the host, with some keys of its configuration set;
   * with `zookeeper.connect` among them, its coordinator is there.
   */
  static async start(
    host: Host,
    overrides: { readonly [key: string]: string | number } = {},
  ): Promise<TestBroker> {
    const lines: string[] = [];
    const { config, texts } = loadBrokerConfig({
      overrides: Object.entries({
        "broker.id": 1,
        "log.dirs": "/data/logs",
        "listeners": "PLAINTEXT://127.0.0.1:9092",
        "log.index.size.max.bytes": 12_000,
        ...overrides,
      }).map(([key, value]) => `${key}=${value}`),
    });
    let coordinator: EmbeddedCoordinator | null = null;
    try {
      const running = await startBroker({
        host,
        config,
        overrides: texts,
        connectZnodes: async () => {
          if (config["zookeeper.connect"]) {
            return await brokerZnodes(
              host,
              config,
              (line) => lines.push(line),
            );
          }
          coordinator = await openEmbeddedCoordinator(
            host,
            "/data/coordinator",
          );
          return await coordinator.connect();
        },
        trace: (line) => lines.push(line),
      });
      // A first block of producer ids is given out, so that tests may name those below 1000.
      await running.broker.producerIds.next();
      return new TestBroker(host, coordinator, running, lines);
    } catch (error) {
      await (coordinator as EmbeddedCoordinator | null)?.close();
      throw error;
    }
  }

  get broker(): Broker {
    return this.running.broker;
  }

  /** @param listenerIndex In the order of the configuration. */
  async connect(listenerIndex = 0): Promise<TestClient> {
    const { address } = this.running.addresses[listenerIndex];
    return new TestClient(await this.#host.net.connect(address));
  }

  async createTopic(
    name: string,
    options: {
      readonly partitionCount?: number;
      readonly config?: { readonly [key: string]: string };
    } = {},
  ): Promise<string> {
    const { topicId } = await this.broker.cluster.createTopic({
      name,
      partitionCount: options.partitionCount ?? 1,
      replicationFactor: 1,
      config: new Map(Object.entries(options.config ?? {})),
    });
    return topicId;
  }

  /** Stops it; true where the next start need not recover. */
  async stop(): Promise<boolean> {
    const isClean = await this.running.shutdown();
    await this.#coordinator?.close();
    return isClean;
  }
}

/** A batch of records with the given values, keys being `null`. */
export function batchOf(
  values: readonly (string | null)[],
  options: Partial<Omit<BatchContent, "records">> & {
    readonly key?: string;
    readonly timestampMs?: number;
  } = {},
): Uint8Array {
  const { key, timestampMs = 1_700_000_000_000, ...content } = options;
  const records: RecordInput[] = values.map((value, index) => ({
    offset: index,
    timestampMs: timestampMs + index,
    key: key === undefined ? null : encodeUtf8(key),
    value: value === null ? null : encodeUtf8(value),
    headers: [],
  }));
  return encodeBatch({ ...content, records });
}

export const PRODUCE = [produceRequest, produceResponse] as const;
export const METADATA = [metadataRequest, metadataResponse] as const;

/** Produces one batch to one partition with acks=all; gives that partition's answer. */
export async function produceOne(
  client: TestClient,
  topic: string,
  records: Uint8Array,
  options: {
    readonly partition?: number;
    readonly version?: number;
    readonly acks?: number;
  } = {},
): Promise<
  Infer<typeof produceResponse>["responses"][number]["partitionResponses"][
    number
  ]
> {
  const { partition = 0, version = 9, acks = -1 } = options;
  const { responses } = await client.call(PRODUCE, version, {
    acks,
    timeoutMs: 5000,
    topicData: [{
      name: topic,
      partitionData: [{ index: partition, records }],
    }],
  });
  return responses[0].partitionResponses[0];
}

/** Begins another term of the same leader, as an election would; gives its epoch. */
export function beginTerm(
  { broker }: TestBroker,
  topic: string,
  partition = 0,
): number {
  const found = broker.partitions.get(topic, partition);
  const leaderEpoch = found.leadership.leaderEpoch + 1;
  found.update({ ...found.leadership, leaderEpoch }, found.log);
  return leaderEpoch;
}

/** Waits until something is true, for at most a minute of the clock. */
export async function until(
  host: Host,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let round = 0; round < 6000; round++) {
    if (await condition()) return;
    await sleep(host.clock, 10);
  }
  throw new Error("It did not come true within a minute");
}
