// Transactions: the only way in which the coordinator's state changes. They
// carry results (versions, names, times), not commands, so that replaying one
// gives the same state everywhere, twice included.
//
// In a log, and in a proposal of the quorum: TxnHeader, the record of the type,
// and, in newer logs, a TxnDigest.
//
// Source: observed in ZooKeeper 3.8; checked against testdata/quorum/.

import { DecodeError, Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { juteCodec, type JuteRecord } from "../wire/zookeeper/jute.ts";
import {
  checkVersionTxn,
  closeSessionTxn,
  createContainerTxn,
  createSessionTxn,
  createTtlTxn,
  createTxn,
  deleteTxn,
  errorTxn,
  multiTxn,
  OpCode,
  type RecordOf,
  setAclTxn,
  setDataTxn,
  type TxnDigest,
  txnDigest,
  txnHeader,
} from "../wire/zookeeper/records.ts";

/** Each kind of transaction but `multi`: its type on disk and its record. */
const kinds = {
  createSession: { type: OpCode.createSession, schema: createSessionTxn },
  closeSession: { type: OpCode.closeSession, schema: closeSessionTxn },
  create: { type: OpCode.create, schema: createTxn },
  create2: { type: OpCode.create2, schema: createTxn },
  createContainer: { type: OpCode.createContainer, schema: createContainerTxn },
  createTtl: { type: OpCode.createTtl, schema: createTtlTxn },
  delete: { type: OpCode.delete, schema: deleteTxn },
  deleteContainer: { type: OpCode.deleteContainer, schema: deleteTxn },
  setData: { type: OpCode.setData, schema: setDataTxn },
  reconfig: { type: OpCode.reconfig, schema: setDataTxn },
  setAcl: { type: OpCode.setAcl, schema: setAclTxn },
  check: { type: OpCode.check, schema: checkVersionTxn },
  error: { type: OpCode.error, schema: errorTxn },
} as const;

type Kinds = typeof kinds;

/** What one step does; the fields are those of its record. */
export type SingleTxn = {
  [K in keyof Kinds]:
    & { readonly kind: K }
    & RecordOf<Kinds[K]["schema"]>;
}[keyof Kinds];

/** A transaction: one step, or several that happen together. */
export type Txn =
  | SingleTxn
  | { readonly kind: "multi"; readonly txns: readonly SingleTxn[] };

/** What is known of every transaction. */
export interface TxnContext {
  readonly sessionId: bigint;
  /** The client's number for its request. */
  readonly cxid: number;
  /** Epoch in the high 32 bits, counter in the low. */
  readonly zxid: bigint;
  /** Milliseconds since 1970 UTC, as the one who decided saw it. */
  readonly timeMs: number;
}

/** A transaction as a log holds it. */
export interface LoggedTxn {
  readonly context: TxnContext;
  readonly txn: Txn;
  readonly digest: TxnDigest | null;
}

const kindsByType = new Map<number, keyof Kinds>(
  (Object.keys(kinds) as (keyof Kinds)[]).map((
    kind,
  ) => [kinds[kind].type, kind]),
);

/** The bytes of a transaction with its header. */
export function encodeTxn(
  writer: Writer,
  { context, txn, digest }: LoggedTxn,
): void {
  juteCodec(txnHeader).encode(writer, {
    clientId: context.sessionId,
    cxid: context.cxid,
    zxid: context.zxid,
    time: BigInt(context.timeMs),
    type: txn.kind === "multi" ? OpCode.multi : kinds[txn.kind].type,
  });
  if (txn.kind === "multi") {
    juteCodec(multiTxn).encode(writer, { txns: txn.txns.map(encodeStep) });
  } else {
    encodeBody(writer, txn);
  }
  if (digest !== null) juteCodec(txnDigest).encode(writer, digest);
}

/**
 * Decodes what `encodeTxn` or ZooKeeper wrote; buffers are views of it.
 *
 * @throws {DecodeError} Where the bytes are not one whole transaction.
 */
export function decodeTxn(bytes: Uint8Array): LoggedTxn {
  const reader = new Reader(bytes);
  const header = juteCodec(txnHeader).decode(reader);
  const txn: Txn = header.type === OpCode.multi
    ? { kind: "multi", txns: juteCodec(multiTxn).decode(reader).txns.map(step) }
    : decodeBody(reader, header.type);
  const digest = reader.remaining > 0
    ? juteCodec(txnDigest).decode(reader)
    : null;
  reader.expectEnd();
  const context = {
    sessionId: header.clientId,
    cxid: header.cxid,
    zxid: header.zxid,
    timeMs: Number(header.time),
  };
  return { context, txn, digest };
}

/** Type, zxid and the like, before a transaction's record. */
const HEADER_BYTES = 32;

/**
 * The data of a znode that is made or set, as a view of the transaction's bytes:
 * in each of these records it follows the path.
 */
export function dataInPayload(bytes: Uint8Array): Uint8Array | null {
  const reader = new Reader(bytes, { position: HEADER_BYTES });
  reader.skip(reader.int32());
  const size = reader.int32();
  return size < 0 ? null : reader.view(size);
}

function encodeStep(txn: SingleTxn): { type: number; data: Uint8Array } {
  const writer = new Writer();
  encodeBody(writer, txn);
  return { type: kinds[txn.kind].type, data: writer.written() };
}

function step(each: { type: number; data: Uint8Array | null }): SingleTxn {
  return decodeBody(new Reader(each.data ?? new Uint8Array(0)), each.type);
}

function encodeBody(writer: Writer, txn: SingleTxn): void {
  // The record's fields stand in the value beside `kind`, which no codec reads.
  const schema: JuteRecord = kinds[txn.kind].schema;
  juteCodec(schema).encode(writer, txn as unknown as RecordOf<JuteRecord>);
}

function decodeBody(reader: Reader, type: number): SingleTxn {
  const kind = kindsByType.get(type);
  if (kind === undefined) {
    throw new DecodeError(`transaction of unknown type ${type}`, 0);
  }
  // Before ZooKeeper 3.6 the end of a session had no record.
  if (kind === "closeSession" && reader.remaining === 0) {
    return { kind, paths2Delete: [] };
  }
  const schema: JuteRecord = kinds[kind].schema;
  return juteCodec(schema).decodeInto(reader, { kind }) as unknown as SingleTxn;
}
