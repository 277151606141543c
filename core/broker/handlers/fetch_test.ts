import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeUtf8 } from "../../base/bytes.ts";
import { type Host, sleep } from "../../host/host.ts";
import type { Record } from "../../record/record_batch.ts";
import { batchesIn, recordsOfBatch } from "../../record/record_stream.ts";
import {
  batchOf,
  beginTerm,
  produceOne,
  TestBroker,
  type TestClient,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  fetchRequest,
  type FetchResponse,
  fetchResponse,
} from "../../wire/kafka/messages/fetch.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";

const FETCH = [fetchRequest, fetchResponse] as const;

type Body = InferInput<typeof fetchRequest>;
type Partition = Body["topics"][number]["partitions"][number];

interface Context {
  readonly host: Host;
  readonly broker: TestBroker;
  readonly client: TestClient;
  readonly topicId: string;
}

/** Runs a test against a broker with one topic, `t`, of three partitions. */
async function withBroker(
  test: (context: Context) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(21);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, overrides);
    const topicId = await broker.createTopic("t", { partitionCount: 3 });
    const client = await broker.connect();
    await test({ host: sim.host, broker, client, topicId });
    strictEqual(await broker.stop(), true);
  });
}

/** A request for partitions of `t`. */
function body(
  partitions: readonly Partial<Partition>[],
  rest: Partial<Body> & { readonly topicId?: string } = {},
): Body {
  const { topicId, ...more } = rest;
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{
      ...(topicId === undefined ? { topic: "t" } : { topicId }),
      partitions: partitions.map((partition) => ({
        partition: 0,
        fetchOffset: 0,
        partitionMaxBytes: 1 << 20,
        ...partition,
      })),
    }],
    ...more,
  };
}

function partitionsOf(response: FetchResponse) {
  return response.responses.flatMap(({ partitions }) => partitions);
}

/** All records of an answer's partition, of whatever format. */
function recordsOf(bytes: Uint8Array | null): Record[] {
  return [...batchesIn(bytes ?? new Uint8Array(0))]
    .flatMap((span) => [...recordsOfBatch(bytes!, span)]);
}

/** The values in an answer's only partition. */
function values(response: FetchResponse): string[] {
  const [{ records }] = partitionsOf(response);
  return recordsOf(records).map(({ value }) => decodeUtf8(value!));
}

Deno.test("Fetch gives what was produced, in every version, by name and by id", async () => {
  await withBroker(async ({ client, topicId }) => {
    await produceOne(client, "t", batchOf(["a", "b"]));
    await produceOne(client, "t", batchOf(["c"], { compression: "gzip" }));
    for (let version = 4; version <= 17; version++) {
      const byId = version >= 13 ? { topicId } : {};
      const response = await client.call(FETCH, version, body([{}], byId));
      deepStrictEqual(values(response), ["a", "b", "c"], `version ${version}`);
      const [partition] = partitionsOf(response);
      strictEqual(partition.highWatermark, 3);
      strictEqual(partition.lastStableOffset, 3);
      strictEqual(partition.abortedTransactions, null);
      strictEqual(response.responses[0].topic, version >= 13 ? "" : "t");
    }
  });
});

Deno.test("Fetch starts with the batch that holds the offset", async () => {
  await withBroker(async ({ client }) => {
    await produceOne(client, "t", batchOf(["a", "b"]));
    await produceOne(client, "t", batchOf(["c"]));
    const cases: [offset: number, found: string[]][] = [
      [0, ["a", "b", "c"]],
      [1, ["a", "b", "c"]],
      [2, ["c"]],
      [3, []],
    ];
    for (const [fetchOffset, found] of cases) {
      const response = await client.call(FETCH, 12, body([{ fetchOffset }]));
      deepStrictEqual(values(response), found, `offset ${fetchOffset}`);
    }
  });
});

Deno.test("Fetch says what is wrong with each partition", async () => {
  await withBroker(async ({ client, topicId }) => {
    await produceOne(client, "t", batchOf(["a"]));
    const cases: [wanted: Partial<Partition>, code: number][] = [
      [{ fetchOffset: 2 }, ErrorCode.OFFSET_OUT_OF_RANGE],
      [{ fetchOffset: -5 }, ErrorCode.OFFSET_OUT_OF_RANGE],
      [{ partition: 3 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [{ currentLeaderEpoch: 9 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
      [{ currentLeaderEpoch: 0 }, ErrorCode.NONE],
      [{ partition: 1 }, ErrorCode.NONE],
    ];
    for (const [wanted, code] of cases) {
      const response = await client.call(
        FETCH,
        17,
        body([wanted], { topicId, maxWaitMs: 0 }),
      );
      const [partition] = partitionsOf(response);
      strictEqual(partition.errorCode, code, JSON.stringify(wanted));
      if (code !== ErrorCode.NONE) strictEqual(partition.highWatermark, -1);
    }
    const unknown = await client.call(
      FETCH,
      13,
      body([{}], { topicId: "AAAAAAAAAAAAAAAAAAAAAQ" }),
    );
    strictEqual(partitionsOf(unknown)[0].errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
  });
});

Deno.test("Fetch from a client as a replica is refused", async () => {
  await withBroker(async ({ broker, client, topicId }) => {
    const old = await client.call(FETCH, 11, body([{}], { replicaId: 2 }));
    strictEqual(old.errorCode, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    const now = await client.call(
      FETCH,
      15,
      body([{}], { topicId, replicaState: { replicaId: 2, replicaEpoch: 5 } }),
    );
    strictEqual(now.errorCode, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    const first = await client.call(FETCH, 4, body([{}], { replicaId: 2 }));
    strictEqual(
      partitionsOf(first)[0].errorCode,
      ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    );
    strictEqual(broker.broker.fetchSessions.size, 0);
  });
});

Deno.test("Fetch waits for records, and no longer than it may", async () => {
  await withBroker(async ({ host, broker, client }) => {
    const writer = await broker.connect();
    const startMs = host.clock.monotonicMs();
    const waiting = client.call(FETCH, 12, body([{}], { maxWaitMs: 5000 }));
    await sleep(host.clock, 100);
    await produceOne(writer, "t", batchOf(["a"]));
    deepStrictEqual(values(await waiting), ["a"]);
    ok(host.clock.monotonicMs() - startMs < 1000, "the append has woken it");

    const emptyMs = host.clock.monotonicMs();
    const empty = await client.call(
      FETCH,
      12,
      body([{ fetchOffset: 1 }], { maxWaitMs: 500 }),
    );
    deepStrictEqual(values(empty), []);
    const waitedMs = host.clock.monotonicMs() - emptyMs;
    ok(waitedMs >= 500 && waitedMs < 600, `waited ${waitedMs} ms`);
    strictEqual(broker.broker.purgatory.waitingCount, 0);
  });
});

Deno.test("Fetch waits for as many bytes as it asks for", async () => {
  await withBroker(async ({ broker, client }) => {
    const writer = await broker.connect();
    const waiting = client.call(
      FETCH,
      12,
      body([{ partition: 0 }, { partition: 1 }], {
        maxWaitMs: 60_000,
        minBytes: 3000,
      }),
    );
    const value = "x".repeat(1000);
    for (let i = 0; i < 3; i++) {
      const options = { partition: i % 2 };
      await produceOne(writer, "t", batchOf([value]), options);
    }
    const found = partitionsOf(await waiting).map(({ records }) =>
      recordsOf(records).length
    );
    deepStrictEqual(found, [2, 1]);
  });
});

Deno.test("Fetch does not wait for more than a segment has, unless it is the last", async () => {
  await withBroker(async ({ host, broker, client }) => {
    await broker.createTopic("small", { config: { "segment.bytes": "200" } });
    const value = "x".repeat(100);
    for (let i = 0; i < 3; i++) {
      await produceOne(client, "small", batchOf([value]));
    }
    strictEqual(
      broker.broker.partitions.get("small", 0).log!.segments.count,
      3,
    );
    const waits: boolean[] = [];
    for (const fetchOffset of [0, 1, 2]) {
      const startMs = host.clock.monotonicMs();
      const response = await client.call(FETCH, 12, {
        ...{ maxWaitMs: 500, minBytes: 1000 },
        topics: [{
          topic: "small",
          partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1000 }],
        }],
      });
      deepStrictEqual(values(response), [value], `offset ${fetchOffset}`);
      waits.push(host.clock.monotonicMs() - startMs >= 500);
    }
    deepStrictEqual(waits, [false, false, true]);
  });
});

Deno.test("Fetch does not wait where a partition has an error", async () => {
  await withBroker(async ({ host, client }) => {
    const takesTime = async (partitions: Partial<Partition>[]) => {
      const startMs = host.clock.monotonicMs();
      const wanted = body(partitions, { maxWaitMs: 5000 });
      await client.call(FETCH, 12, wanted);
      return host.clock.monotonicMs() - startMs >= 5000;
    };
    strictEqual(await takesTime([{}, { partition: 1, fetchOffset: 7 }]), false);
    strictEqual(await takesTime([{ partition: 9 }]), false);
    // Beside others, one that nobody knows must not make its reader spin.
    strictEqual(await takesTime([{}, { partition: 9 }]), true);
  });
});

Deno.test("Fetch has no list of aborted transactions for what it could not read", async () => {
  await withBroker(async ({ client }) => {
    const wanted = [{ fetchOffset: 7 }, { partition: 9 }];
    const found = partitionsOf(await client.call(FETCH, 12, body(wanted)));
    deepStrictEqual(
      found.map((each) => [each.errorCode, each.abortedTransactions]),
      [
        [ErrorCode.OFFSET_OUT_OF_RANGE, null],
        [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []],
      ],
    );
  });
});

Deno.test("Fetch in a session says that a topic is gone, and that it was made anew", async () => {
  await withBroker(async ({ broker, client, topicId }) => {
    const { sessionId } = await client.call(
      FETCH,
      13,
      body([{}], { topicId, sessionId: 0, sessionEpoch: 0 }),
    );
    let sessionEpoch = 0;
    const next = async () => {
      sessionEpoch++;
      const wanted = { sessionId, sessionEpoch, topics: [] };
      const [found] = partitionsOf(
        await client.call(FETCH, 13, body([], wanted)),
      );
      return found.errorCode;
    };
    await broker.broker.cluster.deleteTopic({ name: "t" });
    strictEqual(await next(), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const anew = await broker.createTopic("t");
    strictEqual(await next(), ErrorCode.INCONSISTENT_TOPIC_ID);
    const found = partitionsOf(
      await client.call(FETCH, 13, body([{}], { topicId })),
    );
    strictEqual(found[0].errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
    const fine = await client.call(FETCH, 13, body([{}], { topicId: anew }));
    strictEqual(partitionsOf(fine)[0].errorCode, ErrorCode.NONE);
  });
});

Deno.test("Fetch minds no negative leader epoch", async () => {
  await withBroker(async ({ client }) => {
    const wanted = body([{ currentLeaderEpoch: -2 }]);
    const [found] = partitionsOf(await client.call(FETCH, 12, wanted));
    strictEqual(found.errorCode, ErrorCode.NONE);
  });
});

Deno.test("Fetch counts what lies in the log, whatever old clients make of it", async () => {
  await withBroker(async ({ client }) => {
    for (const partition of [0, 1]) {
      await produceOne(client, "t", batchOf(["a"]), { partition });
    }
    // Each batch has 69 bytes in the log, and 35 as a message of magic 1.
    const wanted = body([{}, { partition: 1 }], { maxBytes: 100 });
    const found = partitionsOf(await client.call(FETCH, 3, wanted));
    deepStrictEqual(found.map(({ records }) => recordsOf(records).length), [
      1,
      0,
    ]);
  });
});

Deno.test("Fetch gives old clients no more bytes than they asked for", async () => {
  await withBroker(async ({ client }) => {
    const values = Array.from({ length: 20 }, (_, i) => `value ${i}`);
    await produceOne(client, "t", batchOf(["first"]));
    await produceOne(client, "t", batchOf(values));
    for (const version of [2, 3]) {
      const wanted = body([{ partitionMaxBytes: 1000 }]);
      const response = await client.call(FETCH, version, wanted);
      const [{ records }] = partitionsOf(response);
      const { length } = recordsOf(records);
      ok(records!.length < 500, "as much as the batches have in the log");
      ok(length > 5 && length < 21, `${length} whole records`);
    }
  });
});

Deno.test("Fetch ends its wait when its topic is deleted", async () => {
  await withBroker(async ({ host, broker, client }) => {
    const waiting = client.call(FETCH, 12, body([{}], { maxWaitMs: 60_000 }));
    await sleep(host.clock, 50);
    await broker.broker.cluster.deleteTopic({ name: "t" });
    const [partition] = partitionsOf(await waiting);
    strictEqual(partition.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

Deno.test("Fetch keeps to its limits, but for the first batch", async () => {
  await withBroker(async ({ client }) => {
    const value = "x".repeat(1000);
    for (let i = 0; i < 6; i++) {
      await produceOne(client, "t", batchOf([value]), { partition: i % 3 });
    }
    const sizes = async (
      version: number,
      limits: Partial<Body>,
      each: number,
    ) => {
      const response = await client.call(
        FETCH,
        version,
        body(
          [0, 1, 2].map((partition) => ({
            partition,
            partitionMaxBytes: each,
          })),
          limits,
        ),
      );
      return partitionsOf(response).map(({ records }) => records?.length ?? 0);
    };
    const one = batchOf([value]).length;
    deepStrictEqual(
      await sizes(12, { maxBytes: 1 << 20 }, 1 << 20),
      [2 * one, 2 * one, 2 * one],
    );
    deepStrictEqual(await sizes(12, { maxBytes: 10 }, 10), [one, 0, 0]);
    deepStrictEqual(await sizes(12, { maxBytes: 0 }, 0), [one, 0, 0]);
    const capped = await sizes(12, { maxBytes: 3 * one }, 1 << 20);
    deepStrictEqual(capped.slice(0, 2), [2 * one, one]);
    strictEqual(capped[2], 0);
    const cut = await sizes(12, { maxBytes: 2 * one + 10 }, 1 << 20);
    deepStrictEqual(cut, [2 * one, 0, 0], "part of a batch is no use");
    const hard = await sizes(2, {}, 100);
    deepStrictEqual(hard, [0, 0, 0], "limits are hard in old versions");
    const negative = await sizes(12, { maxBytes: -1 }, -1);
    deepStrictEqual(negative, [one, 0, 0], "limits below zero are zero");
  });
});

Deno.test("Fetch never sends more than the broker's fetch.max.bytes", async () => {
  await withBroker(async ({ client }) => {
    for (let i = 0; i < 9; i++) {
      await produceOne(client, "t", batchOf(["x".repeat(900)]), {
        partition: i % 3,
      });
    }
    const response = await client.call(
      FETCH,
      12,
      body([0, 1, 2].map((partition) => ({ partition })), {
        maxBytes: 0x7fffffff,
      }),
    );
    const total = partitionsOf(response)
      .reduce((sum, { records }) => sum + (records?.length ?? 0), 0);
    ok(total <= 2048 && total > 900, `${total} bytes`);
  }, { "fetch.max.bytes": 2048 });
});

Deno.test("Fetch in a session names only what changed", async () => {
  await withBroker(async ({ client }) => {
    const opened = await client.call(
      FETCH,
      12,
      body([{ partition: 0 }, { partition: 1 }], {
        sessionId: 0,
        sessionEpoch: 0,
      }),
    );
    ok(opened.sessionId > 0);
    strictEqual(partitionsOf(opened).length, 2);
    const session = (sessionEpoch: number, more: Partial<Body> = {}): Body => ({
      maxWaitMs: 0,
      minBytes: 1,
      sessionId: opened.sessionId,
      sessionEpoch,
      topics: [],
      ...more,
    });
    const quiet = await client.call(FETCH, 12, session(1));
    deepStrictEqual(quiet.responses, []);
    strictEqual(quiet.sessionId, opened.sessionId);

    await produceOne(client, "t", batchOf(["a"]), { partition: 1 });
    const news = await client.call(FETCH, 12, session(2));
    deepStrictEqual(
      partitionsOf(news).map(({ partitionIndex }) => partitionIndex),
      [1],
    );
    deepStrictEqual(values(news), ["a"]);
    const wrong = await client.call(FETCH, 12, session(2));
    strictEqual(wrong.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    const unknown = await client.call(FETCH, 12, {
      ...session(1),
      sessionId: 99,
    });
    strictEqual(unknown.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });
});

Deno.test("Fetch in a session waits too, and is woken", async () => {
  await withBroker(async ({ host, broker, client, topicId }) => {
    const writer = await broker.connect();
    const opened = await client.call(
      FETCH,
      17,
      body([{}, { partition: 2 }], { topicId, sessionId: 0, sessionEpoch: 0 }),
    );
    const waiting = client.call(FETCH, 17, {
      maxWaitMs: 60_000,
      minBytes: 1,
      sessionId: opened.sessionId,
      sessionEpoch: 1,
      topics: [],
    });
    await sleep(host.clock, 100);
    await produceOne(writer, "t", batchOf(["z"]), { partition: 2 });
    const news = await waiting;
    deepStrictEqual(values(news), ["z"]);
    strictEqual(news.responses[0].topicId, topicId);
  });
});

Deno.test("Fetch gives old clients the message sets that they know", async () => {
  await withBroker(async ({ client }) => {
    await produceOne(client, "t", batchOf(["a", "b"]));
    await produceOne(client, "t", batchOf(["c"], { compression: "snappy" }));
    for (const [version, magic] of [[0, 0], [1, 0], [2, 1], [3, 1]] as const) {
      const response = await client.call(FETCH, version, body([{}]));
      const [{ records }] = partitionsOf(response);
      strictEqual(records![16], magic, `version ${version}`);
      const found = recordsOf(records);
      deepStrictEqual(found.map(({ offset }) => offset), [0, 1, 2]);
      deepStrictEqual(
        found.map(({ value }) => decodeUtf8(value!)),
        ["a", "b", "c"],
      );
    }
  });
});

Deno.test("Fetch refuses old clients what has no old form", async () => {
  await withBroker(async ({ broker, client }) => {
    await broker.createTopic("z", { config: { "compression.type": "zstd" } });
    await produceOne(client, "z", batchOf(["a"]));
    await broker.createTopic("new", {
      config: { "message.downconversion.enable": "false" },
    });
    const cases: [topic: string, version: number, code: number][] = [
      ["z", 9, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
      ["z", 10, ErrorCode.NONE],
      ["new", 3, ErrorCode.UNSUPPORTED_VERSION],
      ["new", 4, ErrorCode.NONE],
    ];
    for (const [topic, version, code] of cases) {
      const { topics, ...rest } = body([{}]);
      const response = await client.call(FETCH, version, {
        ...rest,
        topics: [{ ...topics[0], topic }],
      });
      strictEqual(
        partitionsOf(response)[0].errorCode,
        code,
        `${topic} ${version}`,
      );
    }
  });
});

Deno.test("Fetch tells a reader where its log has parted from the leader's", async () => {
  await withBroker(async ({ broker, client }) => {
    await produceOne(client, "t", batchOf(["a", "b"]));
    const leaderEpoch = beginTerm(broker, "t") - 1;
    await produceOne(client, "t", batchOf(["c", "d"]));
    const none = { epoch: -1, endOffset: -1 };
    const cases: [offset: number, epoch: number, diverging: typeof none][] = [
      [2, leaderEpoch, none],
      [3, leaderEpoch, { epoch: leaderEpoch, endOffset: 2 }],
      [3, leaderEpoch + 1, none],
    ];
    for (const [fetchOffset, lastFetchedEpoch, diverging] of cases) {
      const response = await client.call(
        FETCH,
        12,
        body([{ fetchOffset, lastFetchedEpoch }], { maxWaitMs: 60_000 }),
      );
      const [partition] = partitionsOf(response);
      deepStrictEqual(partition.divergingEpoch, diverging);
    }
    const fenced = await client.call(
      FETCH,
      12,
      body([{ currentLeaderEpoch: leaderEpoch }]),
    );
    strictEqual(
      partitionsOf(fenced)[0].errorCode,
      ErrorCode.FENCED_LEADER_EPOCH,
    );
  });
});

Deno.test("Fetch ends its wait when another term begins", async () => {
  await withBroker(async ({ host, broker, client }) => {
    const { leaderEpoch } = broker.broker.partitions.get("t", 0).leadership;
    const waiting = client.call(
      FETCH,
      12,
      body([{ currentLeaderEpoch: leaderEpoch }], { maxWaitMs: 60_000 }),
    );
    await sleep(host.clock, 50);
    beginTerm(broker, "t");
    const [partition] = partitionsOf(await waiting);
    strictEqual(partition.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
  });
});

Deno.test("Fetch forgets a client that goes while it waits", async () => {
  await withBroker(async ({ host, broker, client }) => {
    await client.send(fetchRequest, 12, body([{}], { maxWaitMs: 60_000 }));
    await sleep(host.clock, 100);
    strictEqual(broker.broker.purgatory.waitingCount, 1);
    client.io.close();
    await sleep(host.clock, 5000);
    const writer = await broker.connect();
    await produceOne(writer, "t", batchOf(["a"]));
    await sleep(host.clock, 100);
    strictEqual(broker.broker.purgatory.waitingCount, 0);
  });
});
