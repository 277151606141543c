// Requests of ZooKeeper's protocol as plans: what is sent, and how the answer is
// read. Paths are those of the server.
//
// Source: ZooKeeper's published jute files (3.8).

import type { ZnodeStat } from "../../coordination/znode_client.ts";
import type { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import {
  ZkError,
  type ZkErrorName,
  zkErrorName,
} from "../../wire/zookeeper/errors.ts";
import { juteCodec, type JuteValue } from "../../wire/zookeeper/jute.ts";
import {
  type Acl,
  addWatchRequest,
  checkVersionRequest,
  create2Response,
  createRequest,
  createTtlRequest,
  deleteRequest,
  getAclResponse,
  getAllChildrenNumberResponse,
  getChildren2Response,
  getDataResponse,
  getEphemeralsResponse,
  multiHeader,
  OpCode,
  reconfigRequest,
  removeWatchesRequest,
  setAclRequest,
  setDataRequest,
  type Stat,
  stat as statRecord,
  whoAmIResponse,
} from "../../wire/zookeeper/records.ts";
import type { CallPlan } from "./call.ts";

export type ClientCreateMode =
  | "persistent"
  | "ephemeral"
  | "persistentSequential"
  | "ephemeralSequential"
  | "container"
  | "ttl"
  | "ttlSequential";

const MODE_FLAGS: { readonly [M in ClientCreateMode]: number } = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  ttlSequential: 6,
};

/** A znode to be made. */
export interface NewZnode {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly mode: ClientCreateMode;
  readonly acl: readonly Acl[];
  /** For the modes with a time to live. */
  readonly ttlMs?: number;
}

/** One step of a multi; a version of -1 fits any. */
export type Step =
  | ({ readonly kind: "create" } & NewZnode)
  | { readonly kind: "delete"; readonly path: string; readonly version: number }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number };

/** `path` of a create as made; `stat` of a create or a set. */
export interface StepResult {
  readonly path: string;
  readonly stat: ZnodeStat | null;
}

/** A `Stat` in kq's own units. */
export function toZnodeStat(stat: Stat): ZnodeStat {
  const { ctime, mtime, ...rest } = stat;
  return { ...rest, ctimeMs: Number(ctime), mtimeMs: Number(mtime) };
}

function readStat(reader: Reader): ZnodeStat {
  return toZnodeStat(juteCodec(statRecord).decode(reader));
}

function writeText(writer: Writer, text: string): void {
  const bytes = new TextEncoder().encode(text);
  writer.int32(bytes.length);
  writer.raw(bytes);
}

function readText(reader: Reader): string {
  return reader.utf8(reader.int32());
}

/** Containers and times to live have requests of their own. */
function createOpCode(mode: ClientCreateMode): number {
  if (mode === "container") return OpCode.createContainer;
  return mode.startsWith("ttl") ? OpCode.createTtl : OpCode.create2;
}

function encodeCreate(
  writer: Writer,
  { path, data, mode, acl, ttlMs = 0 }: NewZnode,
): void {
  const request = { path, data, acl, flags: MODE_FLAGS[mode] };
  if (createOpCode(mode) === OpCode.createTtl) {
    juteCodec(createTtlRequest).encode(writer, {
      ...request,
      ttl: BigInt(ttlMs),
    });
  } else juteCodec(createRequest).encode(writer, request);
}

function decodeCreated(reader: Reader) {
  const { path, stat } = juteCodec(create2Response).decode(reader);
  return { path, stat: toZnodeStat(stat) };
}

export function create(
  znode: NewZnode,
): CallPlan<{ path: string; stat: ZnodeStat }> {
  return {
    opCode: createOpCode(znode.mode),
    subject: znode.path,
    encode: (writer) => encodeCreate(writer, znode),
    decode: decodeCreated,
  };
}

export function remove(path: string, version: number): CallPlan<void> {
  return {
    opCode: OpCode.delete,
    subject: path,
    encode: (writer) =>
      juteCodec(deleteRequest).encode(writer, { path, version }),
    decode: () => {},
  };
}

/** How a read is watched: told of the answer's code before the answer is heard of. */
export type Answered = ((errorName: ZkErrorName) => void) | undefined;

function read<T>(
  opCode: number,
  path: string,
  answered: Answered,
  decode: (reader: Reader) => T,
): CallPlan<T> {
  return {
    opCode,
    subject: path,
    encode: (writer) => {
      writeText(writer, path);
      writer.bool(answered !== undefined);
    },
    decode,
    answered,
  };
}

export function exists(path: string, answered?: Answered) {
  return read(OpCode.exists, path, answered, readStat);
}

export function getData(path: string, answered?: Answered) {
  return read(OpCode.getData, path, answered, (reader) => {
    const { data, stat } = juteCodec(getDataResponse).decode(reader);
    return { data: data ?? new Uint8Array(0), stat: toZnodeStat(stat) };
  });
}

export function getChildren(path: string, answered?: Answered) {
  return read(OpCode.getChildren2, path, answered, (reader) => {
    const { children, stat } = juteCodec(getChildren2Response).decode(reader);
    return { names: [...children], stat: toZnodeStat(stat) };
  });
}

export function setData(
  path: string,
  data: Uint8Array | null,
  version: number,
): CallPlan<ZnodeStat> {
  return {
    opCode: OpCode.setData,
    subject: path,
    encode: (writer) =>
      juteCodec(setDataRequest).encode(writer, { path, data, version }),
    decode: readStat,
  };
}

export function getAcl(
  path: string,
): CallPlan<{ acl: readonly Acl[]; stat: ZnodeStat }> {
  return {
    opCode: OpCode.getAcl,
    subject: path,
    encode: (writer) => writeText(writer, path),
    decode: (reader) => {
      const { acl, stat } = juteCodec(getAclResponse).decode(reader);
      return { acl, stat: toZnodeStat(stat) };
    },
  };
}

/** @param version Of the list itself (`aversion`). */
export function setAcl(
  path: string,
  acl: readonly Acl[],
  version: number,
): CallPlan<ZnodeStat> {
  return {
    opCode: OpCode.setAcl,
    subject: path,
    encode: (writer) =>
      juteCodec(setAclRequest).encode(writer, { path, acl, version }),
    decode: readStat,
  };
}

export function sync(path: string): CallPlan<void> {
  return {
    opCode: OpCode.sync,
    subject: path,
    encode: (writer) => writeText(writer, path),
    decode: () => {},
  };
}

export function getEphemerals(prefix: string): CallPlan<readonly string[]> {
  return {
    opCode: OpCode.getEphemerals,
    subject: prefix,
    encode: (writer) => writeText(writer, prefix),
    decode: (reader) =>
      juteCodec(getEphemeralsResponse).decode(reader).ephemerals,
  };
}

export function countDescendants(path: string): CallPlan<number> {
  return {
    opCode: OpCode.getAllChildrenNumber,
    subject: path,
    encode: (writer) => writeText(writer, path),
    decode: (reader) =>
      juteCodec(getAllChildrenNumberResponse).decode(reader).totalNumber,
  };
}

export function whoAmI(): CallPlan<
  JuteValue<typeof whoAmIResponse>["clientInfo"]
> {
  return {
    opCode: OpCode.whoAmI,
    subject: "the client",
    decode: (reader) => juteCodec(whoAmIResponse).decode(reader).clientInfo,
  };
}

/** A watch that lasts, also below `path` where it is recursive. */
export function addWatch(
  path: string,
  isRecursive: boolean,
  answered: Answered,
): CallPlan<void> {
  return {
    opCode: OpCode.addWatch,
    subject: path,
    encode: (writer) =>
      juteCodec(addWatchRequest).encode(writer, {
        path,
        mode: isRecursive ? 1 : 0,
      }),
    decode: () => {},
    answered,
  };
}

const ANY_WATCHER = 3;

export function removeWatches(path: string): CallPlan<void> {
  return {
    opCode: OpCode.removeWatches,
    subject: path,
    encode: (writer) =>
      juteCodec(removeWatchesRequest).encode(writer, {
        path,
        type: ANY_WATCHER,
      }),
    decode: () => {},
  };
}

/** Members of the ensemble, as `server.N` lines by comma; `null` leaves them. */
export interface MemberChange {
  readonly joining: string | null;
  readonly leaving: string | null;
  /** All of them at once, instead of the two. */
  readonly members: string | null;
  /** -1 for whatever is now. */
  readonly configVersion: bigint;
}

/** Gives the configuration as it is then. */
export function reconfig(
  { joining, leaving, members, configVersion }: MemberChange,
): CallPlan<{ data: Uint8Array; stat: ZnodeStat }> {
  return {
    opCode: OpCode.reconfig,
    subject: "the ensemble's configuration",
    encode: (writer) =>
      juteCodec(reconfigRequest).encode(writer, {
        joiningServers: joining,
        leavingServers: leaving,
        newMembers: members,
        curConfigId: configVersion,
      }),
    decode: (reader) => {
      const { data, stat } = juteCodec(getDataResponse).decode(reader);
      return { data: data ?? new Uint8Array(0), stat: toZnodeStat(stat) };
    },
  };
}

/** All steps or none; a failure names the first that failed. */
export function multi(steps: readonly Step[]): CallPlan<StepResult[]> {
  return {
    opCode: OpCode.multi,
    subject: steps[0]?.path ?? "a multi without steps",
    encode: (writer) => {
      for (const step of steps) encodeStep(writer, step);
      writeMultiHeader(writer, -1, true);
    },
    decode: (reader) => decodeResults(reader, steps),
    decodeRefusal: (reader) => firstFailure(reader, steps),
  };
}

function writeMultiHeader(
  writer: Writer,
  type: number,
  done: boolean,
): void {
  juteCodec(multiHeader).encode(writer, { type, done, err: -1 });
}

function encodeStep(writer: Writer, step: Step): void {
  switch (step.kind) {
    case "create":
      writeMultiHeader(writer, createOpCode(step.mode), false);
      return encodeCreate(writer, step);
    case "delete":
      writeMultiHeader(writer, OpCode.delete, false);
      return juteCodec(deleteRequest).encode(writer, step);
    case "set":
      writeMultiHeader(writer, OpCode.setData, false);
      return juteCodec(setDataRequest).encode(writer, step);
    case "check":
      writeMultiHeader(writer, OpCode.check, false);
      return juteCodec(checkVersionRequest).encode(writer, step);
  }
}

/** @throws {ZkError} The first that failed: ZooKeeper answers a failed multi with code 0. */
function decodeResults(reader: Reader, steps: readonly Step[]): StepResult[] {
  const results: StepResult[] = [];
  let refusal: ZkError | null = null;
  for (let index = 0;; index++) {
    const { type, done } = juteCodec(multiHeader).decode(reader);
    if (done) break;
    const path = steps[index]?.path ?? "";
    switch (type) {
      case OpCode.error: {
        const name = zkErrorName(reader.int32());
        const isCause = name !== "OK" && name !== "RUNTIME_INCONSISTENCY";
        if (isCause) refusal ??= new ZkError(name, path, index);
        break;
      }
      case OpCode.create:
        results.push({ path: readText(reader), stat: null });
        break;
      case OpCode.create2:
        results.push(decodeCreated(reader));
        break;
      case OpCode.setData:
        results.push({ path, stat: readStat(reader) });
        break;
      default:
        results.push({ path, stat: null });
    }
  }
  if (refusal !== null) throw refusal;
  return results;
}

function firstFailure(
  reader: Reader,
  steps: readonly Step[],
): ZkError | null {
  try {
    decodeResults(reader, steps);
    return null;
  } catch (error) {
    if (error instanceof ZkError) return error;
    throw error;
  }
}
