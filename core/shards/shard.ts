// One partition of an internal topic that this broker leads, and the state that
// its records make: the groups that hash to it, or the transactional ids.
//
//   decide    a pure function of the state, the request and the time, to records
//             and an answer
//   append    the records, as one batch, to the partition's log
//   apply     each record to the state
//   answer    once the append is as durable as the topic asks for
//
// All but the last happens in one synchronous step, so nothing comes between, and
// an append that fails leaves the state as it was. Reads too are answered only
// when all that they may have seen is durable.

import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { loadShard } from "./load_shard.ts";
import type {
  Decision,
  InTransaction,
  Now,
  ShardContent,
} from "./shard_content.ts";
import type { ShardLog } from "./shard_log.ts";
import { ShardTimers } from "./shard_timers.ts";

export interface ShardOptions<S, R> {
  readonly host: Host;
  readonly log: ShardLog;
  readonly content: ShardContent<S, R>;
  /** Bytes read at once when the log is loaded. */
  readonly loadBufferBytes: number;
  /** Called once when the state is complete, before anybody sees it. */
  readonly onLoaded: (shard: Shard<S, R>) => void;
  /**
   * Called once when the state cannot be trusted any more, or could not be loaded:
   * a new shard has to be loaded from the log.
   */
  readonly onFailed: (shard: Shard<S, R>) => void;
  readonly trace: (line: string) => void;
}

type Phase = "loading" | "active" | "failed" | "unloaded";

export class Shard<S, R> {
  readonly partition: number;
  /** Complete once `assertActive` passes. */
  readonly state: S;
  /** Deadlines, by name; all end with the shard. */
  readonly timers: ShardTimers;
  readonly #options: ShardOptions<S, R>;
  #phase: Phase = "loading";
  /** Settles when everything appended so far is durable; `null` where it is. */
  #durable: Promise<void> | null = null;

  constructor(options: ShardOptions<S, R>) {
    this.#options = options;
    this.partition = options.log.partition;
    this.state = options.content.newState();
    this.timers = new ShardTimers(options.host.clock);
  }

  /** What this broker leads the partition with. */
  get leaderEpoch(): number {
    return this.#options.log.leaderEpoch;
  }

  get isActive(): boolean {
    return this.#phase === "active";
  }

  get isLoading(): boolean {
    return this.#phase === "loading";
  }

  /** Reads the partition's log into the state; until it is done callers are sent away. */
  async load(): Promise<void> {
    const { host, log, content, loadBufferBytes, trace } = this.#options;
    const startMs = host.clock.monotonicMs();
    try {
      let recordCount = 0;
      let offset = log.log.logStartOffset;
      // Markers may come while it waits.
      while (this.#phase === "loading" && offset < log.log.logEndOffset) {
        const loaded = await loadShard(log, content, this.state, {
          clock: host.clock,
          fromOffset: offset,
          bufferBytes: loadBufferBytes,
          isWanted: () => this.#phase === "loading",
          report: trace,
        });
        recordCount += loaded.recordCount;
        offset = loaded.endOffset;
        await this.#untilCommitted();
      }
      if (this.#phase !== "loading") return;
      this.#phase = "active";
      this.#options.onLoaded(this);
      if (recordCount > 0) {
        const tookMs = Math.round(host.clock.monotonicMs() - startMs);
        trace(
          `Loaded ${
            content.count(this.state)
          } ${content.name} from ${recordCount} records of ${log.name} in ${tookMs} ms`,
        );
      }
    } catch (error) {
      if (this.#phase !== "loading") return;
      const reason = error instanceof Error ? error.message : String(error);
      trace(`Cannot load the ${content.name} of ${log.name}: ${reason}`);
      this.#fail();
    }
  }

  /** What was loaded counts once all replicas have it; nothing is answered before. */
  async #untilCommitted(): Promise<void> {
    while (this.#phase === "loading") {
      try {
        await this.#options.log.committed();
        return;
      } catch (error) {
        // It may take the others longer than a request would wait.
        const isLate = error instanceof KafkaError &&
          error.errorName === "REQUEST_TIMED_OUT";
        if (!isLate) throw error;
      }
    }
  }

  /** Another broker leads the partition, or none: all who wait are sent away. */
  unload(): void {
    this.#phase = "unloaded";
    this.#sendAway();
  }

  #fail(): void {
    this.#phase = "failed";
    this.#sendAway();
    this.#options.onFailed(this);
  }

  #sendAway(): void {
    this.timers.cancelAll();
    this.#options.content.abandon(this.state);
  }

  /**
   * @throws {KafkaError} COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR,
   * COORDINATOR_NOT_AVAILABLE until it is loaded again after a failure.
   */
  assertActive(): void {
    if (this.#phase === "active") return;
    if (this.#phase === "loading") {
      throw new KafkaError("COORDINATOR_LOAD_IN_PROGRESS");
    }
    throw new KafkaError(
      this.#phase === "failed"
        ? "COORDINATOR_NOT_AVAILABLE"
        : "NOT_COORDINATOR",
    );
  }

  /** Both clocks, now. */
  now(): Now {
    const { clock } = this.#options.host;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  /**
   * Decides, appends, applies, and answers when that is durable.
   *
   * @param decide Called at once; must not change the state.
   * @returns The response itself where nothing has to be waited for.
   * @throws {KafkaError} As `assertActive`, `decide` and `append` do.
   */
  run<T>(decide: (state: S, now: Now) => Decision<R, T>): T | Promise<T> {
    this.assertActive();
    const { records, transaction, response } = decide(this.state, this.now());
    this.append(records, transaction);
    return this.#durable === null
      ? response
      : this.#durable.then(() => response);
  }

  /**
   * Appends records as one batch and applies them; both or none.
   *
   * @param transaction Where they are to count once that is committed.
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * MESSAGE_TOO_LARGE…: in the words that clients of coordinators know.
   */
  append(
    records: readonly R[],
    transaction: InTransaction | null = null,
  ): void {
    if (records.length === 0) return;
    this.assertActive();
    const { content, host, log } = this.#options;
    const timestampMs = host.clock.wallMs();
    const batch = content.encode(records, timestampMs, transaction);
    let durable: Promise<void> | null;
    try {
      durable = log.append(batch, timestampMs, transaction);
    } catch (error) {
      throw asCoordinatorError(error);
    }
    for (const record of records) {
      content.apply(this.state, record, transaction);
    }
    if (durable !== null) this.#waitFor(durable);
  }

  /**
   * The marker that ends a producer's transaction is in the log, and durable. A shard
   * that loads comes upon it there.
   */
  endTransaction(producerId: number, isCommit: boolean): void {
    if (this.#phase !== "active") return;
    this.#options.content.endTransaction?.(this.state, producerId, isCommit);
  }

  /** Calls `run` once everything appended so far is durable; at once where it is. */
  whenDurable(run: (error: KafkaError | null) => void): void {
    if (this.#durable === null) return run(null);
    this.#durable.then(
      () => run(null),
      (error) => run(asCoordinatorError(error)),
    );
  }

  #waitFor(durable: Promise<void>): void {
    const waiting = durable.catch((error) => {
      throw asCoordinatorError(error);
    });
    waiting.then(
      () => {
        if (this.#durable === waiting) this.#durable = null;
      },
      // What was applied may never become durable: the state is no longer the log's.
      (error) => {
        if (this.#phase !== "active") return;
        const { content, log, trace } = this.#options;
        trace(
          `The ${content.name} of ${log.name} are loaded anew: ${error.message}`,
        );
        this.#fail();
      },
    );
    this.#durable = waiting;
  }
}

/** An error of the log in the words of Kafka's coordinators. */
export function asCoordinatorError(error: unknown): KafkaError {
  if (!(error instanceof KafkaError)) throw error;
  switch (error.errorName) {
    case "UNKNOWN_TOPIC_OR_PARTITION":
    case "NOT_ENOUGH_REPLICAS":
    case "NOT_ENOUGH_REPLICAS_AFTER_APPEND":
    case "REQUEST_TIMED_OUT":
      return new KafkaError("COORDINATOR_NOT_AVAILABLE", error.message);
    case "NOT_LEADER_OR_FOLLOWER":
    case "KAFKA_STORAGE_ERROR":
      return new KafkaError("NOT_COORDINATOR", error.message);
    case "MESSAGE_TOO_LARGE":
    case "RECORD_LIST_TOO_LARGE":
    case "INVALID_FETCH_SIZE":
      return new KafkaError("UNKNOWN_SERVER_ERROR", error.message);
    default:
      return error;
  }
}
