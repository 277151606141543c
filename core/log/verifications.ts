// Producers whose transaction has no record in a partition yet, while the
// coordinator is asked whether the partition belongs to it.
//
// Between the question and the append the transaction may end, and the next one
// begin: an answer about the first must not let a record into the second, where
// nobody would ever end it. So whoever asks gets a guard, the append shows it, and
// any record or marker of the producer makes it void. Guards are not kept across a
// restart; then the coordinator is asked again.
//
// Source: KIP-890.

import { KafkaError } from "../wire/kafka/errors.ts";

/** What an append shows to have been verified. */
export interface VerificationGuard {
  readonly producerId: number;
}

/** The batch that is to begin a transaction in a partition. */
export interface FirstBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Each of the producer's transactions has an epoch of its own, so its first batch is number 0. */
  readonly hasOwnEpoch: boolean;
}

/** One producer that is being verified. */
class Verification implements VerificationGuard {
  readonly producerId: number;
  readonly startedMs: number;
  readonly hasOwnEpoch: boolean;
  #producerEpoch: number;
  #lowestSequence: number;

  constructor(first: FirstBatch, startedMs: number) {
    this.producerId = first.producerId;
    this.startedMs = startedMs;
    this.hasOwnEpoch = first.hasOwnEpoch;
    this.#producerEpoch = first.producerEpoch;
    this.#lowestSequence = first.baseSequence;
  }

  /** Of several batches that ask, the one with the lowest number has to come first. */
  join({ producerEpoch, baseSequence }: FirstBatch): void {
    if (producerEpoch > this.#producerEpoch) {
      this.#producerEpoch = producerEpoch;
      this.#lowestSequence = baseSequence;
    } else if (producerEpoch === this.#producerEpoch) {
      this.#lowestSequence = Math.min(this.#lowestSequence, baseSequence);
    }
  }

  get producerEpoch(): number {
    return this.#producerEpoch;
  }

  get lowestSequence(): number {
    return this.#lowestSequence;
  }
}

/** The verifications under way in one partition, one for each producer. */
export class Verifications {
  readonly #name: string;
  readonly #byProducer = new Map<number, Verification>();

  /** @param name The partition, for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  get count(): number {
    return this.#byProducer.size;
  }

  /** The guard for a batch; the same one for all that ask before the first append. */
  start(first: FirstBatch, nowMs: number): VerificationGuard {
    const before = this.#byProducer.get(first.producerId);
    if (before !== undefined) {
      before.join(first);
      return before;
    }
    const verification = new Verification(first, nowMs);
    this.#byProducer.set(first.producerId, verification);
    return verification;
  }

  /** Whether an append may still show a guard. */
  isCurrent(guard: VerificationGuard): boolean {
    return this.#byProducer.get(guard.producerId) === guard;
  }

  /**
   * Judges a batch that would begin a transaction.
   *
   * @param guard What the append shows; `null` where it shows nothing.
   * @param isKnown Whether the partition knows the producer.
   * @throws {KafkaError} INVALID_TXN_STATE where that is not, or not any more, what
   * `start` gave; OUT_OF_ORDER_SEQUENCE_NUMBER where another batch has to come first.
   */
  check(
    batch: { readonly producerId: number; readonly baseSequence: number },
    guard: VerificationGuard | null,
    isKnown: boolean,
  ): void {
    const verification = this.#byProducer.get(batch.producerId);
    if (verification === undefined || verification !== guard) {
      throw new KafkaError(
        "INVALID_TXN_STATE",
        `Producer ${batch.producerId} has no transaction open in ${this.#name}.`,
      );
    }
    const mustBeFirst = verification.hasOwnEpoch && !isKnown;
    const highest = mustBeFirst ? 0 : verification.lowestSequence;
    if (batch.baseSequence <= highest) return;
    throw new KafkaError(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `Producer ${batch.producerId} sent sequence number ${batch.baseSequence} to ${this.#name}, where its transaction begins with ${highest}.`,
    );
  }

  /** Makes the guard of a producer void: it has appended, or its transaction has ended. */
  end(producerId: number): void {
    if (this.#byProducer.size > 0) this.#byProducer.delete(producerId);
  }

  /**
   * Makes a guard void that will not be shown any more. One of an earlier epoch, which
   * is refused for that, leaves the guard to the producer that has taken its place.
   */
  cancel(guard: VerificationGuard, producerEpoch: number): void {
    const { producerId } = guard;
    const verification = this.#byProducer.get(producerId);
    if (verification !== guard) return;
    if (verification.producerEpoch > producerEpoch) return;
    this.#byProducer.delete(producerId);
  }

  /** Forgets those that nobody came back for. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, { startedMs }] of this.#byProducer) {
      if (nowMs - startedMs >= expirationMs) {
        this.#byProducer.delete(producerId);
      }
    }
  }

  /** Goes on with those of another: their guards hold here too. */
  takeOver(other: Verifications): void {
    this.clear();
    for (const [producerId, verification] of other.#byProducer) {
      this.#byProducer.set(producerId, verification);
    }
  }

  clear(): void {
    this.#byProducer.clear();
  }
}
