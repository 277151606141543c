// What a coordinator does without being asked: it aborts transactions that are open
// for longer than their producers said, and forgets ids that have been silent.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Clock } from "../host/host.ts";
import type { EndMarking } from "./end_marking.ts";
import type { TransactionShard } from "./transaction_content.ts";
import { recordOf, type TransactionRecord } from "./transaction_record.ts";
import { isIdle, type TransactionStates } from "./transaction_state.ts";
import { NEEDS_PRODUCER_ID, timeOut } from "./transition.ts";

/** Ids forgotten with one batch, so that it stays well below what a log takes. */
const FORGOTTEN_AT_ONCE = 500;

export interface HousekeepingOptions {
  readonly clock: Clock;
  readonly config: () => BrokerConfig;
  readonly shards: () => Iterable<TransactionShard>;
  readonly nextProducerId: () => number | Promise<number>;
  readonly marking: EndMarking;
  readonly trace: (line: string) => void;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #cancels: Map<string, () => void> | null = null;
  #isStopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** From now on, until `stop`; does nothing where it has begun. */
  start(): void {
    if (this.#cancels !== null || this.#isStopped) return;
    this.#cancels = new Map();
    this.#repeat(
      "transaction.abort.timed.out.transaction.cleanup.interval.ms",
      (shard) => this.#abortTimedOut(shard),
    );
    this.#repeat(
      "transaction.remove.expired.transaction.cleanup.interval.ms",
      (shard) => this.#forgetSilent(shard),
    );
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancels?.values() ?? []) cancel();
    this.#cancels = null;
  }

  #repeat(
    interval:
      | "transaction.abort.timed.out.transaction.cleanup.interval.ms"
      | "transaction.remove.expired.transaction.cleanup.interval.ms",
    run: (shard: TransactionShard) => void,
  ): void {
    const { clock, config } = this.#options;
    const cancel = clock.after(config()[interval], () => {
      for (const shard of [...this.#options.shards()]) {
        if (shard.isActive) run(shard);
      }
      if (!this.#isStopped) this.#repeat(interval, run);
    });
    this.#cancels?.set(interval, cancel);
  }

  #abortTimedOut(shard: TransactionShard): void {
    const nowMs = shard.now().wallMs;
    for (const { transactionalId } of [...shard.state.values()]) {
      try {
        this.#abortIfTimedOut(shard, transactionalId, nowMs, null);
      } catch (error) {
        this.#report(
          shard,
          `abort the transaction of "${transactionalId}"`,
          error,
        );
      }
    }
  }

  #abortIfTimedOut(
    shard: TransactionShard,
    transactionalId: string,
    nowMs: number,
    freshProducerId: number | null,
  ): void {
    const state = shard.state.get(transactionalId);
    if (state === undefined) return;
    const next = timeOut(state, nowMs, freshProducerId);
    if (next === null) return;
    if (next === NEEDS_PRODUCER_ID) {
      void this.#abortWithFreshId(shard, transactionalId, nowMs);
      return;
    }
    shard.append([recordOf(next)]);
    const openMs = nowMs - state.startTimeMs;
    this.#options.trace(
      `The transaction of "${transactionalId}" is aborted: it was open for ${openMs} ms, its producer asked for ${state.timeoutMs} ms`,
    );
    this.#options.marking.begin(shard, next);
  }

  /** The epochs of the present producer id run out with this abort. */
  async #abortWithFreshId(
    shard: TransactionShard,
    transactionalId: string,
    nowMs: number,
  ): Promise<void> {
    try {
      const fresh = await this.#options.nextProducerId();
      this.#abortIfTimedOut(shard, transactionalId, nowMs, fresh);
    } catch (error) {
      this.#report(
        shard,
        `abort the transaction of "${transactionalId}"`,
        error,
      );
    }
  }

  #forgetSilent(shard: TransactionShard): void {
    const silentMs = this.#options.config()["transactional.id.expiration.ms"];
    const { wallMs } = shard.now();
    const silent = silentIds(shard.state, wallMs - silentMs);
    try {
      for (let i = 0; i < silent.length; i += FORGOTTEN_AT_ONCE) {
        shard.append(silent.slice(i, i + FORGOTTEN_AT_ONCE));
      }
    } catch (error) {
      this.#report(shard, "forget silent transactional ids", error);
    }
  }

  /** The next round tries again. */
  #report(shard: TransactionShard, what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.trace(
      `Cannot ${what} (partition ${shard.partition}): ${reason}`,
    );
  }
}

/** Tombstones for what has been silent since before a time. */
function silentIds(
  states: TransactionStates,
  beforeMs: number,
): TransactionRecord[] {
  const silent: TransactionRecord[] = [];
  for (const state of states.values()) {
    if (!isIdle(state) || state.updateTimeMs > beforeMs) continue;
    silent.push({ transactionalId: state.transactionalId, state: null });
  }
  return silent;
}
