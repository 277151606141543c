// Headers: what stands in front of every request and every answer.
//
//   request v0: apiKey int16, apiVersion int16, correlationId int32
//   request v1: and clientId, a nullable string with a size of two bytes
//   request v2: and a tag buffer
//   answer v0: correlationId int32; v1: and a tag buffer
//
// Source: Kafka protocol guide, "Headers"; KIP-482, KIP-511.

import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";
import {
  apiByKey,
  requestHeaderVersion,
  responseHeaderVersion,
} from "./api_keys.ts";
import { codecFor } from "./codec.ts";
import { KafkaError } from "./errors.ts";
import { requestHeader, responseHeader } from "./messages/headers.ts";

/** What a request says about itself. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Comes back in the answer. */
  readonly correlationId: number;
  readonly clientId: string | null;
}

/**
 * Reads the header of a request. Its version may be one that nobody knows: the
 * newest header is taken to stand in front of it.
 *
 * @throws {KafkaError} INVALID_REQUEST where no API has the key.
 * @throws {DecodeError} Where the bytes are no header.
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const start = reader.position;
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  if (apiByKey(apiKey) === undefined) {
    throw new KafkaError("INVALID_REQUEST", `Unknown api key ${apiKey}.`);
  }
  reader.position = start;
  const version = requestHeaderVersion(apiKey, apiVersion);
  const header = codecFor(requestHeader, version).decode(reader);
  return {
    apiKey,
    apiVersion,
    correlationId: header.correlationId,
    clientId: version === 0 ? null : header.clientId,
  };
}

/** Writes the header of a request. */
export function encodeRequestHeader(
  writer: Writer,
  header: RequestHeader,
): void {
  const version = requestHeaderVersion(header.apiKey, header.apiVersion);
  codecFor(requestHeader, version).encode(writer, {
    requestApiKey: header.apiKey,
    requestApiVersion: header.apiVersion,
    correlationId: header.correlationId,
    clientId: header.clientId,
  });
}

/** Which request an answer belongs to. */
export interface ResponseHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** Writes the header of an answer. */
export function encodeResponseHeader(
  writer: Writer,
  { apiKey, apiVersion, correlationId }: ResponseHeader,
): void {
  const version = responseHeaderVersion(apiKey, apiVersion);
  codecFor(responseHeader, version).encode(writer, { correlationId });
}

/**
 * Reads the header of an answer.
 *
 * @param request The request that it must belong to; a client finds it by the
 * correlation id, the first four bytes.
 * @throws {DecodeError} Where the bytes are no header.
 */
export function decodeResponseHeader(
  reader: Reader,
  request: { readonly apiKey: number; readonly apiVersion: number },
): { readonly correlationId: number } {
  const version = responseHeaderVersion(request.apiKey, request.apiVersion);
  return codecFor(responseHeader, version).decode(reader);
}
