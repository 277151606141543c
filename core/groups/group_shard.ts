// One partition of `__consumer_offsets` that this broker leads, and the groups
// that hash to it.
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
import { encodeBatch } from "../record/record_batch.ts";
import type { CompressionName } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { ClassicGroup } from "./classic/classic_group.ts";
import { CoordinatorBatch } from "./coordinator_batch.ts";
import { type CoordinatorRecord, encodeRecords } from "./coordinator_record.ts";
import type { Group, Now } from "./group.ts";
import { GroupTimers } from "./group_timers.ts";
import { loadShard } from "./load_shard.ts";
import type { ShardLog } from "./shard_log.ts";
import { ShardState } from "./shard_state.ts";

/** What was decided: what shall be stored, and what to say then. */
export interface Decision<T> {
  /** Appended as one batch, all or nothing. */
  readonly records: readonly CoordinatorRecord[];
  readonly response: T;
}

export interface ShardOptions {
  readonly host: Host;
  readonly log: ShardLog;
  readonly compression: () => CompressionName;
  readonly loadBufferBytes: () => number;
  /** Called once when the state is complete, before anybody sees it. */
  readonly onLoaded: (shard: GroupShard) => void;
  /**
   * Called once when the state cannot be trusted any more, or could not be loaded:
   * a new shard has to be loaded from the log.
   */
  readonly onFailed: (shard: GroupShard) => void;
  readonly trace: (line: string) => void;
}

/** Shared by all shards: a batch is appended before the next is made. */
const plainBatch = new CoordinatorBatch();

type Phase = "loading" | "active" | "failed" | "unloaded";

export class GroupShard {
  readonly partition: number;
  /** Complete once `assertActive` passes. */
  readonly state: ShardState;
  /** Deadlines of the groups, by group id. */
  readonly timers: GroupTimers;
  readonly #options: ShardOptions;
  #phase: Phase = "loading";
  /** Settles when everything appended so far is durable; `null` where it is. */
  #durable: Promise<void> | null = null;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.partition = options.log.partition;
    this.state = new ShardState();
    this.timers = new GroupTimers(options.host.clock);
  }

  get isActive(): boolean {
    return this.#phase === "active";
  }

  get isLoading(): boolean {
    return this.#phase === "loading";
  }

  /** Reads the partition's log into the state; until it is done callers are sent away. */
  async load(): Promise<void> {
    const { host, log, loadBufferBytes, trace } = this.#options;
    const startMs = host.clock.monotonicMs();
    try {
      const loaded = await loadShard(log, this.state, {
        clock: host.clock,
        bufferBytes: loadBufferBytes(),
        isWanted: () => this.#phase === "loading",
        report: trace,
      });
      await this.#untilCommitted();
      if (this.#phase !== "loading") return;
      this.#phase = "active";
      this.#options.onLoaded(this);
      if (loaded.recordCount > 0) {
        const tookMs = Math.round(host.clock.monotonicMs() - startMs);
        trace(
          `Loaded ${this.state.groups.size} groups from ${loaded.recordCount} records of ${log.name} in ${tookMs} ms`,
        );
      }
    } catch (error) {
      if (this.#phase !== "loading") return;
      const reason = error instanceof Error ? error.message : String(error);
      trace(`Cannot load the groups of ${log.name}: ${reason}`);
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
    for (const group of this.state.groups.values()) {
      if (group instanceof ClassicGroup) group.abandon();
    }
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

  /** @throws {KafkaError} GROUP_ID_NOT_FOUND. */
  group(groupId: string): Group {
    const group = this.state.groups.get(groupId);
    if (group === undefined) {
      throw new KafkaError(
        "GROUP_ID_NOT_FOUND",
        `There is no group "${groupId}".`,
      );
    }
    return group;
  }

  /**
   * Decides, appends, applies, and answers when that is durable.
   *
   * @param decide Called at once; must not change the state.
   * @returns The response itself where nothing has to be waited for.
   * @throws {KafkaError} As `assertActive`, `decide` and `append` do.
   */
  run<T>(decide: (state: ShardState, now: Now) => Decision<T>): T | Promise<T> {
    this.assertActive();
    const { records, response } = decide(this.state, this.now());
    this.append(records);
    return this.#durable === null
      ? response
      : this.#durable.then(() => response);
  }

  /**
   * Appends records as one batch and applies them; both or none.
   *
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * MESSAGE_TOO_LARGE…: in the words that clients of groups know.
   */
  append(records: readonly CoordinatorRecord[]): void {
    if (records.length === 0) return;
    this.assertActive();
    const timestampMs = this.#options.host.clock.wallMs();
    const batch = this.#encode(records, timestampMs);
    let durable: Promise<void> | null;
    try {
      durable = this.#options.log.append(batch, timestampMs);
    } catch (error) {
      throw asGroupError(error);
    }
    for (const record of records) this.state.apply(record);
    if (durable !== null) this.#waitFor(durable);
  }

  /** One batch; its bytes hold until the next one is encoded. */
  #encode(
    records: readonly CoordinatorRecord[],
    timestampMs: number,
  ): Uint8Array {
    const compression = this.#options.compression();
    if (compression === "none") return plainBatch.encode(records, timestampMs);
    return encodeBatch({
      records: encodeRecords(records).map(({ key, value }) => ({
        key,
        value,
        timestampMs,
      })),
      compression,
    });
  }

  /** Calls `run` once everything appended so far is durable; at once where it is. */
  whenDurable(run: (error: KafkaError | null) => void): void {
    if (this.#durable === null) run(null);
    else {this.#durable.then(() =>
        run(null), (error) =>
        run(asGroupError(error)));}
  }

  #waitFor(durable: Promise<void>): void {
    const waiting = durable.catch((error) => {
      throw asGroupError(error);
    });
    waiting.then(
      () => {
        if (this.#durable === waiting) this.#durable = null;
      },
      // What was applied may never become durable: the state is no longer the log's.
      (error) => {
        if (this.#phase !== "active") return;
        const { log, trace } = this.#options;
        trace(`The groups of ${log.name} are loaded anew: ${error.message}`);
        this.#fail();
      },
    );
    this.#durable = waiting;
  }
}

/** An error of the log in the words of Kafka's group coordinator. */
export function asGroupError(error: unknown): KafkaError {
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
