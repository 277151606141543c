import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Reader } from "../reader.ts";
import { codecFor } from "./codec.ts";
import { encodeRequestFrame, encodeResponseFrame } from "./frames.ts";
import { decodeRequestHeader, decodeResponseHeader } from "./headers.ts";
import { fetchResponse } from "./messages/fetch.ts";
import { heartbeatRequest } from "./messages/heartbeat.ts";

Deno.test("encodeRequestFrame() puts size and header in front", () => {
  const body = { groupId: "g", generationId: 1, memberId: "m" };
  const options = { version: 4, correlationId: 9, clientId: "kq", body };
  const frame = encodeRequestFrame(heartbeatRequest, options);
  const reader = new Reader(frame);
  strictEqual(reader.int32(), frame.length - 4);
  deepStrictEqual(decodeRequestHeader(reader), {
    apiKey: 12,
    apiVersion: 4,
    correlationId: 9,
    clientId: "kq",
  });
  const request = codecFor(heartbeatRequest, 4).decode(reader);
  strictEqual(request.memberId, "m");
  reader.expectEnd();
});

Deno.test("encodeResponseFrame() uses the buffer given while it lasts", () => {
  const frameOf = (recordBytes: number, buffer: Uint8Array<ArrayBuffer>) => {
    const records = new Uint8Array(recordBytes).fill(7);
    const partition = {
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 1,
      records,
    };
    return encodeResponseFrame(fetchResponse, {
      version: 12,
      correlationId: 3,
      body: { responses: [{ topic: "t", partitions: [partition] }] },
      buffer,
    });
  };
  const buffer = new Uint8Array(4096);
  strictEqual(frameOf(1000, buffer).buffer, buffer.buffer);
  const large = frameOf(100_000, buffer);
  const reader = new Reader(large);
  strictEqual(reader.int32(), large.length - 4);
  const header = { apiKey: 1, apiVersion: 12 };
  strictEqual(decodeResponseHeader(reader, header).correlationId, 3);
  const answer = codecFor(fetchResponse, 12).decode(reader);
  strictEqual(answer.responses[0].partitions[0].records?.length, 100_000);
});
