// Packets between a leader and a learner on the quorum port: one behind the
// other, without sizes, so that what is read ahead is kept here.
//
//   type: int; zxid: long; data: buffer; authinfo: vector of scheme, id
//
// Packets that are sent in one turn leave in one write.
//
// Source: ZooKeeper's published jute files (3.8), `QuorumPacket`.

import { type Connection, HostError } from "../../host/host.ts";
import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import { quorumPacket, type RecordOf } from "../../wire/zookeeper/records.ts";

export type QuorumPacket = RecordOf<typeof quorumPacket>;

/** Types of packets. */
export const PacketType = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  commitAndActivate: 9,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
  informAndActivate: 19,
} as const;

const READ_BYTES = 64 * 1024;
/** No packet is larger: a transaction is bounded by the largest request. */
const PACKET_BYTES_MAX = 64 * 1024 * 1024;
const KEPT_BYTES_MAX = 1024 * 1024;
/** Where a packet says how much data it has: behind its type and zxid. */
const DATA_SIZE_AT = 12;
const NO_IDENTITIES: QuorumPacket["authinfo"] = [];

/** See the file's header. */
export class PacketStream {
  readonly peer: string;
  readonly #io: Connection;
  #buffer = new Uint8Array(READ_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;
  #out = new Writer();
  #spare = new Writer();
  #isWriting = false;
  #isFlushing = false;
  #isOpen = true;
  #failure: unknown = null;
  #drained: (() => void)[] = [];

  constructor(io: Connection) {
    this.#io = io;
    this.peer = io.peer;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Bytes that the other side has not taken yet. */
  get unsentBytes(): number {
    return this.#out.position;
  }

  /**
   * Waits for the next packet; its data is the caller's own.
   *
   * @throws {HostError} Where the connection ends.
   * @throws {DecodeError} Where what comes is no packet.
   */
  async receive(): Promise<QuorumPacket> {
    for (;;) {
      const packet = this.#next();
      if (packet !== null) return packet;
      await this.#fill();
    }
  }

  /** A packet that has come already; `null` where none is whole. */
  takeNow(): QuorumPacket | null {
    return this.#next();
  }

  /** What has come and was not taken yet; holds until the next call. */
  get held(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Takes away bytes of `held`. */
  skip(count: number): void {
    this.#start += count;
  }

  /** Waits until more is `held`. @throws {HostError} Where the connection ends. */
  more(): Promise<void> {
    return this.#fill();
  }

  /** Sends a packet; what is sent in this turn leaves together. */
  send(
    type: number,
    zxid: bigint,
    data: Uint8Array | null = null,
    authinfo: QuorumPacket["authinfo"] = NO_IDENTITIES,
  ): void {
    if (!this.#isOpen) return;
    const out = this.#out;
    out.int32(type);
    out.bigInt64(zxid);
    out.int32(data === null ? -1 : data.length);
    if (data !== null) out.raw(data);
    if (authinfo === null || authinfo.length === 0) out.int32(-1);
    else {
      out.int32(authinfo.length);
      for (const id of authinfo) {
        juteCodec(identityRecord).encode(out, id);
      }
    }
    this.#flushSoon();
  }

  /** Sends bytes that are no packet. @returns When there is room for more. */
  sendBytes(bytes: Uint8Array): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#out.raw(bytes);
    this.#flushSoon();
    return this.drained();
  }

  /** Resolves when all is sent, or nothing can be. */
  drained(): Promise<void> {
    if (!this.#isOpen || (this.#out.position === 0 && !this.#isWriting)) {
      return Promise.resolve();
    }
    return new Promise((done) => this.#drained.push(done));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#io.close();
    this.#wakeDrained();
  }

  #next(): QuorumPacket | null {
    const start = this.#start;
    const view = this.#view;
    const end = packetEnd(view, start, this.#end);
    if (end === null || end > this.#end) return null;
    this.#start = end;
    const dataSize = view.getInt32(start + DATA_SIZE_AT);
    const dataAt = start + DATA_SIZE_AT + 4;
    const dataEnd = dataAt + Math.max(0, dataSize);
    if (view.getInt32(dataEnd) > 0) {
      return juteCodec(quorumPacket).decode(
        new Reader(this.#buffer.slice(start, end)),
      );
    }
    // All but requests of clients: without who asks.
    return {
      type: view.getInt32(start),
      zxid: view.getBigInt64(start + 4),
      data: dataSize < 0 ? null : this.#buffer.slice(dataAt, dataEnd),
      authinfo: null,
    };
  }

  async #fill(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const held = this.#end - this.#start;
    if (this.#end === this.#buffer.length || held === 0) {
      const isFull = held * 2 > this.#buffer.length;
      const target = isFull
        ? new Uint8Array(this.#buffer.length * 2)
        : this.#buffer;
      target.set(this.#buffer.subarray(this.#start, this.#end));
      if (isFull) this.#view = new DataView(target.buffer);
      this.#buffer = target;
      this.#start = 0;
      this.#end = held;
    }
    const count = await this.#io.read(this.#buffer.subarray(this.#end));
    if (count === null) {
      throw new HostError("closed", `${this.peer} has ended the connection`);
    }
    this.#end += count;
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#isWriting) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isWriting || !this.#isOpen) return;
    if (this.#out.position === 0) return this.#wakeDrained();
    const sending = this.#out;
    this.#out = this.#spare;
    this.#out.position = 0;
    this.#isWriting = true;
    this.#io.write(sending.written()).then(() => {
      this.#isWriting = false;
      this.#spare = sending.position > KEPT_BYTES_MAX ? new Writer() : sending;
      this.#flush();
    }, (error) => {
      this.#failure = error;
      this.close();
    });
  }

  #wakeDrained(): void {
    for (const done of this.#drained.splice(0)) done();
  }
}

const identityRecord = {
  name: "Id",
  fields: { scheme: "ustring", id: "ustring" },
} as const;

/**
 * Where the packet ends that begins at `start`; `null` where the bytes up to `end`
 * do not tell.
 *
 * @throws {DecodeError} Where it would be too large.
 */
function packetEnd(view: DataView, start: number, end: number): number | null {
  let at = start + DATA_SIZE_AT;
  if (end < at + 4) return null;
  at += 4 + sizeAt(view, at);
  if (end < at + 4) return null;
  const count = sizeAt(view, at);
  at += 4;
  for (let i = 0; i < count * 2; i++) {
    if (end < at + 4) return null;
    at += 4 + sizeAt(view, at);
  }
  return at;
}

function sizeAt(view: DataView, position: number): number {
  const size = view.getInt32(position);
  if (size < -1 || size > PACKET_BYTES_MAX) {
    throw new DecodeError(`a size of ${size} in a packet`, position);
  }
  return Math.max(0, size);
}
