// What a broker makes of frames that no client should send: the items "Kafka
// wire" 1 to 12 and 33 of the catalogue of bad input, each by its number. After
// each, the broker still answers. Items 13 to 23, which are about records, are
// in bad_records_test.ts.

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ConfigError } from "../config/config_error.ts";
import { MIB } from "../base/units.ts";
import { sleep } from "../host/host.ts";
import { TestBroker } from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import {
  requestFrame,
  WireClient,
  type WriteBody,
} from "../testing/wire_client.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { apiVersionsResponse } from "../wire/kafka/messages/api_versions.ts";
import { describeClusterResponse } from "../wire/kafka/messages/describe_cluster.ts";
import { findCoordinatorResponse } from "../wire/kafka/messages/find_coordinator.ts";
import { initProducerIdResponse } from "../wire/kafka/messages/init_producer_id.ts";
import { metadataResponse } from "../wire/kafka/messages/metadata.ts";
import { Writer } from "../wire/writer.ts";

interface Context {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly connect: () => Promise<WireClient>;
}

/** Runs a test against a broker, which still has to answer after it. */
function onBroker(
  name: string,
  test: (context: Context) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): void {
  Deno.test(name, async () => {
    const sim = simHost(21);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, overrides);
      const { address } = broker.running.addresses[0];
      const connect = async () =>
        new WireClient(sim.host, await sim.host.net.connect(address));
      await broker.createTopic("t");
      await test({ sim, broker, connect });
      const client = await connect();
      await client.sendRequest({ key: 3, version: 1 }, (body) => {
        body.int32(-1);
      });
      const { topics } = await client.answer(metadataResponse, 1);
      ok(topics.some((topic) => topic.name === "t"), "it answers on");
      ok(
        !broker.lines.some((line) => /^Failed to|stops after/.test(line)),
        broker.lines.join("\n"),
      );
      strictEqual(await broker.stop(), true);
    });
  });
}

/** Bytes that end the connection, with the reason that the broker traces. */
async function expectClose(
  { connect, broker }: Context,
  bytes: Uint8Array,
  reason: RegExp,
): Promise<void> {
  const client = await connect();
  await client.send(bytes);
  strictEqual(await client.next(), null, `${reason}: not closed`);
  client.close();
  match(broker.lines.at(-1) ?? "nothing was traced", reason);
}

/** A body that does not decode, of an API whose answer has no place for an error. */
async function expectBodyRefused(
  context: Context,
  api: { readonly key: number; readonly version: number },
  body: WriteBody,
): Promise<void> {
  await expectClose(
    context,
    requestFrame(api, body),
    /^Closed .*that does not decode/,
  );
}

/** A body that does not decode, of FindCoordinator before version 4: it can be told. */
async function expectInvalidRequest(
  { connect }: Context,
  version: number,
  body: WriteBody,
): Promise<void> {
  const client = await connect();
  await client.sendRequest({ key: 10, version }, body);
  const answer = await client.answer(findCoordinatorResponse, version);
  strictEqual(answer.errorCode, ErrorCode.INVALID_REQUEST);
  client.close();
}

function size(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

const text = (value: string) => new TextEncoder().encode(value);

function join(...parts: readonly ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

const METADATA_CLASSIC = { key: 3, version: 1 };
const METADATA_FLEXIBLE = { key: 3, version: 12 };

onBroker(
  "1: a frame size that is not positive closes the connection",
  async (context) => {
    for (const value of [-1, -(2 ** 31), 0]) {
      const reason = new RegExp(`^Closed .*: invalid frame size ${value}$`);
      await expectClose(context, size(value), reason);
    }
  },
);

onBroker(
  "2: a frame size over the limit closes before anything is allocated",
  async (context) => {
    const before = Deno.memoryUsage().external;
    for (const value of [2 ** 31 - 1, 100 * MIB + 1]) {
      const reason = new RegExp(
        `frame of ${value} bytes exceeds socket\\.request\\.max\\.bytes=104857600$`,
      );
      await expectClose(context, size(value), reason);
    }
    await expectClose(
      context,
      text("GET / HTTP/1.1\r\nHost: kq\r\n\r\n"),
      /1195725856 bytes exceeds .*looks like HTTP/,
    );
    await expectClose(
      context,
      Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01),
      /looks like TLS on a plaintext listener/,
    );
    ok(Deno.memoryUsage().external - before < 50 * MIB);
  },
);

onBroker(
  "3: a first frame that dribbles or stops is cut off; memory follows the bytes that came",
  async (context) => {
    const { sim, connect, broker } = context;
    const before = Deno.memoryUsage().external;
    const clients: WireClient[] = [];
    for (let i = 0; i < 300; i++) {
      const client = await connect();
      await client.send(join(size(100 * MIB), new Uint8Array(20)));
      clients.push(client);
    }
    const dribbling = await connect();
    await dribbling.send(size(1000));
    for (let second = 0; second < 9; second++) {
      await sleep(sim.host.clock, 1000);
      await dribbling.send(Uint8Array.of(0));
    }
    ok(Deno.memoryUsage().external - before < 100 * MIB, "sizes were trusted");
    strictEqual(await dribbling.next(), null);
    for (const client of clients) strictEqual(await client.next(), null);
    match(broker.lines.at(-1) ?? "", /took more than 10000 ms to arrive/);
  },
);

onBroker(
  "3: a later frame that stops is cut off when the connection is idle for too long",
  async ({ sim, connect, broker }) => {
    const client = await connect();
    await client.sendRequest({ key: 18, version: 0 }, () => {});
    await client.answer(apiVersionsResponse, 0);
    await client.send(join(size(1000), [0, 3]));
    await sleep(sim.host.clock, 25_000);
    strictEqual(await client.next(), null);
    match(broker.lines.at(-1) ?? "", /took more than 30000 ms to arrive/);
  },
  { "connections.max.idle.ms": 30_000 },
);

Deno.test("4: a listener that would read before it authenticates is not opened", async () => {
  const sim = simHost(22);
  await sim.run(async () => {
    let refusal: unknown = null;
    try {
      await TestBroker.start(sim.host, {
        "listeners": "SASL_PLAINTEXT://127.0.0.1:9092",
        "security.inter.broker.protocol": "SASL_PLAINTEXT",
      });
    } catch (error) {
      refusal = error;
    }
    ok(refusal instanceof ConfigError, String(refusal));
    match(refusal.message, /listeners: .*SASL_PLAINTEXT/);
    const address = { host: "127.0.0.1", port: 9092 };
    const outcome = await sim.host.net.connect(address).catch((error) =>
      error.kind
    );
    strictEqual(outcome, "refused");
  });
});

onBroker(
  "5: an unknown API closes the connection; an ApiVersions of the future is answered in version 0",
  async (context) => {
    const header = (key: number, version: number) => {
      const writer = new Writer();
      writer.int16(key);
      writer.int16(version);
      writer.int32(1);
      writer.int16(-1);
      return join(size(writer.position), writer.written());
    };
    for (const key of [9999, -1, 32767]) {
      const reason = /^Closed .*: unknown api key/;
      await expectClose(context, header(key, 0), reason);
    }
    for (const version of [99, 5, -1, -32768]) {
      const client = await context.connect();
      await client.send(header(18, version));
      const answer = await client.answer(apiVersionsResponse, 0);
      strictEqual(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION);
      const own = answer.apiKeys.find(({ apiKey }) => apiKey === 18);
      deepStrictEqual([own?.minVersion, own?.maxVersion], [0, 4]);
      client.close();
    }
  },
);

onBroker(
  "6: a version that is not served is refused by code, or closes where no code fits",
  async (context) => {
    const client = await context.connect();
    const key = apiKeys.DescribeCluster;
    await client.sendRequest({ key, version: 2 }, (body) => {
      body.raw(Uint8Array.of(0, 1, 0, 0));
    });
    const answer = await client.answer(describeClusterResponse, 2);
    strictEqual(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    client.close();
    for (const version of [13, 50, -1]) {
      const bytes = requestFrame({ key: 3, version: 12 }, () => {});
      new DataView(bytes.buffer).setInt16(6, version);
      await expectClose(context, bytes, /^Closed .*is not served/);
    }
  },
);

onBroker(
  "7: array lengths that the frame cannot hold are refused, and nothing is sized by them",
  async (context) => {
    const before = Deno.memoryUsage();
    for (const length of [2 ** 31 - 1, -2, 1000, -(2 ** 31)]) {
      await expectBodyRefused(context, METADATA_CLASSIC, (body) => {
        body.int32(length);
      });
      // Produce: one topic, whose array of partitions has this length.
      await expectBodyRefused(context, { key: 0, version: 3 }, (body) => {
        body.int16(-1);
        body.int16(1);
        body.int32(1000);
        body.int32(1);
        body.int16(1);
        body.raw(text("t"));
        body.int32(length);
      });
      await expectInvalidRequest(context, 3, (body) => {
        // FindCoordinator: a compact string of nearly 2^31 bytes.
        body.uvarint(length);
      });
    }
    const after = Deno.memoryUsage();
    ok(
      after.heapTotal + after.external - before.heapTotal - before.external <
        100 * MIB,
    );
  },
);

onBroker(
  "8: compact sizes that overflow, never end, are null or too long are refused",
  async (context) => {
    const sizes: [what: string, bytes: number[]][] = [
      ["more than 32 bits", [0xff, 0xff, 0xff, 0xff, 0x7f]],
      ["more than five bytes", [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
      ["no end", [0x80, 0x80]],
      ["more than the rest", [0xe8, 0x07]],
      ["2^32 - 1", [0xff, 0xff, 0xff, 0xff, 0x0f]],
      ["null, where it must not be", [0]],
    ];
    for (const [what, bytes] of sizes) {
      await expectInvalidRequest(context, 3, (body) => {
        body.raw(Uint8Array.from(bytes));
      });
      // Metadata may ask for null topics, which means all; then for wrong flags.
      if (what.startsWith("null")) continue;
      await expectBodyRefused(context, METADATA_FLEXIBLE, (body) => {
        body.raw(Uint8Array.from(bytes));
      });
    }
  },
);

onBroker(
  "9: tagged fields that are too many, twice there, out of order or too long are refused",
  async (context) => {
    const tags: [what: string, bytes: number[]][] = [
      ["2^31 fields", [0x80, 0x80, 0x80, 0x80, 0x08]],
      ["more fields than bytes", [0x7f]],
      ["a tag twice", [2, 5, 0, 5, 0]],
      ["tags out of order", [2, 9, 0, 5, 0]],
      ["a field longer than the rest", [1, 5, 0x7f]],
      ["a field of 2^32 - 1 bytes", [1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ];
    for (const [what, bytes] of tags) {
      await expectInvalidRequest(context, 3, (body) => {
        body.raw(Uint8Array.of(2, 0x61, 0)); // Key "a", a group.
        body.raw(Uint8Array.from(bytes));
      });
      // The same in the header, whose error nobody can be told.
      const writer = new Writer();
      writer.int16(3);
      writer.int16(12);
      writer.int32(1);
      writer.int16(-1);
      writer.raw(Uint8Array.from(bytes));
      await expectClose(
        context,
        join(size(writer.position), writer.written()),
        /^Closed .*a header that does not decode/,
      );
      ok(what);
    }
    // A tag that nobody knows is passed over, as KIP-482 asks.
    const client = await context.connect();
    await client.sendRequest({ key: 10, version: 3 }, (body) => {
      body.raw(Uint8Array.of(2, 0x61, 0, 1, 99, 2, 7, 7));
    });
    const answer = await client.answer(findCoordinatorResponse, 3);
    strictEqual(answer.errorCode, ErrorCode.NONE);
  },
);

onBroker(
  "10: text that is not UTF-8, and null where it must not be, are refused",
  async (context) => {
    const wrong: number[][] = [
      [0xff],
      [0xc3],
      [0xc0, 0x80], // NUL, longer than it need be
      [0xed, 0xa0, 0x80], // half of a surrogate pair
      [0xf5, 0x80, 0x80, 0x80], // past the last code point
    ];
    for (const bytes of wrong) {
      await expectInvalidRequest(context, 2, (body) => {
        body.int16(bytes.length);
        body.raw(Uint8Array.from(bytes));
        body.int8(0);
      });
    }
    await expectInvalidRequest(context, 2, (body) => {
      body.int16(-1);
      body.int8(0);
    });
  },
);

onBroker(
  "10: topic names with NUL, and of 32,767 bytes, are no names",
  async ({ connect, broker }) => {
    for (const name of ["a\0b", "x".repeat(32_767)]) {
      const client = await connect();
      await client.sendRequest(METADATA_CLASSIC, (body) => {
        body.int32(1);
        body.int16(name.length);
        body.raw(text(name));
      });
      const { topics } = await client.answer(metadataResponse, 1);
      strictEqual(topics[0].errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
      client.close();
    }
    strictEqual(broker.broker.cluster.image.topics.size, 1);
  },
);

onBroker(
  "11: bytes after the body are refused in flexible versions",
  async (context) => {
    await expectInvalidRequest(context, 3, (body) => {
      body.raw(Uint8Array.of(2, 0x61, 0, 0, 0xff));
    });
    const client = await context.connect();
    await client.sendRequest({ key: 22, version: 4 }, (body) => {
      body.raw(Uint8Array.of(0)); // No transactional id.
      body.int32(1000);
      body.int64(-1);
      body.int16(-1);
      body.raw(Uint8Array.of(0, 0));
    });
    const answer = await client.answer(initProducerIdResponse, 4);
    strictEqual(answer.errorCode, ErrorCode.INVALID_REQUEST);
    client.close();
    // Before, clients in use do send more, and Kafka lets them.
    const old = await context.connect();
    await old.sendRequest(METADATA_CLASSIC, (body) => {
      body.int32(-1);
      body.raw(Uint8Array.of(1, 2, 3));
    });
    strictEqual((await old.answer(metadataResponse, 1)).topics.length, 1);
    match(context.broker.lines.at(-1) ?? "", /Ignored 3 bytes after/);
  },
);

onBroker(
  "12: a truncated header closes the connection; any client id that fits is taken",
  async (context) => {
    const whole = requestFrame(METADATA_CLASSIC, (body) => body.int32(-1));
    for (let length = 1; length < 4 + 8 + 2; length++) {
      const cut = join(size(length), whole.subarray(4, 4 + length));
      await expectClose(context, cut, /^Closed .*header/);
    }
    const tooLong = whole.slice();
    new DataView(tooLong.buffer).setInt16(12, 32_767);
    await expectClose(context, tooLong, /a header that does not decode/);
    for (const idBytes of [-1, 0, 32_767]) {
      const writer = new Writer();
      writer.int32(0);
      writer.int16(3);
      writer.int16(1);
      writer.int32(1);
      writer.int16(idBytes);
      writer.raw(new Uint8Array(Math.max(0, idBytes)).fill(0x61));
      writer.int32(-1);
      writer.patchInt32(0, writer.position - 4);
      const client = await context.connect();
      await client.send(writer.written());
      strictEqual((await client.answer(metadataResponse, 1)).topics.length, 1);
      client.close();
    }
  },
);

onBroker(
  "33: a client that does not read its answers is read no further; others are served",
  async ({ sim, connect, broker }) => {
    for (let i = 0; i < 100; i++) {
      await broker.createTopic(`some-topic-with-a-rather-long-name-${i}`);
    }
    const before = Deno.memoryUsage();
    const client = await connect();
    const request = requestFrame(METADATA_CLASSIC, (body) => body.int32(-1));
    const padded = requestFrame(METADATA_CLASSIC, (body) => {
      body.int32(-1);
      body.raw(new Uint8Array(2000));
    });
    let sentCount = 0;
    const sending = (async () => {
      for (let i = 0; i < 1000; i++) {
        await client.send(padded);
        sentCount += 1;
      }
    })();
    await sleep(sim.host.clock, 10_000);
    ok(sentCount < 900, `${sentCount} requests were read`);
    const after = Deno.memoryUsage();
    ok(after.external - before.external < 200 * MIB);
    const other = await connect();
    await other.send(request);
    strictEqual((await other.answer(metadataResponse, 1)).topics.length, 101);
    for (let i = 0; i < 1000; i++) {
      const { topics } = await client.answer(metadataResponse, 1);
      strictEqual(topics.length, 101, `answer ${i}`);
    }
    await sending;
  },
);
