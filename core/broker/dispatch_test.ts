import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { BrokerMetrics } from "../metrics/broker_metrics.ts";
import { BufferPool } from "../rpc/buffer_pool.ts";
import { FrameError } from "../rpc/frame_reader.ts";
import {
  type Answer,
  PendingAnswer,
  type ServerConnection,
} from "../rpc/server_connection.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import { encodeRequestFrame } from "../wire/kafka/frames.ts";
import { decodeResponseHeader } from "../wire/kafka/headers.ts";
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from "../wire/kafka/messages/api_versions.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  metadataRequest,
  metadataResponse,
} from "../wire/kafka/messages/metadata.ts";
import type { Infer, MessageSchema } from "../wire/kafka/schema.ts";
import { Reader } from "../wire/reader.ts";
import type { Broker } from "./broker.ts";
import { type RequestContext, serve, type ServedApi } from "./context.ts";
import { dispatcher } from "./dispatch.ts";
import { apiVersions } from "./handlers/api_versions.ts";
import { compactPartitions } from "./handlers/compact_partitions.ts";

const CLIENT = { clientSoftwareName: "test", clientSoftwareVersion: "1.0" };

class Bench {
  readonly lines: string[] = [];
  readonly metrics = new BrokerMetrics();
  readonly pool = new BufferPool();
  readonly connection = {
    id: 1,
    peer: "127.0.0.1:5",
    peerHost: "127.0.0.1",
    listenerName: "PLAINTEXT",
    isOpen: true,
    attachment: null,
  } as unknown as ServerConnection;
  readonly #handler;

  constructor(apis: readonly ServedApi[]) {
    const broker = {
      metrics: this.metrics,
      trace: (line: string) => this.lines.push(line),
    } as unknown as Broker;
    this.#handler = dispatcher({ broker, apis, pool: () => this.pool });
  }

  send(frame: Uint8Array) {
    return this.#handler(frame.subarray(4), this.connection);
  }

  /** Decodes an answer, and checks the size and the correlation id. */
  read<M extends MessageSchema & { key: number }>(
    schema: M,
    version: number,
    answer: unknown,
  ): Infer<M> {
    const { bytes, release } = answer as Answer;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    strictEqual(view.getInt32(0), bytes.length - 4);
    const reader = new Reader(bytes.slice(4));
    release();
    strictEqual(this.pool.lentBytes, 0, "the buffer is back");
    const header = decodeResponseHeader(reader, {
      apiKey: schema.key,
      apiVersion: version,
    });
    strictEqual(header.correlationId, 77);
    const body = codecFor(schema, version).decode(reader);
    reader.expectEnd();
    return body as Infer<M>;
  }
}

function coordinator(
  handle: (
    context: RequestContext,
  ) => Promise<{ coordinators: [] }> | { coordinators: [] },
) {
  return serve(findCoordinatorRequest, findCoordinatorResponse, {
    handle: (_request, context) => handle(context),
    failure: ({ errorCode, errorMessage }) => ({
      coordinators: [
        { key: "k", nodeId: -1, host: "", port: -1, errorCode, errorMessage },
      ],
    }),
  });
}

function coordinatorFrame(version = 4): Uint8Array {
  return encodeRequestFrame(findCoordinatorRequest, {
    version,
    correlationId: 77,
    clientId: "me",
    body: version >= 4 ? { coordinatorKeys: ["k"] } : { key: "k" },
  });
}

Deno.test("dispatch gives the handler what the header says, and sends its answer", () => {
  const seen: unknown[] = [];
  const bench = new Bench([coordinator((context) => {
    seen.push(
      context.apiKey,
      context.apiVersion,
      context.correlationId,
      context.clientId,
    );
    return { coordinators: [] };
  })]);
  const answer = bench.send(coordinatorFrame());
  deepStrictEqual(seen, [10, 4, 77, "me"]);
  deepStrictEqual(
    bench.read(findCoordinatorResponse, 4, answer).coordinators,
    [],
  );
  strictEqual(bench.metrics.requestsByApi().get(10), 1);
});

Deno.test("dispatch answers a thrown KafkaError with its code, at once or later", async () => {
  const refuse = () => {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE", "not now");
  };
  const now = new Bench([coordinator(refuse)]);
  const later = new Bench([
    coordinator(() => Promise.resolve().then(refuse)),
  ]);
  const pending = later.send(coordinatorFrame()) as PendingAnswer;
  ok(pending instanceof PendingAnswer);
  strictEqual(pending.letsNextStart, false);
  const answers: [Bench, unknown][] = [
    [now, now.send(coordinatorFrame())],
    [later, await pending.answer],
  ];
  for (const [bench, answer] of answers) {
    const { coordinators } = bench.read(findCoordinatorResponse, 4, answer);
    strictEqual(coordinators[0].errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    strictEqual(coordinators[0].errorMessage, "not now");
    strictEqual(bench.metrics.errorsByCode().get(15), 1);
    deepStrictEqual(bench.lines, [], "a client's error is no news");
  }
});

Deno.test("dispatch answers an unexpected error with UNKNOWN_SERVER_ERROR and traces it", () => {
  const bench = new Bench([coordinator(() => {
    throw new TypeError("oops");
  })]);
  const answer = bench.send(coordinatorFrame());
  const { coordinators } = bench.read(findCoordinatorResponse, 4, answer);
  strictEqual(coordinators[0].errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
  ok(bench.lines[0].includes("TypeError: oops"), bench.lines[0]);
});

Deno.test("dispatch answers a body that does not decode with INVALID_REQUEST", () => {
  const bench = new Bench([coordinator(() => ({ coordinators: [] }))]);
  const whole = coordinatorFrame();
  const cases: [what: string, frame: Uint8Array][] = [
    ["cut", whole.subarray(0, whole.length - 2)],
    ["trailing bytes", Uint8Array.from([...whole, 0])],
  ];
  for (const [what, frame] of cases) {
    const answer = bench.send(frame);
    const { coordinators } = bench.read(findCoordinatorResponse, 4, answer);
    strictEqual(coordinators[0].errorCode, ErrorCode.INVALID_REQUEST, what);
  }
  strictEqual(bench.metrics.malformedRequests, 2);
});

Deno.test("dispatch lets old versions have bytes after the body, as old clients send them", () => {
  const bench = new Bench([
    serve(findCoordinatorRequest, findCoordinatorResponse, {
      handle: () => ({ errorCode: 15, nodeId: -1, host: "", port: -1 }),
      failure: () => null,
    }),
  ]);
  const frame = Uint8Array.from([...coordinatorFrame(1), 0, 0]);
  const answer = bench.read(findCoordinatorResponse, 1, bench.send(frame));
  strictEqual(answer.errorCode, 15);
});

Deno.test("dispatch lets the APIs that say so have bytes after a flexible body", () => {
  const bench = new Bench([
    serve(findCoordinatorRequest, findCoordinatorResponse, {
      allowsTrailingBytes: true,
      handle: () => ({ coordinators: [] }),
      failure: () => null,
    }),
  ]);
  const frame = Uint8Array.from([...coordinatorFrame(), 1, 0, 0]);
  const answer = bench.read(findCoordinatorResponse, 4, bench.send(frame));
  deepStrictEqual(answer.coordinators, []);
  strictEqual(bench.metrics.malformedRequests, 0);
});

Deno.test("dispatch closes the connection where no answer can tell", () => {
  const bench = new Bench([
    serve(metadataRequest, metadataResponse, {
      handle: () => null,
      failure: () => null,
    }),
  ]);
  const frame = encodeRequestFrame(metadataRequest, {
    version: 1,
    correlationId: 77,
    clientId: null,
    body: { topics: [] },
  });
  const unknown = frame.slice();
  unknown[4] = 0x27;
  unknown[5] = 0x0f;
  const tooNew = frame.slice();
  tooNew[7] = 99;
  const longClientId = frame.slice();
  longClientId[12] = 0x7f;
  const cases: [frame: Uint8Array, reason: RegExp][] = [
    [unknown, /unknown api key 9999/],
    [tooNew, /version 99 is not served, only 0 to 12/],
    [longClientId, /header that does not decode/],
    [frame.subarray(0, 4 + 7), /header of 7 bytes/],
    [frame.subarray(0, frame.length - 1), /does not decode/],
  ];
  for (const [bytes, reason] of cases) {
    throws(() => bench.send(bytes), (error) => {
      ok(error instanceof FrameError);
      ok(reason.test(error.message), error.message);
      return true;
    });
  }
});

Deno.test("dispatch answers ApiVersions in a version that is not served in version 0, with the ranges", () => {
  const apis: ServedApi[] = [coordinator(() => ({ coordinators: [] }))];
  apis.push(apiVersions(() => apis));
  const bench = new Bench(apis);
  const frame = encodeRequestFrame(apiVersionsRequest, {
    version: 4,
    correlationId: 77,
    clientId: null,
    body: CLIENT,
  }).slice();
  for (const version of [5, 99, 32767, -2]) {
    new DataView(frame.buffer).setInt16(6, version);
    const body = bench.read(apiVersionsResponse, 0, bench.send(frame));
    strictEqual(body.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    deepStrictEqual(body.apiKeys, [
      { apiKey: 10, minVersion: 0, maxVersion: 6 },
      { apiKey: 18, minVersion: 0, maxVersion: 4 },
    ]);
  }
});

Deno.test("ApiVersions lists what is served, and the features that are turned on", () => {
  const apis: ServedApi[] = [];
  apis.push(apiVersions(() => apis));
  for (let version = 0; version <= 4; version++) {
    const bench = new Bench(apis);
    const answer = bench.send(encodeRequestFrame(apiVersionsRequest, {
      version,
      correlationId: 77,
      clientId: null,
      body: version >= 3 ? CLIENT : {},
    }));
    const body = bench.read(apiVersionsResponse, version, answer);
    strictEqual(body.errorCode, ErrorCode.NONE);
    deepStrictEqual(body.apiKeys, [{
      apiKey: 18,
      minVersion: 0,
      maxVersion: 4,
    }]);
    deepStrictEqual(
      body.finalizedFeatures,
      version < 3 ? [] : [
        { name: "group.version", maxVersionLevel: 1, minVersionLevel: 1 },
        { name: "transaction.version", maxVersionLevel: 2, minVersionLevel: 2 },
      ],
    );
    // A lowest level of 0 breaks older Java clients.
    ok(body.supportedFeatures.every(({ minVersion }) => minVersion > 0));
    strictEqual(body.finalizedFeaturesEpoch, version >= 3 ? 0 : -1);
  }
});

Deno.test("ApiVersions tells of kq's own APIs to kq's clients only", () => {
  const apis: ServedApi[] = [compactPartitions];
  apis.push(apiVersions(() => apis));
  const keysFor = (clientSoftwareName: string, version = 3) => {
    const bench = new Bench(apis);
    const answer = bench.send(encodeRequestFrame(apiVersionsRequest, {
      version,
      correlationId: 77,
      clientId: null,
      body: version >= 3
        ? { clientSoftwareName, clientSoftwareVersion: "1" }
        : {},
    }));
    const body = bench.read(apiVersionsResponse, version, answer);
    return body.apiKeys.map(({ apiKey }) => apiKey);
  };
  deepStrictEqual(keysFor("kq"), [18, 15000]);
  deepStrictEqual(keysFor("apache-kafka-java"), [18]);
  deepStrictEqual(keysFor("", 0), [18]);
});

Deno.test("ApiVersions refuses a client that names itself badly", () => {
  const apis: ServedApi[] = [];
  apis.push(apiVersions(() => apis));
  const bench = new Bench(apis);
  const answer = bench.send(encodeRequestFrame(apiVersionsRequest, {
    version: 3,
    correlationId: 77,
    clientId: null,
    body: { clientSoftwareName: "-bad-", clientSoftwareVersion: "1" },
  }));
  const body = bench.read(apiVersionsResponse, 3, answer);
  strictEqual(body.errorCode, ErrorCode.INVALID_REQUEST);
});
