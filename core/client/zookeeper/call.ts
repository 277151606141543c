// A request on its way: its bytes, and who waits for the answer.

import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import {
  ZkError,
  type ZkErrorName,
  zkErrorName,
} from "../../wire/zookeeper/errors.ts";
import { SIZE_BYTES } from "./server_link.ts";

/** What a request is, and how its answer is read. */
export interface CallPlan<T> {
  /** `OpCode`. */
  readonly opCode: number;
  /** What an error is about: mostly a path. */
  readonly subject: string;
  /** Writes what follows the request header; nothing where left out. */
  readonly encode?: (writer: Writer) => void;
  /** Reads what follows the reply header of a success. */
  readonly decode: (reader: Reader) => T;
  /** Reads the body of a refusal, where the operation has one. */
  readonly decodeRefusal?: (reader: Reader) => ZkError | null;
  /** Called with the answer's code before anybody else hears of it: sets watches. */
  readonly answered?: (errorName: ZkErrorName) => void;
}

const XID_POSITION = SIZE_BYTES;

/** See the file's header. */
export class Call<T = unknown> {
  readonly promise: Promise<T>;
  xid = 0;
  /** When it was sent, monotonic. */
  sentMs = 0;
  readonly #plan: CallPlan<T>;
  readonly #frame: Uint8Array;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;

  constructor(plan: CallPlan<T>) {
    this.#plan = plan;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const writer = new Writer();
    writer.int32(0);
    writer.int32(0);
    writer.int32(plan.opCode);
    plan.encode?.(writer);
    writer.patchInt32(0, writer.position - SIZE_BYTES);
    this.#frame = writer.written();
  }

  /** The frame under a number of its own. */
  frameAs(xid: number): Uint8Array {
    this.xid = xid;
    new DataView(this.#frame.buffer, this.#frame.byteOffset)
      .setInt32(XID_POSITION, xid);
    return this.#frame;
  }

  /** @throws {DecodeError} Where the answer is not this request's. */
  answer(errorCode: number, reader: Reader): void {
    const { subject, decode, decodeRefusal, answered } = this.#plan;
    const errorName = errorCode === 0 ? "OK" : zkErrorName(errorCode);
    answered?.(errorName);
    if (errorName === "OK") return this.#succeed(() => decode(reader));
    const refusal = reader.remaining > 0 ? decodeRefusal?.(reader) : null;
    this.#reject(refusal ?? new ZkError(errorName, subject));
  }

  /** A body may tell of a refusal, too: that of a multi does. */
  #succeed(decode: () => T): void {
    let value: T;
    try {
      value = decode();
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return this.#reject(error);
    }
    this.#resolve(value);
  }

  fail(errorName: ZkErrorName): void {
    this.#reject(new ZkError(errorName, this.#plan.subject));
  }
}
