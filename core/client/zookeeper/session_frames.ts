// The frames that a session sends of its own: pings, credentials, watches that
// another server has to know.
//
//   size: int32; xid: int32; type: int32; body
//
// Source: ZooKeeper's published jute files (3.8).

import { Writer } from "../../wire/writer.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import {
  authPacket,
  OpCode,
  setWatches,
  setWatches2,
} from "../../wire/zookeeper/records.ts";
import { SIZE_BYTES } from "./server_link.ts";
import type { BroughtPaths } from "./watch_registry.ts";

/** Numbers of what is no request of anybody. */
export const OwnXid = {
  event: -1,
  ping: -2,
  auth: -4,
  watches: -8,
} as const;

/** Who a client says it is. */
export interface Credentials {
  readonly scheme: string;
  readonly auth: Uint8Array;
}

export function pingFrame(): Uint8Array {
  return framed(OwnXid.ping, OpCode.ping, () => {});
}

export function authFrame({ scheme, auth }: Credentials): Uint8Array {
  return framed(
    OwnXid.auth,
    OpCode.auth,
    (writer) => juteCodec(authPacket).encode(writer, { type: 0, scheme, auth }),
  );
}

function framed(
  xid: number,
  opCode: number,
  encode: (writer: Writer) => void,
): Uint8Array {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(xid);
  writer.int32(opCode);
  encode(writer);
  writer.patchInt32(0, writer.position - SIZE_BYTES);
  return writer.written();
}

/** Lasting watches need the newer form, which servers before 3.6 do not know. */
export function watchesFrame(
  { data, exist, child, persistent, recursive }: BroughtPaths,
  relativeZxid: bigint,
): Uint8Array {
  const oneShot = {
    relativeZxid,
    dataWatches: data,
    existWatches: exist,
    childWatches: child,
  };
  if (persistent.length + recursive.length === 0) {
    return framed(
      OwnXid.watches,
      OpCode.setWatches,
      (writer) => juteCodec(setWatches).encode(writer, oneShot),
    );
  }
  return framed(
    OwnXid.watches,
    OpCode.setWatches2,
    (writer) =>
      juteCodec(setWatches2).encode(writer, {
        ...oneShot,
        persistentWatches: persistent,
        persistentRecursiveWatches: recursive,
      }),
  );
}
