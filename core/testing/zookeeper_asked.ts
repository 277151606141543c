// Requests to a ZooKeeper server as plain values, and answers as text.
//
// Source: ZooKeeper's published jute files (3.8).

import { decodeHex, encodeUtf8 } from "../base/bytes.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { zkErrorName } from "../wire/zookeeper/errors.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  type Acl,
  acl as aclRecord,
  clientInfo,
  multiHeader,
  OpCode,
  reconfigRequest,
} from "../wire/zookeeper/records.ts";

interface Watching {
  readonly path: string;
  readonly watch?: boolean;
}

interface Creating {
  readonly path: string;
  /** `null` for no data at all. */
  readonly data?: string | Uint8Array | null;
  /** `scheme:id:permissions` each, separated by blanks. */
  readonly acl?: string;
  /** 0 persistent, 1 ephemeral, 2 and 3 the same with a counter, 4 container, 5 and 6 with a time to live. */
  readonly flags?: number;
  readonly ttlMs?: bigint;
}

interface Versioned {
  readonly path: string;
  readonly version?: number;
}

interface Rearming {
  readonly seenZxid: bigint;
  readonly data?: readonly string[];
  readonly exist?: readonly string[];
  readonly child?: readonly string[];
  readonly persistent?: readonly string[];
  readonly recursive?: readonly string[];
}

/** What each operation is asked with. */
export interface Asked {
  create: Creating;
  create2: Creating;
  createContainer: Creating;
  createTtl: Creating;
  delete: Versioned;
  deleteContainer: { readonly path: string };
  exists: Watching;
  getData: Watching;
  setData: Versioned & { readonly data?: string | Uint8Array | null };
  getAcl: { readonly path: string };
  setAcl: Versioned & { readonly acl: string };
  getChildren: Watching;
  getChildren2: Watching;
  sync: { readonly path: string };
  ping: Record<string, never>;
  check: Versioned;
  multi: { readonly steps: readonly Step[]; readonly isUnended?: boolean };
  multiRead: { readonly steps: readonly Step[] };
  reconfig: { readonly joining?: string; readonly leaving?: string };
  checkWatches: { readonly path: string; readonly type: number };
  removeWatches: { readonly path: string; readonly type: number };
  auth: { readonly scheme: string; readonly auth: string };
  setWatches: Rearming;
  setWatches2: Rearming;
  getEphemerals: { readonly path: string };
  getAllChildrenNumber: { readonly path: string };
  addWatch: { readonly path: string; readonly mode: number };
  whoAmI: Record<string, never>;
  closeSession: Record<string, never>;
  /** Any operation by its number, with any bytes. */
  raw: { readonly opCode: number; readonly hex: string };
}

export type Operation = keyof Asked;
/** One part of a multi. */
export type Step = { readonly [O in Operation]: readonly [O, Asked[O]] }[
  Operation
];

export const OPEN_ACL = "world:anyone:31";

/** The number of an operation. */
export function opCodeOf(
  operation: Operation,
  asked: Asked[Operation],
): number {
  if (operation === "raw") return (asked as Asked["raw"]).opCode;
  return OpCode[operation];
}

/** Reads `scheme:id:permissions`, separated by blanks; the id may have colons. */
export function parseAcl(text: string): Acl[] {
  return text.split(" ").filter((each) => each !== "").map((each) => {
    const [scheme, ...rest] = each.split(":");
    const perms = Number(rest.pop());
    return { perms, id: { scheme, id: rest.join(":") } };
  });
}

/** Writes the body of a request. */
export function encodeAsked<O extends Operation>(
  operation: O,
  asked: Asked[O],
  writer: Writer,
): void {
  (ENCODERS[operation] as (asked: Asked[O], writer: Writer) => void)(
    asked,
    writer,
  );
}

const ENCODERS: {
  readonly [O in Operation]: (asked: Asked[O], writer: Writer) => void;
} = {
  create: writeCreating,
  create2: writeCreating,
  createContainer: writeCreating,
  createTtl: writeCreating,
  delete: writeVersioned,
  deleteContainer: ({ path }, writer) => writer.raw(encodeUtf8(path)),
  exists: writeWatching,
  getData: writeWatching,
  setData: ({ path, data = "", version = -1 }, writer) => {
    writeString(path, writer);
    writeData(data, writer);
    writer.int32(version);
  },
  getAcl: writePath,
  setAcl: ({ path, acl, version = -1 }, writer) => {
    writeString(path, writer);
    writeAcl(acl, writer);
    writer.int32(version);
  },
  getChildren: writeWatching,
  getChildren2: writeWatching,
  sync: writePath,
  ping: () => {},
  check: writeVersioned,
  multi: ({ steps, isUnended }, writer) => {
    writeSteps(steps, writer);
    if (!isUnended) writeStepHeader(-1, true, writer);
  },
  multiRead: ({ steps }, writer) => {
    writeSteps(steps, writer);
    writeStepHeader(-1, true, writer);
  },
  reconfig: ({ joining, leaving }, writer) => {
    juteCodec(reconfigRequest).encode(writer, {
      joiningServers: joining ?? "",
      leavingServers: leaving ?? "",
      newMembers: "",
      curConfigId: -1n,
    });
  },
  checkWatches: writeTyped,
  removeWatches: writeTyped,
  auth: ({ scheme, auth }, writer) => {
    writer.int32(0);
    writeString(scheme, writer);
    writeData(auth, writer);
  },
  setWatches: (asked, writer) => writeRearming(asked, writer, 3),
  setWatches2: (asked, writer) => writeRearming(asked, writer, 5),
  getEphemerals: writePath,
  getAllChildrenNumber: writePath,
  addWatch: ({ path, mode }, writer) => {
    writeString(path, writer);
    writer.int32(mode);
  },
  whoAmI: () => {},
  closeSession: () => {},
  raw: ({ hex }, writer) => writer.raw(decodeHex(hex)),
};

function writeString(text: string, writer: Writer): void {
  writeData(text, writer);
}

function writeData(data: string | Uint8Array | null, writer: Writer): void {
  if (data === null) return writer.int32(-1);
  const bytes = typeof data === "string" ? encodeUtf8(data) : data;
  writer.int32(bytes.length);
  writer.raw(bytes);
}

function writePath({ path }: { readonly path: string }, writer: Writer): void {
  writeString(path, writer);
}

function writeAcl(text: string, writer: Writer): void {
  const list = parseAcl(text);
  writer.int32(list.length);
  for (const each of list) juteCodec(aclRecord).encode(writer, each);
}

function writeCreating(asked: Creating, writer: Writer): void {
  const { path, data = "", acl = OPEN_ACL, flags = 0, ttlMs } = asked;
  writeString(path, writer);
  writeData(data, writer);
  writeAcl(acl, writer);
  writer.int32(flags);
  if (ttlMs !== undefined) writer.bigInt64(ttlMs);
}

function writeVersioned(
  { path, version = -1 }: Versioned,
  writer: Writer,
): void {
  writeString(path, writer);
  writer.int32(version);
}

function writeWatching({ path, watch = false }: Watching, writer: Writer) {
  writeString(path, writer);
  writer.bool(watch);
}

function writeTyped(
  { path, type }: { readonly path: string; readonly type: number },
  writer: Writer,
): void {
  writeString(path, writer);
  writer.int32(type);
}

function writeStepHeader(type: number, isDone: boolean, writer: Writer): void {
  juteCodec(multiHeader).encode(writer, { type, done: isDone, err: -1 });
}

function writeSteps(steps: readonly Step[], writer: Writer): void {
  for (const [operation, asked] of steps) {
    writeStepHeader(opCodeOf(operation, asked), false, writer);
    encodeAsked(operation, asked, writer);
  }
}

function writeRearming(asked: Rearming, writer: Writer, count: number): void {
  const { seenZxid, data = [], exist = [], child = [] } = asked;
  const { persistent = [], recursive = [] } = asked;
  const lists = [data, exist, child, persistent, recursive].slice(0, count);
  writer.bigInt64(seenZxid);
  for (const list of lists) {
    writer.int32(list.length);
    for (const path of list) writeString(path, writer);
  }
}

type StatText = (reader: Reader) => string;

/** The text of an answer without an error. */
export function readAnswer(
  operation: Operation,
  body: Reader,
  statText: StatText,
): string {
  switch (operation) {
    case "create":
    case "sync":
      return readText(body);
    case "create2":
    case "createContainer":
    case "createTtl":
      return `${readText(body)} ${statText(body)}`;
    case "exists":
    case "setData":
    case "setAcl":
      return statText(body);
    case "getData":
      return `${readData(body)} ${statText(body)}`;
    case "getAcl":
      return `${readAcl(body)} ${statText(body)}`;
    case "getChildren":
    case "getEphemerals":
      return readNames(body);
    case "getChildren2":
      return `${readNames(body)} ${statText(body)}`;
    case "getAllChildrenNumber":
    case "addWatch":
      return String(body.int32());
    case "multi":
    case "multiRead":
      return readSteps(body, statText);
    case "whoAmI":
      return readList(body, () => {
        const { authScheme, user } = juteCodec(clientInfo).decode(body);
        return `${authScheme}:${user}`;
      }).sort().join(" ");
    default:
      return "";
  }
}

function readText(body: Reader): string {
  return body.utf8(body.int32());
}

function readData(body: Reader): string {
  const size = body.int32();
  if (size < 0) return "null";
  const text = new TextDecoder().decode(body.view(size));
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 20)}…` : text);
}

function readAcl(body: Reader): string {
  return readList(body, () => {
    const { perms, id } = juteCodec(aclRecord).decode(body);
    return `${id.scheme}:${id.id}:${perms}`;
  }).join(" ");
}

function readNames(body: Reader): string {
  return JSON.stringify(readList(body, () => readText(body)).sort());
}

function readList<T>(body: Reader, read: () => T): T[] {
  return Array.from({ length: Math.max(0, body.int32()) }, read);
}

function readSteps(body: Reader, statText: StatText): string {
  const parts: string[] = [];
  for (;;) {
    const { type, done, err } = juteCodec(multiHeader).decode(body);
    if (done) return `${parts.join("; ")} (${type} ${err})`;
    parts.push(`${type} ${err} ${readStep(type, body, statText)}`.trim());
  }
}

function readStep(type: number, body: Reader, statText: StatText): string {
  switch (type) {
    case OpCode.create:
      return readText(body);
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTtl:
      return `${readText(body)} ${statText(body)}`;
    case OpCode.setData:
      return statText(body);
    case OpCode.getData:
      return `${readData(body)} ${statText(body)}`;
    case OpCode.getChildren:
      return readNames(body);
    case OpCode.error:
      return zkErrorName(body.int32());
    default:
      return "";
  }
}
