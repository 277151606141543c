// What a client can get wrong in frames that are whole: each case is sent as
// bytes, and the broker has to answer INVALID_REQUEST where the response has a
// place for it, or to close the connection; and to go on serving.

import { match, ok, strictEqual } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { concatBytes, encodeUtf8 } from "../base/bytes.ts";
import { BATCH_HEADER_BYTES, sealBatch } from "../record/record_batch.ts";
import {
  batchOf,
  METADATA,
  produceOne,
  TestBroker,
} from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { FrameStream } from "../rpc/frame_stream.ts";

const METADATA_KEY = 3;
const INIT_PRODUCER_ID_KEY = 22;

/** A frame: API key, version, correlation id 9, client id "c", flexible or not, and a body as given. */
function frame(
  key: number,
  version: number,
  isFlexible: boolean,
  body: (writer: Writer) => void,
): Uint8Array {
  const writer = new Writer();
  writer.int32(0);
  writer.int16(key);
  writer.int16(version);
  writer.int32(9);
  writer.int16(1);
  writer.raw(encodeUtf8("c"));
  if (isFlexible) writer.uvarint(0);
  body(writer);
  writer.patchInt32(0, writer.position - 4);
  return writer.written().slice();
}

/** Metadata before version 9: an array of strings, each with int sizes. */
function metadata(body: (writer: Writer) => void): Uint8Array {
  return frame(METADATA_KEY, 1, false, body);
}

/** InitProducerId version 2, flexible: a nullable string, an int32, tags. */
function initProducerId(body: (writer: Writer) => void): Uint8Array {
  return frame(INIT_PRODUCER_ID_KEY, 2, true, body);
}

function bytes(...values: number[]): (writer: Writer) => void {
  return (writer) => writer.raw(Uint8Array.from(values));
}

/** Sends bytes on a connection of their own; gives the error code answered, or `closed`. */
async function exchange(
  broker: TestBroker,
  sent: Uint8Array,
): Promise<number | "closed"> {
  const { io } = await broker.connect();
  await io.write(sent);
  const stream = new FrameStream(io, { frameMaxBytes: 1 << 20 });
  try {
    const answer = await stream.next();
    if (answer === null) return "closed";
    // InitProducerId: correlation id, tags of the header, throttle time, error code.
    const reader = new Reader(answer, { position: 4 + 1 + 4 });
    return reader.int16();
  } catch {
    return "closed";
  } finally {
    io.close();
  }
}

Deno.test("a broker refuses bodies that lie about sizes, and goes on", async () => {
  const cases: [what: string, sent: Uint8Array, outcome: number | "closed"][] =
    [
      ["an array of 2^31-1", metadata((w) => w.int32(0x7fffffff)), "closed"],
      ["an array of -2", metadata((w) => w.int32(-2)), "closed"],
      [
        "an array longer than the frame",
        metadata((w) => w.int32(50)),
        "closed",
      ],
      [
        "a string longer than the frame",
        metadata(bytes(0, 0, 0, 1, 0x7f, 0xff)),
        "closed",
      ],
      [
        "a null that may not be",
        metadata(bytes(0, 0, 0, 1, 0xff, 0xff)),
        "closed",
      ],
      [
        "a string that is not UTF-8",
        metadata(bytes(0, 0, 0, 1, 0, 2, 0xc3, 0x28)),
        "closed",
      ],
      [
        "a varint without an end",
        initProducerId(bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "a varint of more than 32 bits",
        initProducerId(bytes(0xff, 0xff, 0xff, 0xff, 0x1f)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "a compact string longer than the frame",
        initProducerId(bytes(100, 0, 0, 0, 0, 0)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "2^31 tagged fields",
        initProducerId(bytes(0, 0, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 8)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "a tagged field longer than the frame",
        initProducerId(bytes(0, 0, 0, 0, 1, 1, 5, 100)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "a tagged field twice",
        initProducerId(bytes(0, 0, 0, 0, 1, 2, 5, 0, 5, 0)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "bytes after the end",
        initProducerId(bytes(0, 0, 0, 0, 1, 0, 7)),
        ErrorCode.INVALID_REQUEST,
      ],
      [
        "unknown tagged fields",
        initProducerId(bytes(0, 0, 0, 0, 1, 1, 9, 1, 7)),
        0,
      ],
      ["nothing wrong", initProducerId(bytes(0, 0, 0, 0, 1, 0)), 0],
    ];
  const sim = simHost(81);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    for (const [what, sent, outcome] of cases) {
      strictEqual(await exchange(broker, sent), outcome, what);
    }
    const client = await broker.connect();
    strictEqual(
      (await client.call(METADATA, 9, { topics: [] })).brokers.length,
      1,
    );
    ok(
      broker.lines.every((line) => !line.includes("fault")),
      broker.lines.join("\n"),
    );
    await broker.stop();
  });
});

Deno.test("a broker takes odd headers as Kafka does", async () => {
  const sim = simHost(82);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    const client = await broker.connect();
    const answer = await client.call(
      [findCoordinatorRequest, findCoordinatorResponse],
      0,
      { key: "a\0b".padEnd(32_767, "x") },
    );
    strictEqual(answer.errorCode, ErrorCode.NONE);
    const nullClientId = Uint8Array.of(
      ...[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 255, 255],
    );
    await client.io.write(nullClientId);
    const stream = new FrameStream(client.io, { frameMaxBytes: 1 << 20 });
    const versions = await stream.next();
    strictEqual(new Reader(versions!, { position: 4 }).int16(), 0);
    await broker.stop();
  });
});

Deno.test("a broker bounds what compressed records inflate to", async () => {
  const plain = batchOf(["x"]);
  const bomb = gzipSync(new Uint8Array(200 << 20));
  const batch = concatBytes([plain.subarray(0, BATCH_HEADER_BYTES), bomb]);
  new DataView(batch.buffer).setInt32(8, batch.length - 12);
  batch[22] = 1;
  sealBatch(batch);
  const sim = simHost(83);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    const { errorCode } = await produceOne(client, "t", batch);
    ok(
      errorCode === ErrorCode.MESSAGE_TOO_LARGE ||
        errorCode === ErrorCode.INVALID_RECORD,
      `error ${errorCode}`,
    );
    await broker.stop();
  });
});

Deno.test("a broker refuses timestamps that lie too far off", async () => {
  const sim = simHost(84);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "log.message.timestamp.after.max.ms": 1000,
      "log.message.timestamp.before.max.ms": 5000,
    });
    await broker.createTopic("t");
    const client = await broker.connect();
    const nowMs = sim.host.clock.wallMs();
    const cases: [timestampMs: number, code: number][] = [
      [nowMs, ErrorCode.NONE],
      [nowMs + 60_000, ErrorCode.INVALID_TIMESTAMP],
      [nowMs - 60_000, ErrorCode.INVALID_TIMESTAMP],
    ];
    for (const [timestampMs, code] of cases) {
      const answer = await produceOne(
        client,
        "t",
        batchOf(["a"], { timestampMs }),
      );
      strictEqual(answer.errorCode, code, `${timestampMs - nowMs}`);
    }
    await broker.stop();
  });
});

Deno.test("a broker answers a producer id with an epoch out of nowhere as Kafka does", async () => {
  const sim = simHost(85);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    const { producerId } = await client.call(
      [initProducerIdRequest, initProducerIdResponse],
      4,
      { transactionalId: null, transactionTimeoutMs: 1 },
    );
    const cases: [
      what: string,
      sequence: number,
      epoch: number,
      code: RegExp,
    ][] = [
      ["an epoch without a number", -1, 0, /^(45|87)$/],
      ["sequence -2", -2, 0, /^(45|87|2)$/],
      ["a first sequence of 0", 0, 0, /^0$/],
      ["a gap", 9, 0, /^45$/],
    ];
    for (const [what, baseSequence, producerEpoch, code] of cases) {
      const records = batchOf(["a"], {
        producerId,
        producerEpoch,
        baseSequence,
      });
      const { errorCode } = await produceOne(client, "t", records);
      match(`${errorCode}`, code, what);
    }
    await broker.stop();
  });
});
