import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { DecodeError, Reader } from "../reader.ts";
import { EncodeError, Writer } from "../writer.ts";
import { codecFor, decodeWhole } from "./codec.ts";
import { KafkaError } from "./errors.ts";
import { fetchRequest, fetchResponse } from "./messages/fetch.ts";
import { heartbeatRequest } from "./messages/heartbeat.ts";
import { joinGroupRequest } from "./messages/join_group.ts";
import { metadataRequest, metadataResponse } from "./messages/metadata.ts";
import { produceRequest } from "./messages/produce.ts";
import { defaultStruct, type InferInput, message } from "./schema.ts";

function encode(run: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(new Uint8Array(1));
  run(writer);
  return writer.written().slice();
}

const heartbeat = { groupId: "g", generationId: 7, memberId: "m-é" };

Deno.test("encode() lays out a version with classic sizes", () => {
  const bytes = encode((writer) =>
    codecFor(heartbeatRequest, 3).encode(writer, heartbeat)
  );
  strictEqual(
    bytes.toHex(),
    "0001" + "67" + "00000007" + "0004" + "6d2dc3a9" + "ffff",
  );
});

Deno.test("encode() lays out a flexible version with a tag buffer", () => {
  const bytes = encode((writer) =>
    codecFor(heartbeatRequest, 4).encode(writer, heartbeat)
  );
  strictEqual(
    bytes.toHex(),
    "02" + "67" + "00000007" + "05" + "6d2dc3a9" + "00" + "00",
  );
  deepStrictEqual(decodeWhole(heartbeatRequest, 4, bytes), {
    ...heartbeat,
    groupInstanceId: null,
  });
});

Deno.test("decode() fills in what the version lacks", () => {
  const bytes = encode((writer) =>
    codecFor(fetchRequest, 4).encode(writer, {
      replicaId: -1,
      maxWaitMs: 500,
      minBytes: 1,
      topics: [],
    })
  );
  const request = decodeWhole(fetchRequest, 4, bytes);
  strictEqual(request.sessionEpoch, -1);
  strictEqual(request.rackId, "");
  strictEqual(request.clusterId, null);
  deepStrictEqual(request.replicaState, { replicaId: -1, replicaEpoch: -1 });
  const again = decodeWhole(fetchRequest, 4, bytes);
  ok(again.replicaState !== request.replicaState);
  ok(again.forgottenTopicsData !== request.forgottenTopicsData);
});

Deno.test("encode() refuses a value that the version would lose", () => {
  const codec = codecFor(heartbeatRequest, 2);
  const write = (groupInstanceId: string | null) =>
    encode((writer) => codec.encode(writer, { ...heartbeat, groupInstanceId }));
  ok(write(null).length > 0);
  throws(
    () => write("static-1"),
    (error: KafkaError) =>
      error.errorName === "UNSUPPORTED_VERSION" &&
      error.message.includes("groupInstanceId"),
  );
});

Deno.test("encode() refuses what the type cannot hold", () => {
  const codec = codecFor(heartbeatRequest, 4);
  const cases: [InferInput<typeof heartbeatRequest>, RegExp][] = [
    [{ ...heartbeat, groupId: "g".repeat(32768) }, /groupId.*32768 bytes/],
    [{ ...heartbeat, generationId: 2 ** 31 }, /generationId.*2147483648/],
    [{ ...heartbeat, generationId: 0.5 }, /generationId/],
    [{ ...heartbeat, memberId: null as unknown as string }, /memberId.*null/],
    [
      { ...heartbeat, memberId: undefined as unknown as string },
      /memberId.*no value/,
    ],
  ];
  for (const [value, pattern] of cases) {
    throws(
      () => encode((writer) => codec.encode(writer, value)),
      (error: Error) =>
        error instanceof EncodeError && pattern.test(error.message),
    );
  }
});

Deno.test("int64 keeps the safe range and is cut to 64 bits beyond", () => {
  const schema = message({
    name: "Probe",
    versions: [0, 0],
    fields: { value: "int64" },
  });
  const cases: [written: number, hex: string, read?: number][] = [
    [0, "0000000000000000"],
    [-1, "ffffffffffffffff"],
    [Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
    [Number.MIN_SAFE_INTEGER, "ffe0000000000001"],
    [2 ** 63, "7fffffffffffffff"],
    [Infinity, "7fffffffffffffff", 2 ** 63],
    [-(2 ** 63), "8000000000000000"],
    [-Infinity, "8000000000000000", -(2 ** 63)],
  ];
  for (const [value, hex, read] of cases) {
    const codec = codecFor(schema, 0);
    const bytes = encode((writer) => codec.encode(writer, { value }));
    strictEqual(bytes.toHex(), hex);
    strictEqual(codec.decode(new Reader(bytes)).value, read ?? value);
    const exact = codecFor(schema, 0, { exact: true }).decode(
      new Reader(bytes),
    ) as { value: bigint };
    strictEqual(exact.value, BigInt.asIntN(64, BigInt("0x" + hex)));
  }
});

Deno.test("records are read from their source straight into the frame", () => {
  const records = {
    sizeBytes: 3,
    readInto: (target: Uint8Array) => target.set([1, 2, 3]),
  };
  const codec = codecFor(fetchResponse, 12);
  const body: InferInput<typeof fetchResponse> = {
    responses: [{
      topic: "t",
      partitions: [
        { partitionIndex: 0, errorCode: 0, highWatermark: 3, records },
        { partitionIndex: 1, errorCode: 0, highWatermark: 0, records: null },
      ],
    }],
  };
  strictEqual(codec.recordBytes(body), 3);
  const bytes = encode((writer) => codec.encode(writer, body));
  const { partitions } = decodeWhole(fetchResponse, 12, bytes).responses[0];
  deepStrictEqual(partitions[0].records, new Uint8Array([1, 2, 3]));
  strictEqual(partitions[1].records, null);
});

Deno.test("bytes and records are views of the frame", () => {
  const codec = codecFor(produceRequest, 9);
  const bytes = encode((writer) =>
    codec.encode(writer, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{
        name: "t",
        partitionData: [{ index: 0, records: new Uint8Array([9]) }],
      }],
    })
  );
  const { records } = decodeWhole(produceRequest, 9, bytes)
    .topicData[0].partitionData[0];
  strictEqual(records!.buffer, bytes.buffer);
});

Deno.test("codecFor() keeps what it built and refuses unknown versions", () => {
  strictEqual(codecFor(metadataRequest, 5), codecFor(metadataRequest, 5));
  throws(() => codecFor(metadataRequest, 14), /MetadataRequest.*0 to 13/);
  throws(() => codecFor(metadataRequest, -1), /no version -1/);
});

function refused(
  schema: Parameters<typeof codecFor>[0],
  version: number,
  hex: string,
  pattern: RegExp,
) {
  throws(
    () => decodeWhole(schema, version, Uint8Array.fromHex(hex)),
    (error: Error) =>
      error instanceof DecodeError && pattern.test(error.message),
    hex,
  );
}

Deno.test("a count is held against the frame before anything is made", () => {
  // Metadata v1: topics, an array that may be null.
  refused(metadataRequest, 1, "7fffffff", /2147483647 elements in 0 bytes/);
  refused(metadataRequest, 1, "fffffffe", /size -2/);
  refused(metadataRequest, 1, "00000002" + "0001" + "61", /2 elements/);
  refused(metadataRequest, 9, "ffffffff0f", /elements/);
  // JoinGroup v0: protocols, an array that may not be null.
  const join = "0001" + "67" + "00000001" + "0000" + "0000";
  refused(joinGroupRequest, 0, join + "ffffffff", /protocols is null/);
});

Deno.test("a nested count is held against the frame as well", () => {
  const oneBroker = "00000000";
  const topic = "00000001" + "0000" + "0001" + "61" + "7fffffff";
  refused(metadataResponse, 0, oneBroker + topic, /2147483647 elements/);
});

Deno.test("varints end within 32 bits", () => {
  refused(metadataRequest, 9, "ffffffffff", /varint/);
  refused(metadataRequest, 9, "ffffffff1f", /varint/);
  refused(metadataRequest, 9, "8080808080", /varint/);
  refused(metadataRequest, 9, "80", /0 left/);
});

Deno.test("a string is bounded, not null and UTF-8", () => {
  refused(heartbeatRequest, 4, "00", /groupId is null/);
  refused(heartbeatRequest, 4, "09" + "61", /8 bytes asked for, 1 left/);
  refused(heartbeatRequest, 4, "818002" + "61".repeat(32768), /at most 32767/);
  refused(heartbeatRequest, 0, "8000", /size -32768/);
  for (
    const [bytes, size] of [
      ["c3", 1],
      ["c080", 2],
      ["eda080", 3],
      ["f4908080", 4],
    ] as const
  ) {
    refused(heartbeatRequest, 0, `000${size}${bytes}`, /not UTF-8/);
  }
});

Deno.test("tagged fields ascend, fill their size and stay in the frame", () => {
  // Heartbeat v4 without its tag buffer.
  const body = "02" + "67" + "00000007" + "02" + "6d" + "00";
  const whole = (tags: string) =>
    decodeWhole(heartbeatRequest, 4, Uint8Array.fromHex(body + tags));
  strictEqual(whole("01" + "05" + "03" + "aabbcc").groupId, "g");
  refused(heartbeatRequest, 4, body + "8080808008", /tagged fields in 0/);
  refused(heartbeatRequest, 4, body + "02" + "0501aa" + "0501bb", /5 after 5/);
  refused(heartbeatRequest, 4, body + "02" + "0501aa" + "0401bb", /4 after 5/);
  refused(heartbeatRequest, 4, body + "01" + "05" + "04" + "aa", /4 bytes/);
  refused(heartbeatRequest, 4, body + "00" + "00", /1 bytes after the end/);
});

Deno.test("a tagged field that is known must fill exactly its size", () => {
  // Fetch v12: clusterId is tag 0 of the request.
  const body = encode((writer) =>
    codecFor(fetchRequest, 12).encode(writer, {
      clusterId: "abc",
      maxWaitMs: 1,
      minBytes: 1,
      topics: [],
    })
  );
  const hex = body.toHex();
  ok(hex.endsWith("01" + "00" + "04" + "04616263"));
  strictEqual(decodeWhole(fetchRequest, 12, body).clusterId, "abc");
  const cut = hex.slice(0, -12);
  refused(fetchRequest, 12, cut + "00" + "05" + "0461626300", /5 bytes/);
  refused(fetchRequest, 12, cut + "00" + "03" + "04616263", /3 bytes/);
});

Deno.test("a frame of tiny elements cannot fill the memory", () => {
  const count = 4_000_000;
  const bytes = encode((writer) => {
    writer.int32(count);
    writer.raw(new Uint8Array(count * 2));
  });
  throws(() => decodeWhole(metadataRequest, 1, bytes), /too many/);
});

Deno.test("defaultStruct() gives a request as its defaults say", () => {
  const request = defaultStruct(fetchRequest.fields, false);
  strictEqual(request.maxBytes, 0x7fffffff);
  strictEqual(request.sessionEpoch, -1);
});

Deno.test("an array that cannot be null is refused when written", () => {
  const request = {
    groupId: "g",
    sessionTimeoutMs: 1,
    memberId: "",
    protocolType: "consumer",
    protocols: null as unknown as [],
  };
  throws(
    () => codecFor(joinGroupRequest, 0).encode(new Writer(), request),
    /protocols.*null/,
  );
});
