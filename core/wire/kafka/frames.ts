// Frames: a message with its header, behind its size as an int32.
//
// Source: Kafka protocol guide, "Protocol": RequestOrResponse.

import { Writer } from "../writer.ts";
import { codecFor } from "./codec.ts";
import { encodeRequestHeader, encodeResponseHeader } from "./headers.ts";
import type { InferInput, MessageSchema } from "./schema.ts";

/** Bytes of the size in front of a frame; the size does not count itself. */
export const FRAME_SIZE_BYTES = 4;
/** Room for a header and the small fields around record data. */
const RESERVE_BYTES = 1024;

/** A message of an API, which has a key. */
type KeyedSchema = MessageSchema & { readonly key: number };

interface FrameOptions<M extends MessageSchema> {
  readonly version: number;
  readonly correlationId: number;
  readonly body: InferInput<M>;
  /** Where to write while it lasts; the frame may be a view of it. */
  readonly buffer?: Uint8Array<ArrayBuffer>;
}

/**
 * Writes a request as a frame, size included.
 *
 * @throws {KafkaError} UNSUPPORTED_VERSION where the body says what the version cannot.
 * @throws {EncodeError} Where a value does not fit its type.
 */
export function encodeRequestFrame<const M extends KeyedSchema>(
  schema: M,
  options: FrameOptions<M> & { readonly clientId: string | null },
): Uint8Array<ArrayBuffer> {
  return encodeFrame(schema, options, (writer) =>
    encodeRequestHeader(writer, {
      apiKey: schema.key,
      apiVersion: options.version,
      correlationId: options.correlationId,
      clientId: options.clientId,
    }));
}

/**
 * Writes an answer as a frame, size included. Record data that lies elsewhere
 * is read straight into it.
 *
 * @throws {KafkaError} UNSUPPORTED_VERSION where the body says what the version cannot.
 * @throws {EncodeError} Where a value does not fit its type.
 */
export function encodeResponseFrame<const M extends KeyedSchema>(
  schema: M,
  options: FrameOptions<M>,
): Uint8Array<ArrayBuffer> {
  return encodeFrame(schema, options, (writer) =>
    encodeResponseHeader(writer, {
      apiKey: schema.key,
      apiVersion: options.version,
      correlationId: options.correlationId,
    }));
}

function encodeFrame<const M extends KeyedSchema>(
  schema: M,
  options: FrameOptions<M>,
  encodeHeader: (writer: Writer) => void,
): Uint8Array<ArrayBuffer> {
  const codec = codecFor(schema, options.version);
  const writer = new Writer(options.buffer);
  const recordBytes = codec.recordBytes(options.body);
  if (recordBytes > 0) writer.reserve(recordBytes + RESERVE_BYTES);
  writer.int32(0);
  encodeHeader(writer);
  codec.encode(writer, options.body);
  writer.patchInt32(0, writer.position - FRAME_SIZE_BYTES);
  return writer.written();
}
