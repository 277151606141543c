// The first frame of a client: what session it wants, or brings along.
//
//   protocolVersion: int; lastZxidSeen: long; timeOut: int; sessionId: long;
//   passwd: buffer; readOnly: boolean, from newer clients only
//
// Source: ZooKeeper's published jute files (3.8), `ConnectRequest`.

import { Reader } from "../../wire/reader.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import { connectRequest } from "../../wire/zookeeper/records.ts";

export interface ConnectRequest {
  readonly lastZxidSeen: bigint;
  /** What the client would like, in milliseconds. */
  readonly timeoutMs: number;
  /** 0n for a new session. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  /** Whether a server that only reads is good enough; `null` where the client did not say. */
  readonly readOnly: boolean | null;
}

/** @throws {DecodeError} Where the bytes are no such request. */
export function decodeConnect(frame: Uint8Array): ConnectRequest {
  const reader = new Reader(frame);
  const request = juteCodec(connectRequest).decode(reader);
  return {
    lastZxidSeen: request.lastZxidSeen,
    timeoutMs: request.timeOut,
    sessionId: request.sessionId,
    password: request.passwd?.slice() ?? new Uint8Array(0),
    readOnly: reader.remaining > 0 ? reader.bool() : null,
  };
}
