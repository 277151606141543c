// Sixteen producers that each wait for the answer to one record before they send
// the next: what a broker makes of it that has to fsync before it answers.
// Requests are encoded once, so that the load leaves the broker the machine.

import { encodeBatch } from "../core/record/record_batch.ts";
import { codecFor } from "../core/wire/kafka/codec.ts";
import { errorByCode } from "../core/wire/kafka/errors.ts";
import {
  decodeResponseHeader,
  encodeRequestHeader,
} from "../core/wire/kafka/headers.ts";
import {
  produceRequest,
  produceResponse,
} from "../core/wire/kafka/messages/produce.ts";
import { Reader } from "../core/wire/reader.ts";
import { Writer } from "../core/wire/writer.ts";

const PREFIX_BYTES = 4;
/** The last version without tagged fields. */
const PRODUCE_VERSION = 8;
const ACKS_ALL = -1;

export interface ProduceLoad {
  readonly port: number;
  readonly topic: string;
  /** Producers write to the partitions in turn, each to its own. */
  readonly partitionCount: number;
  readonly producerCount: number;
  readonly recordBytes: number;
  readonly seconds: number;
}

export interface ProduceFigures {
  readonly recordsPerSecond: number;
  readonly p99Ms: number;
}

/** A Produce request of one record with acks=all, as it goes over the wire. */
export function encodeProduce(
  topic: string,
  partition: number,
  recordBytes: number,
): Uint8Array<ArrayBuffer> {
  const records = encodeBatch({
    records: [{
      timestampMs: Date.now(),
      key: null,
      value: crypto.getRandomValues(new Uint8Array(recordBytes)),
      headers: [],
    }],
    baseOffset: 0,
  });
  const writer = new Writer(new Uint8Array(recordBytes + 1024));
  writer.int32(0);
  encodeRequestHeader(writer, {
    apiKey: produceRequest.key!,
    apiVersion: PRODUCE_VERSION,
    correlationId: 1,
    clientId: "bench",
  });
  codecFor(produceRequest, PRODUCE_VERSION).encode(writer, {
    acks: ACKS_ALL,
    timeoutMs: 30_000,
    topicData: [{
      name: topic,
      partitionData: [{ index: partition, records }],
    }],
  });
  writer.patchInt32(0, writer.position - PREFIX_BYTES);
  return writer.written().slice();
}

/** @throws {Error} Where the broker refused the record. */
export function checkAnswer(answer: Uint8Array): void {
  const reader = new Reader(answer);
  decodeResponseHeader(reader, {
    apiKey: produceRequest.key!,
    apiVersion: PRODUCE_VERSION,
  });
  const { responses } = codecFor(produceResponse, PRODUCE_VERSION)
    .decode(reader);
  for (const { partitionResponses } of responses) {
    for (const { errorCode } of partitionResponses) {
      if (errorCode !== 0) throw new Error(errorByCode(errorCode).name);
    }
  }
}

/** Sends a request and waits for the whole answer, which lies in `buffer`. */
export async function ask(
  connection: Deno.TcpConn,
  frame: Uint8Array<ArrayBuffer>,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  await connection.write(frame);
  let filled = 0;
  let wantedBytes = PREFIX_BYTES;
  while (filled < wantedBytes) {
    const count = await connection.read(buffer.subarray(filled));
    if (count === null) throw new Error("The broker closed a connection");
    filled += count;
    if (filled >= PREFIX_BYTES) {
      wantedBytes = PREFIX_BYTES + new DataView(buffer.buffer).getInt32(0);
    }
  }
  return buffer.subarray(PREFIX_BYTES, filled);
}

/** Runs the producers for the time given. */
export async function produceOneByOne(
  load: ProduceLoad,
): Promise<ProduceFigures> {
  const startMs = performance.now();
  const endMs = startMs + load.seconds * 1000;
  const latenciesMs: number[] = [];
  const run = async (number: number) => {
    const frame = encodeProduce(
      load.topic,
      number % load.partitionCount,
      load.recordBytes,
    );
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: load.port,
    });
    connection.setNoDelay(true);
    const buffer = new Uint8Array(1024);
    try {
      let nowMs = performance.now();
      while (nowMs < endMs) {
        checkAnswer(await ask(connection, frame, buffer));
        const thenMs = nowMs;
        nowMs = performance.now();
        latenciesMs.push(nowMs - thenMs);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(
    Array.from({ length: load.producerCount }, (_, number) => run(number)),
  );
  const seconds = (performance.now() - startMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  return {
    recordsPerSecond: latenciesMs.length / seconds,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)],
  };
}
