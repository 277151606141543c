// The bytes of what clients of a simulated ensemble ask for.

import { encodeUtf8 } from "../base/bytes.ts";
import type { Writer } from "../wire/writer.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  createRequest,
  deleteRequest,
  multiHeader,
  OpCode,
  setDataRequest,
  setWatches,
} from "../wire/zookeeper/records.ts";
import type { EnsembleChange } from "./sim_scenario_ensemble_rules.ts";

const EVERYBODY = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** The operation that makes a change. */
export function opCodeOf({ kind }: EnsembleChange): number {
  if (kind === "create") return OpCode.create;
  return kind === "set" ? OpCode.setData : OpCode.delete;
}

/** Writes a change, as the body of its request. */
export function writeChange(writer: Writer, change: EnsembleChange): void {
  const { path } = change;
  switch (change.kind) {
    case "create":
      return juteCodec(createRequest).encode(writer, {
        path,
        data: encodeUtf8(change.text),
        acl: EVERYBODY,
        flags: (change.isEphemeral ? 1 : 0) + (change.isSequential ? 2 : 0),
      });
    case "set":
      return juteCodec(setDataRequest).encode(writer, {
        path,
        data: encodeUtf8(change.text),
        version: change.version,
      });
    case "delete":
      return juteCodec(deleteRequest).encode(writer, { path, version: -1 });
  }
}

/** Writes several, as the body of a multi. */
export function writeMulti(
  writer: Writer,
  changes: readonly EnsembleChange[],
): void {
  const header = juteCodec(multiHeader);
  for (const each of changes) {
    header.encode(writer, { type: opCodeOf(each), done: false, err: -1 });
    writeChange(writer, each);
  }
  header.encode(writer, { type: -1, done: true, err: -1 });
}

/** Writes what a session brings along to another server. */
export function writeWatches(
  writer: Writer,
  relativeZxid: bigint,
  { dataPaths, childPaths }: {
    readonly dataPaths: string[];
    readonly childPaths: string[];
  },
): void {
  juteCodec(setWatches).encode(writer, {
    relativeZxid,
    dataWatches: dataPaths,
    existWatches: [],
    childWatches: childPaths,
  });
}
