// Ends prepared transactions: writes their markers until every partition has
// acknowledged, and then stores that they are complete.
//
//   prepared, durable ─► markers ─► all acknowledged ─► complete
//                           ▲  │
//                           └──┘ after a pause, for those that are not, for ever
//
// What was prepared is in the log, so whoever leads the partition next goes on from
// there; a marker that a partition has already is acknowledged again. Where all is
// local and nothing has to be waited for, the whole way is one synchronous step.

import type { Clock } from "../host/host.ts";
import { errorByCode, ErrorCode } from "../wire/kafka/errors.ts";
import type { MarkerWriter, TopicPartition } from "./marker_writer.ts";
import type { TransactionShard } from "./transaction_content.ts";
import { recordOf } from "./transaction_record.ts";
import {
  EPOCH_PER_TRANSACTION,
  listPartitions,
  PRODUCER_EPOCH_MAX,
  type TransactionState,
} from "./transaction_state.ts";
import { complete } from "./transition.ts";

/** Until markers that were not acknowledged are written again; each time longer. */
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;

export interface EndMarkingOptions {
  readonly clock: Clock;
  readonly markers: MarkerWriter;
  /**
   * Whether the cluster has no such partition any more, so that it needs no marker;
   * one that is only unknown here for now gets its marker later.
   */
  readonly isDeleted: (partition: TopicPartition) => boolean;
  readonly trace: (line: string) => void;
}

interface Ending {
  readonly shard: TransactionShard;
  readonly prepared: TransactionState;
  /** Those that have not acknowledged. */
  partitions: readonly TopicPartition[];
  retryMs: number;
}

export class EndMarking {
  readonly #options: EndMarkingOptions;

  constructor(options: EndMarkingOptions) {
    this.#options = options;
  }

  /** Begins with a state that the shard has now; the markers wait for its being durable. */
  begin(shard: TransactionShard, prepared: TransactionState): void {
    const ending: Ending = {
      shard,
      prepared,
      partitions: listPartitions(prepared.partitions),
      retryMs: RETRY_MIN_MS,
    };
    shard.whenDurable((error) => {
      // Otherwise the shard is loaded anew, and begins with what it finds.
      if (error === null) this.#goOn(ending);
    });
  }

  #goOn(ending: Ending): void {
    if (!isCurrent(ending)) return;
    if (ending.partitions.length === 0) return this.#complete(ending);
    const { shard, prepared, partitions } = ending;
    const { producerId, producerEpoch, status, clientVersion } = prepared;
    let codes: readonly number[] | Promise<readonly number[]>;
    try {
      codes = this.#options.markers.write({
        producerId,
        producerEpoch,
        isCommit: status === "PrepareCommit",
        coordinatorEpoch: shard.leaderEpoch,
        // Nobody has the last epoch but who fences with it, perhaps for the second time.
        isEpochRaised: clientVersion >= EPOCH_PER_TRANSACTION &&
          producerEpoch < PRODUCER_EPOCH_MAX,
      }, partitions);
    } catch (error) {
      return this.#failed(ending, error);
    }
    if (codes instanceof Promise) {
      codes.then(
        (late) => this.#acknowledge(ending, late),
        (error) => this.#failed(ending, error),
      );
    } else this.#acknowledge(ending, codes);
  }

  #acknowledge(ending: Ending, codes: readonly number[]): void {
    if (!isCurrent(ending)) return;
    const { partitions } = ending;
    const fencedIndex = codes.findIndex(isFenced);
    ending.partitions = partitions.filter((partition, i) =>
      !this.#isSettled(codes[i], partition)
    );
    if (ending.partitions.length === 0) return this.#complete(ending);
    if (fencedIndex >= 0) {
      return this.#report(
        ending,
        partitions[fencedIndex],
        codes[fencedIndex],
        "another coordinator goes on",
      );
    }
    if (ending.retryMs === RETRY_MIN_MS) {
      const index = codes.findIndex((code, i) =>
        !this.#isSettled(code, partitions[i])
      );
      this.#report(
        ending,
        partitions[index],
        codes[index],
        "it is written again until it is there",
      );
    }
    this.#retry(ending);
  }

  #isSettled(code: number, partition: TopicPartition): boolean {
    switch (code) {
      case ErrorCode.NONE:
      // The partition's log cannot hold markers, and so no transaction either.
      case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
        return true;
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        return this.#options.isDeleted(partition);
      default:
        return false;
    }
  }

  #complete(ending: Ending): void {
    const { shard, prepared } = ending;
    const done = complete(prepared, shard.now().wallMs);
    try {
      shard.append([recordOf(done)]);
    } catch (error) {
      this.#failed(ending, error);
    }
  }

  /** The markers could not be tried, or what they did could not be stored. */
  #failed(ending: Ending, error: unknown): void {
    if (!isCurrent(ending)) return;
    const reason = error instanceof Error ? error.message : String(error);
    if (ending.retryMs === RETRY_MIN_MS) {
      this.#options.trace(
        `The end of the transaction of "${ending.prepared.transactionalId}" is tried again: ${reason}`,
      );
    }
    this.#retry(ending);
  }

  #retry(ending: Ending): void {
    const { shard, prepared, retryMs } = ending;
    const atMs = this.#options.clock.monotonicMs() + retryMs;
    ending.retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    shard.timers.ensure(
      prepared.transactionalId,
      atMs,
      () => this.#goOn(ending),
    );
  }

  #report(
    { prepared }: Ending,
    { topic, partition }: TopicPartition,
    code: number,
    consequence: string,
  ): void {
    this.#options.trace(
      `The marker of the transaction of "${prepared.transactionalId}" got ${
        errorByCode(code).name
      } from ${topic}-${partition}; ${consequence}`,
    );
  }
}

/** Whether the shard still waits for this very end. */
function isCurrent({ shard, prepared }: Ending): boolean {
  return shard.isActive &&
    shard.state.get(prepared.transactionalId) === prepared;
}

/** The partition has heard of a later coordinator, or of a later epoch of the producer. */
function isFenced(code: number): boolean {
  return code === ErrorCode.TRANSACTION_COORDINATOR_FENCED ||
    code === ErrorCode.INVALID_PRODUCER_EPOCH;
}
