// What a client writes as a request that changes the tree, read into what the
// `Decider` understands.
//
// A multi is a sequence of MultiHeader and request, closed by a header that says
// `done`.
//
// Source: ZooKeeper's published jute files (3.8); ZooKeeper documentation,
// "Transactions".

import { DecodeError, Reader } from "../wire/reader.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  checkVersionRequest,
  createRequest,
  createTtlRequest,
  deleteRequest,
  multiHeader,
  OpCode,
  reconfigRequest,
  setAclRequest,
  setDataRequest,
} from "../wire/zookeeper/records.ts";
import type { ChangeRequest, WriteRequest, ZnodeMode } from "./decide.ts";

/** Modes by the number that clients send. */
const MODES: readonly ZnodeMode[] = [
  "persistent",
  "ephemeral",
  "persistentSequential",
  "ephemeralSequential",
  "container",
  "ttl",
  "ttlSequential",
];

const WRITES: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTtl,
  OpCode.delete,
  OpCode.deleteContainer,
  OpCode.setData,
  OpCode.setAcl,
  OpCode.check,
  OpCode.multi,
  OpCode.reconfig,
  OpCode.closeSession,
]);

/** Whether a client's request has to be ordered before it is answered. */
export function isClientWrite(opCode: number): boolean {
  return WRITES.has(opCode);
}

/**
 * Reads a request.
 *
 * @param body What follows the request header; data is a view of it.
 * @throws {DecodeError} Where the bytes are not such a request.
 * @throws {ZkError} BAD_ARGUMENTS where what it asks for does not exist.
 */
export function decodeWrite(opCode: number, body: Uint8Array): WriteRequest {
  const reader = new Reader(body);
  switch (opCode) {
    case OpCode.createSession:
      return { kind: "createSession", timeoutMs: reader.int32() };
    case OpCode.closeSession:
      return { kind: "closeSession" };
    case OpCode.multi:
      return { kind: "multi", steps: decodeSteps(reader) };
    case OpCode.reconfig:
      return decodeReconfig(reader);
    default:
      return decodeChange(opCode, reader);
  }
}

/** The kinds of a multi's requests, in order: its answer repeats them. */
export function multiOpCodes(body: Uint8Array): number[] {
  const reader = new Reader(body);
  const opCodes: number[] = [];
  for (;;) {
    const header = juteCodec(multiHeader).decode(reader);
    if (header.done) return opCodes;
    opCodes.push(header.type);
    decodeChange(header.type, reader);
  }
}

function decodeReconfig(reader: Reader): WriteRequest {
  const { joiningServers, leavingServers, newMembers, curConfigId } = juteCodec(
    reconfigRequest,
  ).decode(reader);
  return {
    kind: "reconfig",
    joining: joiningServers,
    leaving: leavingServers,
    newMembers,
    curConfigId,
  };
}

function decodeSteps(reader: Reader): ChangeRequest[] {
  const steps: ChangeRequest[] = [];
  for (;;) {
    const { type, done } = juteCodec(multiHeader).decode(reader);
    if (done) return steps;
    steps.push(decodeChange(type, reader));
  }
}

function decodeChange(opCode: number, reader: Reader): ChangeRequest {
  switch (opCode) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer: {
      const request = juteCodec(createRequest).decode(reader);
      const { path, data, acl } = request;
      const mode = modeOf(request.flags, path);
      const wantsStat = opCode !== OpCode.create;
      const isContainer = opCode === OpCode.createContainer;
      return { kind: "create", path, data, acl, mode, wantsStat, isContainer };
    }
    case OpCode.createTtl: {
      const request = juteCodec(createTtlRequest).decode(reader);
      const { path, data, acl, ttl } = request;
      const mode = modeOf(request.flags, path);
      return {
        kind: "create",
        path,
        data,
        acl,
        mode,
        ttlMs: ttl,
        wantsStat: true,
      };
    }
    case OpCode.delete: {
      const { path, version } = juteCodec(deleteRequest).decode(reader);
      return { kind: "delete", path, version };
    }
    case OpCode.deleteContainer:
      // Only the server itself asks for it.
      throw new ZkError("BAD_ARGUMENTS", "a container goes by itself");
    case OpCode.setData: {
      const request = juteCodec(setDataRequest).decode(reader);
      return { kind: "set", ...request };
    }
    case OpCode.setAcl: {
      const request = juteCodec(setAclRequest).decode(reader);
      return { kind: "setAcl", ...request };
    }
    case OpCode.check: {
      const request = juteCodec(checkVersionRequest).decode(reader);
      return { kind: "check", ...request };
    }
    default:
      throw new DecodeError(`operation ${opCode} changes nothing`, 0);
  }
}

/** @throws {ZkError} BAD_ARGUMENTS. */
function modeOf(flags: number, path: string): ZnodeMode {
  const mode = MODES[flags];
  if (mode === undefined) {
    throw new ZkError("BAD_ARGUMENTS", `${path}: create mode ${flags}`);
  }
  return mode;
}
