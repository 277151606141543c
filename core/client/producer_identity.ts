// The id under which a producer numbers its records, and the epoch of it.
//
// A transactional producer has them of its coordinator (`transactions.ts`); this
// is how another gets them:
//
//   none → asking → ready ⇄ renewing (nothing is sent until nothing is in flight)
//
// A new epoch starts all sequence numbers at 0 again. It is counted up here; only
// when the numbers are used up, or the broker refuses the id, is it asked for.
//
// Source: KIP-98, KIP-360.

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import { asError, errorOfCode, isRetriable } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";

const INIT_PRODUCER_ID = exchange(
  initProducerIdRequest,
  initProducerIdResponse,
);
const EPOCH_MAX = 2 ** 15 - 1;

/** Under which id and epoch records are numbered, and when they may be. */
export interface Numbering {
  readonly id: number;
  readonly epoch: number;
  /** True where batches are marked as parts of transactions. */
  readonly isTransactional: boolean;
  /** Why there will be no id; `null` while there may be one. */
  readonly failure: Error | null;
  /** True where batches may be numbered and sent. */
  readonly isReady: boolean;
  /** True where the epoch changes as soon as nothing is in flight. */
  readonly isRenewing: boolean;
  /** Asks for an id, unless there is one or it is on its way. */
  ensure(): void;
  /** Wants a new epoch, or a new id. */
  renew(what: "epoch" | "id"): void;
  /** Makes the change that was wanted; nothing may be in flight. */
  completeRenewal(): void;
}

export class ProducerIdentity implements Numbering {
  readonly #cluster: Cluster;
  readonly #onChange: () => void;
  #id = -1;
  #epoch = -1;
  #isAsking = false;
  #renewal: "epoch" | "id" | null = null;
  #failure: Error | null = null;

  /** @param onChange Told when an id has come, or will not. */
  constructor(cluster: Cluster, onChange: () => void) {
    this.#cluster = cluster;
    this.#onChange = onChange;
  }

  get id(): number {
    return this.#id;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isTransactional(): boolean {
    return false;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get isReady(): boolean {
    return this.#id >= 0 && this.#renewal === null;
  }

  get isRenewing(): boolean {
    return this.#renewal !== null;
  }

  ensure(): void {
    if (this.#id >= 0 || this.#isAsking || this.#failure !== null) return;
    this.#isAsking = true;
    this.#ask().finally(() => {
      this.#isAsking = false;
      this.#onChange();
    });
  }

  renew(what: "epoch" | "id"): void {
    if (this.#renewal !== "id") this.#renewal = what;
  }

  completeRenewal(): void {
    if (this.#renewal === "epoch" && this.#epoch < EPOCH_MAX) {
      this.#epoch++;
    } else {
      this.#id = -1;
      this.#epoch = -1;
    }
    this.#renewal = null;
  }

  async #ask(): Promise<void> {
    for (let attempt = 1; !this.#cluster.isClosed; attempt++) {
      const deadlineMs = this.#cluster.deadline();
      try {
        const answer = await this.#cluster.callAny(INIT_PRODUCER_ID, {
          transactionalId: null,
          transactionTimeoutMs: -1,
        }, { deadlineMs });
        const error = errorOfCode(
          answer.errorCode,
          answer.errorCode === 0 ? null : "Cannot get a producer id: " +
            KafkaError.ofCode(answer.errorCode).message,
        );
        if (error !== null) throw error;
        this.#id = answer.producerId;
        this.#epoch = answer.producerEpoch;
        return;
      } catch (error) {
        if (!isRetriable(error)) {
          this.#failure = asError(error);
          return;
        }
        await this.#cluster.pause(attempt, Infinity);
      }
    }
  }
}
