// A fuzzer of whole brokers: 20,000 valid requests of every API that a broker
// advertises, most of them damaged, sent as a hostile client would. The broker
// stays up, meets nothing that it did not expect, keeps its memory, and gives
// every frame an answer or closes its connection.
//
//   FUZZ_SEED=7 deno test -A core/broker/fuzz_test.ts

import { ok, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { MIB } from "../base/units.ts";
import { topicConfig } from "../config/topic_config.ts";
import { ClassicGroup } from "../groups/classic/classic_group.ts";
import { ConsumerGroup } from "../groups/consumer/consumer_group.ts";
import { HostError } from "../host/host.ts";
import { FrameStream } from "../rpc/frame_stream.ts";
import { batchOf, produceOne, TestBroker } from "../testing/broker_fixture.ts";
import {
  type FrameHints,
  randomRequest,
  type RequestFrame,
  requestOfBody,
} from "../testing/sim_frames.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { mutate } from "../testing/sim_mutations.ts";
import { SimRandom } from "../testing/sim_random.ts";
import { encodeRequestFrame } from "../wire/kafka/frames.ts";
import { apiVersionsRequest } from "../wire/kafka/messages/api_versions.ts";
import { servedApis } from "./apis.ts";

const FRAME_COUNT = 20_000;
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 20_251_122);

/** How much the process may grow, where the frames together have a few megabytes. */
const GROWTH_MAX_BYTES = 400 * MIB;

/** An answer that takes longer than this of virtual time waits for something. */
const PATIENCE_MS = 30_000;

const SENTINEL_ID = 0x5e17_1e1d;
const SENTINEL = encodeRequestFrame(apiVersionsRequest, {
  version: 0,
  correlationId: SENTINEL_ID,
  clientId: "sentinel",
  body: {},
});

/** Only these may wait for as long as the request says: Fetch, JoinGroup, SyncGroup. */
const WAITING_APIS = new Set([1, 11, 14]);
/** Times that requests are filled with are short. */
const CONFIG = {
  "group.min.session.timeout.ms": 1,
  "group.consumer.migration.policy": "bidirectional",
};

/** Only these may have no answer: Produce with acks=0. */
const SILENT_APIS = new Set([0]);

Deno.test(`a broker survives ${FRAME_COUNT} damaged frames of every API (seed ${SEED})`, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const sim = simHost(SEED);
  const before = Deno.memoryUsage();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    const fuzzer = new Fuzzer(sim, broker);
    await fuzzer.run();
    ok(fuzzer.seenKeys.size === servedApis.length, "not every API was met");
    ok(fuzzer.answeredCount > FRAME_COUNT / 4, `${fuzzer.answeredCount}`);
    ok(fuzzer.closedCount > FRAME_COUNT / 100, `${fuzzer.closedCount}`);
    console.log(
      `${fuzzer.answeredCount} answered, ${fuzzer.closedCount} closed`,
    );
    strictEqual(await broker.stop(), true);
    // What the frames left on the disk is a broker's state like any other.
    const again = await TestBroker.start(sim.host, CONFIG);
    await new Fuzzer(sim, again).checkHealth("the restart");
    strictEqual(await again.stop(), true);
  }, { limitMs: Infinity });
  const grownBytes = Deno.memoryUsage().rss - before.rss;
  ok(grownBytes < GROWTH_MAX_BYTES, `grew by ${grownBytes} bytes`);
});

class Fuzzer {
  readonly seenKeys = new Set<number>();
  answeredCount = 0;
  closedCount = 0;
  readonly #sim: SimHost;
  readonly #broker: TestBroker;
  readonly #random = new SimRandom(SEED);
  readonly #captured: readonly RequestFrame[] = capturedRequests();
  #hints: FrameHints = { topics: [], topicIds: [], configKeys: [] };
  #client: FuzzClient | null = null;
  #failure: Error | null = null;

  constructor(sim: SimHost, broker: TestBroker) {
    this.#sim = sim;
    this.#broker = broker;
    broker.running.failed.then((error) => this.#failure = error);
  }

  async run(): Promise<void> {
    let other: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < FRAME_COUNT; i++) {
      if (i % 250 === 0) await this.#prepare();
      if (i % 1000 === 999) await this.checkHealth(`frame ${i}`);
      const request = this.#request();
      this.seenKeys.add(request.key);
      const { bytes, how } = mutate(request.bytes, this.#random, other);
      const name = `frame ${i}: ${request.name} v${request.version}, ${how}`;
      if (this.#random.chance(0.02)) await this.#lie(bytes);
      else await this.#send(bytes, name);
      this.#checkLines(name, bytes);
      other = request.bytes;
    }
  }

  #request(): RequestFrame {
    const random = this.#random;
    if (random.chance(0.2)) return random.pick(this.#captured);
    const api = random.pick(servedApis);
    const { minVersion, maxVersion } = api;
    const version = minVersion + random.below(maxVersion - minVersion + 1);
    return randomRequest(api, version, random, this.#hints);
  }

  /** Sends a frame, and one after it whose answer shows that it was dealt with. */
  async #send(bytes: Uint8Array, name: string): Promise<void> {
    this.#client ??= await FuzzClient.connect(this.#sim, this.#broker);
    const client = this.#client;
    const outcome = await client.exchange(bytes);
    const apiKey = bytes.length < 2 ? -1 : bytes[0] << 8 | bytes[1];
    if (outcome === "answered") {
      this.answeredCount += 1;
      return;
    }
    if (outcome === "silent") {
      return ok(SILENT_APIS.has(apiKey), `${name}: no answer\n${hex(bytes)}`);
    }
    if (outcome === "waiting") {
      ok(WAITING_APIS.has(apiKey), `${name}: still waits\n${hex(bytes)}`);
    } else {
      this.closedCount += 1;
    }
    client.close();
    this.#client = null;
  }

  /** Sends a frame behind a size that is not its own, and leaves. */
  async #lie(bytes: Uint8Array): Promise<void> {
    const random = this.#random;
    const client = await FuzzClient.connect(this.#sim, this.#broker);
    const size = random.pick([
      -1,
      0,
      -(2 ** 31),
      2 ** 31 - 1,
      100 * MIB + 1,
      100 * MIB,
      bytes.length + 1 + random.below(1000),
      random.below(bytes.length + 1),
    ]);
    await client.write(framed(bytes, size));
    const isClosed = await client.isClosedWithin(1000);
    const isImpossible = size <= 0 || size > 100 * MIB;
    ok(isClosed || !isImpossible, `a frame of ${size} bytes was not refused`);
    client.close();
  }

  /** Topics that a request may find, and their ids. */
  async #prepare(): Promise<void> {
    const { cluster } = this.#broker.broker;
    for (const name of ["a", "b"]) {
      if (cluster.image.topics.has(name)) continue;
      await this.#broker.createTopic(name, { partitionCount: 3 });
    }
    const topics = [...cluster.image.topics.values()];
    this.#hints = {
      topics: ["a", "b", "c", topics[this.#random.below(topics.length)].name],
      topicIds: topics.slice(0, 5).map(({ topicId }) => topicId),
      configKeys: Object.keys(topicConfig.rows),
      memberIds: memberIdsOf(this.#broker),
    };
  }

  /** A topic can be made, and takes records. */
  async checkHealth(when: string): Promise<void> {
    const name = `health-${when.replaceAll(" ", "-")}`;
    await this.#broker.createTopic(name);
    const client = await this.#broker.connect();
    const { errorCode, baseOffset } = await produceOne(
      client,
      name,
      batchOf(["x", "y"]),
    );
    strictEqual(errorCode, 0, `after ${when}`);
    strictEqual(baseOffset, 0);
    client.io.close();
    const { heapUsed, external } = Deno.memoryUsage();
    ok(heapUsed + external < 2 * GROWTH_MAX_BYTES, `${heapUsed + external}`);
  }

  /** Nothing happened that the broker did not expect. */
  #checkLines(name: string, bytes: Uint8Array): void {
    const lines = this.#broker.lines as string[];
    const bad = lines.find((line) => /^Failed to|stops after/.test(line));
    ok(bad === undefined, `${name}: ${bad}\n${hex(bytes)}`);
    ok(this.#failure === null, `${name}: ${this.#failure?.stack}`);
    lines.length = 0;
  }
}

/** Members that groups have now: some of each kind. */
function memberIdsOf({ broker }: TestBroker): string[] {
  const ids: string[] = [];
  for (const shard of broker.groups.shards()) {
    for (const group of shard.state.groups.values()) {
      if (
        group instanceof ClassicGroup || group instanceof ConsumerGroup
      ) ids.push(...[...group.members.keys()].slice(-3));
    }
  }
  return ids.slice(-20);
}

/** What came of a frame. */
type Outcome = "answered" | "silent" | "waiting" | "closed";

class FuzzClient {
  readonly #sim: SimHost;
  readonly #io;
  readonly #frames: FrameStream;

  private constructor(
    sim: SimHost,
    io: Awaited<ReturnType<SimHost["host"]["net"]["connect"]>>,
  ) {
    this.#sim = sim;
    this.#io = io;
    this.#frames = new FrameStream(io, { frameMaxBytes: 200 * MIB });
  }

  static async connect(sim: SimHost, broker: TestBroker): Promise<FuzzClient> {
    const { address } = broker.running.addresses[0];
    return new FuzzClient(sim, await sim.host.net.connect(address));
  }

  async exchange(bytes: Uint8Array): Promise<Outcome> {
    await this.write(framed(bytes, bytes.length));
    await this.write(SENTINEL);
    let answerCount = 0;
    for (;;) {
      const frame = await this.#within(PATIENCE_MS, this.#next());
      if (frame === "late") return "waiting";
      if (frame === null) return "closed";
      const view = new DataView(frame.buffer, frame.byteOffset);
      if (frame.length >= 4 && view.getInt32(0) === SENTINEL_ID) {
        return answerCount === 0 ? "silent" : "answered";
      }
      answerCount += 1;
      ok(answerCount <= 1, "one frame got more than one answer");
    }
  }

  async isClosedWithin(limitMs: number): Promise<boolean> {
    for (;;) {
      const frame = await this.#within(limitMs, this.#next());
      if (frame === "late") return false;
      if (frame === null) return true;
    }
  }

  /** A broker may close while something is being sent to it. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#io.write(bytes).catch((error) => {
      if (!(error instanceof HostError)) throw error;
    });
  }

  close(): void {
    this.#io.close();
  }

  #next(): Promise<Uint8Array | null> {
    return this.#frames.next().catch((error) => {
      if (error instanceof HostError) return null;
      throw error;
    });
  }

  #within<T>(limitMs: number, promise: Promise<T>): Promise<T | "late"> {
    const late = Promise.withResolvers<"late">();
    const callOff = this.#sim.host.clock.after(
      limitMs,
      () => late.resolve("late"),
    );
    return Promise.race([promise, late.promise]).finally(callOff);
  }
}

/** Requests that Apache Kafka wrote, of the APIs and versions that are served. */
function capturedRequests(): RequestFrame[] {
  const url = new URL(
    "../../testdata/wire/kafka-messages.jsonl.gz",
    import.meta.url,
  );
  const text = new TextDecoder().decode(gunzipSync(Deno.readFileSync(url)));
  const byName = new Map(servedApis.map((api) => [api.request.name, api]));
  const frames: RequestFrame[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { name, version, hex } = JSON.parse(line);
    const api = byName.get(name);
    if (api === undefined) continue;
    if (version < api.minVersion || version > api.maxVersion) continue;
    frames.push(requestOfBody(api, version, Uint8Array.fromHex(hex)));
  }
  return frames;
}

function framed(bytes: Uint8Array, size: number): Uint8Array {
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setInt32(0, size);
  frame.set(bytes, 4);
  return frame;
}

function hex(bytes: Uint8Array): string {
  return bytes.subarray(0, 2000).toHex();
}
