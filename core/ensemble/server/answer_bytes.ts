// Answers as bytes: what is read most is written straight from the tree, without
// an object in between.
//
// Source: ZooKeeper's published jute files (3.8).

import { utf8Size, type Writer } from "../../wire/writer.ts";
import type { ZnodeStat } from "../../coordination/znode_client.ts";
import { zkErrors } from "../../wire/zookeeper/errors.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { shownOwner, type Znode } from "../znode.ts";
import type { StepResult } from "../znode_tree.ts";
import type { Outcome } from "./replica.ts";

/** Size of a `Stat`, in bytes. */
const STAT_BYTES = 68;

/** Writes the `Stat` of a znode. */
export function writeStatOf(writer: Writer, node: Readonly<Znode>): void {
  const childCount = node.children?.size ?? 0;
  writer.reserve(STAT_BYTES);
  writer.bigInt64(node.czxid);
  writer.bigInt64(node.mzxid);
  writer.int64(node.ctimeMs);
  writer.int64(node.mtimeMs);
  writer.int32(node.version);
  // Creations and deletions: deletions are creations less what is left.
  writer.int32(node.creations * 2 - childCount);
  writer.int32(node.aversion);
  writer.bigInt64(shownOwner(node.ephemeralOwner));
  writer.int32(node.data?.length ?? 0);
  writer.int32(childCount);
  writer.bigInt64(node.pzxid);
}

/** Writes a `Stat` as a transaction left it. */
export function writeStat(writer: Writer, stat: ZnodeStat): void {
  writer.reserve(STAT_BYTES);
  writer.bigInt64(stat.czxid);
  writer.bigInt64(stat.mzxid);
  writer.int64(stat.ctimeMs);
  writer.int64(stat.mtimeMs);
  writer.int32(stat.version);
  writer.int32(stat.cversion);
  writer.int32(stat.aversion);
  writer.bigInt64(stat.ephemeralOwner);
  writer.int32(stat.dataLength);
  writer.int32(stat.numChildren);
  writer.bigInt64(stat.pzxid);
}

export function writeText(writer: Writer, text: string): void {
  const size = utf8Size(text);
  writer.int32(size);
  writer.text(text, size);
}

export function writeBuffer(writer: Writer, bytes: Uint8Array | null): void {
  writer.int32(bytes === null ? -1 : bytes.length);
  if (bytes !== null) writer.raw(bytes);
}

/** One part of the answer to a multi, or its end. */
export function writeMultiHeader(
  writer: Writer,
  type: number,
  isDone: boolean,
  errorCode: number,
): void {
  writer.int32(type);
  writer.bool(isDone);
  writer.int32(errorCode);
}

/** Writes what follows the header of the answer to a change that was carried out. */
export function writeOutcome(writer: Writer, outcome: Outcome): void {
  const { txn, applied } = outcome;
  if (txn === null || applied === null) return;
  if (txn.kind === "multi") return writeSteps(writer, applied.steps);
  // The new configuration, as if it had been read.
  if (txn.kind === "reconfig") {
    writeBuffer(writer, txn.data);
    return writeStat(writer, applied.steps[0].stat!);
  }
  writeStep(writer, applied.steps[0]);
}

function writeSteps(writer: Writer, steps: readonly StepResult[]): void {
  for (const step of steps) {
    if (step.kind === "error" || step.error !== null) {
      const code = zkErrors[step.error ?? "OK"].code;
      writeMultiHeader(writer, OpCode.error, false, code);
      writer.int32(code);
    } else {
      writeMultiHeader(writer, stepOpCode(step), false, 0);
      writeStep(writer, step);
    }
  }
  writeMultiHeader(writer, -1, true, -1);
}

function writeStep(writer: Writer, step: StepResult): void {
  switch (step.kind) {
    case "create":
      return writeText(writer, step.path);
    case "create2":
    case "createContainer":
    case "createTtl":
      writeText(writer, step.path);
      return writeStat(writer, step.stat!);
    case "setData":
    case "setAcl":
      return writeStat(writer, step.stat!);
    default:
      return;
  }
}

/** Creations that give a stat all answer as create2. */
function stepOpCode({ kind }: StepResult): number {
  switch (kind) {
    case "create":
      return OpCode.create;
    case "create2":
    case "createContainer":
    case "createTtl":
      return OpCode.create2;
    case "delete":
    case "deleteContainer":
      return OpCode.delete;
    case "setData":
      return OpCode.setData;
    case "setAcl":
      return OpCode.setAcl;
    default:
      return OpCode.check;
  }
}
