// Encoding and decoding of what the hot path sees: produce and fetch with one
// partition and with a hundred, and the metadata of a thousand partitions.

import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";
import { codecFor } from "./codec.ts";
import { fetchResponse } from "./messages/fetch.ts";
import { metadataResponse } from "./messages/metadata.ts";
import { produceRequest, produceResponse } from "./messages/produce.ts";
import type { InferInput, MessageSchema } from "./schema.ts";

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

const records = new Uint8Array(16);

function produce(count: number): InferInput<typeof produceRequest> {
  const partitionData = many(count, (index) => ({ index, records }));
  return {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: "orders", partitionData }],
  };
}

function produced(count: number): InferInput<typeof produceResponse> {
  const partitionResponses = many(count, (index) => ({
    index,
    errorCode: 0,
    baseOffset: 1_000_000 + index,
    logStartOffset: 0,
  }));
  return { responses: [{ name: "orders", partitionResponses }] };
}

function fetched(count: number): InferInput<typeof fetchResponse> {
  const partitions = many(count, (partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 5_000_000_000 + partitionIndex,
    lastStableOffset: 5_000_000_000,
    logStartOffset: 17,
    abortedTransactions: null,
    records,
  }));
  return { responses: [{ topic: "orders", partitions }] };
}

function metadata(count: number): InferInput<typeof metadataResponse> {
  const partitions = many(count, (partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId: 1,
    leaderEpoch: 3,
    replicaNodes: [1, 2, 3],
    isrNodes: [1, 2, 3],
    offlineReplicas: [],
  }));
  return {
    brokers: many(3, (nodeId) => ({ nodeId, host: "127.0.0.1", port: 9092 })),
    clusterId: "abc",
    controllerId: 1,
    topics: [{ errorCode: 0, name: "orders", partitions }],
  };
}

function bench<const M extends MessageSchema>(
  schema: M,
  version: number,
  { name, value }: { name: string; value: InferInput<M> },
): void {
  const codec = codecFor(schema, version);
  const buffer = new Uint8Array(1 << 20);
  const first = new Writer(buffer);
  codec.encode(first, value);
  const bytes = first.written().slice();
  const label = `${schema.name} v${version}, ${name}, ${bytes.length} bytes`;
  Deno.bench(`encode ${label}`, () => {
    codec.encode(new Writer(buffer), value);
  });
  Deno.bench(`decode ${label}`, () => {
    codec.decode(new Reader(bytes));
  });
}

for (const count of [1, 100]) {
  const name = `${count} partitions`;
  bench(produceRequest, 9, { name, value: produce(count) });
  bench(produceResponse, 9, { name, value: produced(count) });
  bench(fetchResponse, 12, { name, value: fetched(count) });
}
bench(metadataResponse, 12, { name: "1000 partitions", value: metadata(1000) });
