// What packets of the quorum port carry besides their type and zxid.
//
// Source: observed between ZooKeeper 3.8 servers; testdata/quorum/.

import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { NO_BYTES } from "../../base/bytes.ts";
import type { ClientRequest } from "../server/replica.ts";
import type { QuorumPacket } from "./packet_stream.ts";

/** The version of the protocol, which both sides state. */
export const PROTOCOL_VERSION = 0x10000;

/** What a learner says of itself. */
export interface LearnerInfo {
  readonly serverId: number;
  readonly protocolVersion: number;
  readonly configVersion: bigint;
}

export function encodeLearnerInfo(info: LearnerInfo): Uint8Array {
  const writer = new Writer();
  writer.bigInt64(BigInt(info.serverId));
  writer.int32(info.protocolVersion);
  writer.bigInt64(info.configVersion);
  return writer.written();
}

/** @throws {DecodeError} Where the learner is older than 3.4, or the bytes are no such thing. */
export function decodeLearnerInfo(data: Uint8Array | null): LearnerInfo {
  const reader = new Reader(data ?? NO_BYTES);
  return {
    serverId: Number(reader.bigInt64()),
    protocolVersion: reader.int32(),
    configVersion: reader.remaining >= 8 ? reader.bigInt64() : 0n,
  };
}

export function encodeInt(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export function encodeLong(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
}

/** Reads a long and what follows it. @throws {DecodeError} */
export function decodeLong(
  data: Uint8Array | null,
): { readonly value: bigint; readonly rest: Uint8Array } {
  const reader = new Reader(data ?? NO_BYTES);
  const value = reader.bigInt64();
  return { value, rest: reader.view(reader.remaining) };
}

/** @throws {DecodeError} */
export function decodeInt(data: Uint8Array | null): number {
  return new Reader(data ?? NO_BYTES).int32();
}

/** Session, number and operation, before a request's body. */
const REQUEST_HEADER_BYTES = 16;

/** A client's request on its way to the leader; its identities are the packet's. */
export function encodeRequest(request: ClientRequest): Uint8Array {
  const sizeBytes = REQUEST_HEADER_BYTES + request.body.length;
  const writer = new Writer(new Uint8Array(sizeBytes));
  writer.bigInt64(request.sessionId);
  writer.int32(request.cxid);
  writer.int32(request.opCode);
  writer.raw(request.body);
  return writer.written();
}

/** @throws {DecodeError} */
export function decodeRequest({ data, authinfo }: QuorumPacket): ClientRequest {
  const reader = new Reader(data ?? NO_BYTES);
  const sessionId = reader.bigInt64();
  const cxid = reader.int32();
  const opCode = reader.int32();
  const body = reader.view(reader.remaining);
  return { sessionId, cxid, opCode, body, identities: authinfo ?? [] };
}

/** Sessions that a learner has heard of, and their timeouts. */
export function encodeSessions(
  sessions: Iterable<readonly [bigint, number]>,
): Uint8Array {
  const writer = new Writer();
  for (const [sessionId, timeoutMs] of sessions) {
    writer.bigInt64(sessionId);
    writer.int32(timeoutMs);
  }
  return writer.written();
}

/** @throws {DecodeError} */
export function decodeSessions(data: Uint8Array | null): [bigint, number][] {
  const reader = new Reader(data ?? NO_BYTES);
  const sessions: [bigint, number][] = [];
  while (reader.remaining >= 12) {
    sessions.push([reader.bigInt64(), reader.int32()]);
  }
  return sessions;
}

/** What a leader says of a session that came to another server. */
export function encodeRevalidated(
  sessionId: bigint,
  isAlive: boolean,
): Uint8Array {
  const writer = new Writer();
  writer.bigInt64(sessionId);
  writer.bool(isAlive);
  return writer.written();
}

/** @throws {DecodeError} */
export function decodeRevalidated(
  data: Uint8Array | null,
): { readonly sessionId: bigint; readonly isAlive: boolean } {
  const reader = new Reader(data ?? NO_BYTES);
  return { sessionId: reader.bigInt64(), isAlive: reader.bool() };
}

/** A packet of another type than the protocol has at this place. */
export function unexpected(packet: QuorumPacket, wanted: string): DecodeError {
  return new DecodeError(
    `a packet of type ${packet.type} came, expected ${wanted}`,
    0,
  );
}
