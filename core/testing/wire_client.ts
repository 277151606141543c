// A client that sends any bytes, right or wrong, and tells how a broker takes
// them: for tests of bad input.

import { ok, strictEqual } from "node:assert/strict";
import { type Connection, type Host, HostError } from "../host/host.ts";
import { FrameStream } from "../rpc/frame_stream.ts";
import { MIB } from "../base/units.ts";
import { decodeWhole } from "../wire/kafka/codec.ts";
import {
  decodeResponseHeader,
  encodeRequestHeader,
} from "../wire/kafka/headers.ts";
import type { Infer, MessageSchema } from "../wire/kafka/schema.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

const FRAME_MAX_BYTES = 200 * MIB;
/** Virtual time within which a broker answers or closes. */
const PATIENCE_MS = 20_000;

/** Bytes of a request's body, put together by hand. */
export type WriteBody = (writer: Writer) => void;

export class WireClient {
  readonly io: Connection;
  readonly #host: Host;
  readonly #frames: FrameStream;

  constructor(host: Host, io: Connection) {
    this.#host = host;
    this.io = io;
    this.#frames = new FrameStream(io, { frameMaxBytes: FRAME_MAX_BYTES });
  }

  /** Sends bytes as they are; a connection that ends meanwhile is seen when reading. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.io.write(bytes).catch((error) => {
      if (!(error instanceof HostError)) throw error;
    });
  }

  /** Sends a frame with a right header and whatever body. */
  async sendRequest(
    api: { readonly key: number; readonly version: number },
    body: WriteBody,
  ): Promise<void> {
    await this.send(requestFrame(api, body));
  }

  /** The next answer, `null` where the broker has closed. @throws Where neither comes. */
  async next(): Promise<Uint8Array | null> {
    const late = Promise.withResolvers<"late">();
    const callOff = this.#host.clock.after(
      PATIENCE_MS,
      () => late.resolve("late"),
    );
    const reading = this.#frames.next().catch((error) => {
      if (error instanceof HostError) return null;
      throw error;
    });
    const frame = await Promise.race([reading, late.promise]);
    callOff();
    ok(frame !== "late", `neither an answer nor a close in ${PATIENCE_MS} ms`);
    return frame;
  }

  /** Reads the next answer as a message. */
  async answer<const R extends MessageSchema & { readonly key: number }>(
    response: R,
    version: number,
  ): Promise<Infer<R>> {
    const frame = await this.next();
    ok(frame !== null, "the broker has closed the connection");
    const reader = new Reader(frame);
    const header = decodeResponseHeader(reader, {
      apiKey: response.key,
      apiVersion: version,
    });
    strictEqual(header.correlationId, 1);
    return decodeWhole(response, version, frame.subarray(reader.position));
  }

  close(): void {
    this.io.close();
  }
}

/** A frame, size and header included, with a body put together by hand. */
export function requestFrame(
  { key, version }: { readonly key: number; readonly version: number },
  body: WriteBody,
): Uint8Array {
  const writer = new Writer();
  writer.int32(0);
  encodeRequestHeader(writer, {
    apiKey: key,
    apiVersion: version,
    correlationId: 1,
    clientId: "test",
  });
  body(writer);
  writer.patchInt32(0, writer.position - 4);
  return writer.written().slice();
}
