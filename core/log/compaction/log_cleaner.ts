// Compacts logs in the background: as many tasks as `log.cleaner.threads` each
// take the most urgent log, clean it, and take the next; where nothing is dirty
// enough they rest for `log.cleaner.backoff.ms`. Somebody may also ask for one
// log to be compacted now.
//
//   rest ──► request? ──► look ──► most urgent ──► run ──┐
//    ▲           ▲                     │ none            │
//    └───────────┴─────────────────────┴─────────────────┘
//
// A log that fails is set aside and said so once; the others go on. A disk that
// is full is tried again later, and one that failed has gone with its logs. All
// keys are read anew for each run. Memory is taken for a run and let go after it.
//
// Source: Kafka documentation, "Log Compaction"; KIP-226, KIP-346.

import { assert } from "../../base/assert.ts";
import type { BrokerConfig } from "../../config/broker_config.ts";
import type { Host } from "../../host/host.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import type { PartitionLog } from "../partition_log.ts";
import type { CleanOptions, CleanResult } from "./clean_log.ts";
import { CleanerPace } from "./cleaner_pace.ts";
import { isStorageError, lookForDirt } from "./cleaner_schedule.ts";
import {
  type CompactionState,
  LogCompaction,
  runOf,
} from "./compaction_state.ts";
import type { DirtyRange } from "./dirty_range.ts";
import { Rests } from "./rests.ts";
import { Throttle } from "./throttle.ts";

export interface LogCleanerOptions {
  readonly host: Host;
  /** The broker's configuration as it is now. */
  readonly config: () => BrokerConfig;
  /** All logs that are online. */
  readonly logs: () => Iterable<PartitionLog>;
  /** Told of logs that cannot be compacted, in one line each. */
  readonly report: (text: string) => void;
  /** Any number that changes whenever the broker has served somebody. */
  readonly activity?: () => number;
}

/** Totals since the broker started. */
export interface CleanerMetrics {
  /** Runs that went to their end. */
  readonly runs: number;
  readonly uncleanablePartitions: number;
  /** The largest dirty part of any log, when they were looked at last. */
  readonly maxDirtyRatio: number;
  /** The fullest map of keys so far, as a part of it. */
  readonly maxMapUtilization: number;
  readonly maxRunMs: number;
  /** Since the tasks last looked for dirty logs; `null` before they did. */
  readonly sinceLookMs: number | null;
}

/** The cleaner of all logs of a broker. */
export class LogCleaner {
  readonly #options: LogCleanerOptions;
  readonly #throttle: Throttle;
  readonly #rests: Rests;
  readonly #states = new WeakMap<PartitionLog, LogCompaction>();
  readonly #requests: PartitionLog[] = [];
  /** By number, from 0. */
  readonly #tasks = new Map<number, Promise<void>>();
  readonly #running = new Set<PartitionLog>();
  #lastRequestId = 0;
  #isStopped = false;
  #metrics = { runs: 0, maxDirtyRatio: 0, maxMapUtilization: 0, maxRunMs: 0 };
  #lookedMs: number | null = null;

  constructor(options: LogCleanerOptions) {
    this.#options = options;
    const { clock } = options.host;
    this.#throttle = new Throttle(
      clock,
      () => options.config()["log.cleaner.io.max.bytes.per.second"],
    );
    this.#rests = new Rests(clock);
  }

  /** Begins to look for dirty logs. */
  start(): void {
    this.#addTasks();
  }

  /** Acts on a changed configuration now. */
  reconfigure(): void {
    if (this.#isStopped) return;
    this.#addTasks();
    this.#rests.endAll();
  }

  /** Ends all runs, which leave their logs as they are; resolves when they have. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const log of this.#running) log.maintenance.abort();
    this.#rests.endAll();
    await Promise.all(this.#tasks.values());
  }

  /**
   * Asks for a log to be compacted as soon as a task is free, however clean it
   * is; its active segment is closed first, so that all of it takes part.
   *
   * @returns The request: it is done when `state(log).endedRequestId` reaches it.
   */
  request(log: PartitionLog): number {
    const state = this.#stateOf(log);
    if (state.queuedRequestId === 0) {
      state.queuedRequestId = ++this.#lastRequestId;
      this.#requests.push(log);
      this.#rests.endAll();
    }
    return state.queuedRequestId;
  }

  /** How the compaction of a log stands. */
  state(log: PartitionLog): CompactionState {
    return this.#states.get(log) ?? UNTOUCHED;
  }

  get metrics(): CleanerMetrics {
    let uncleanablePartitions = 0;
    for (const log of this.#options.logs()) {
      if (this.state(log).uncleanableReason !== null) uncleanablePartitions++;
    }
    const nowMs = this.#options.host.clock.monotonicMs();
    return {
      ...this.#metrics,
      uncleanablePartitions,
      sinceLookMs: this.#lookedMs === null ? null : nowMs - this.#lookedMs,
    };
  }

  /** One task stays to serve requests, even where there are to be none. */
  #taskCount(): number {
    return Math.max(1, this.#options.config()["log.cleaner.threads"]);
  }

  #addTasks(): void {
    for (let number = 0; number < this.#taskCount(); number++) {
      if (this.#tasks.has(number)) continue;
      const task = this.#work(number).finally(() => this.#tasks.delete(number));
      this.#tasks.set(number, task);
    }
  }

  async #work(number: number): Promise<void> {
    // A start has better things to do.
    await this.#rests.rest(Math.min(FIRST_LOOK_MS, this.#backoffMs()));
    while (!this.#isStopped && number < this.#taskCount()) {
      const requested = this.#takeRequest();
      if (requested !== null) await this.#serveRequest(requested);
      else if (!await this.#cleanMostUrgent()) {
        if (this.#isStopped || this.#hasFreeRequest()) continue;
        await this.#rests.rest(
          this.#isEnabled() ? this.#backoffMs() : FOREVER_MS,
        );
      }
    }
  }

  #isEnabled(): boolean {
    const config = this.#options.config();
    return config["log.cleaner.enable"] && config["log.cleaner.threads"] > 0;
  }

  #backoffMs(): number {
    return Math.max(1, this.#options.config()["log.cleaner.backoff.ms"]);
  }

  #hasFreeRequest(): boolean {
    return this.#requests.some((log) => !this.#running.has(log));
  }

  #takeRequest(): PartitionLog | null {
    const index = this.#requests.findIndex((log) => !this.#running.has(log));
    return index < 0 ? null : this.#requests.splice(index, 1)[0];
  }

  /** @returns False where nothing is to be done. */
  async #cleanMostUrgent(): Promise<boolean> {
    if (!this.#isEnabled()) return false;
    const { clock } = this.#options.host;
    const isFree = (log: PartitionLog) => {
      const state = this.state(log) as LogCompaction;
      return state.uncleanableReason === null && !this.#running.has(log) &&
        state.restsUntilMs <= clock.monotonicMs();
    };
    const { due, maxDirtyRatio } = await lookForDirt(this.#options.logs(), {
      clock,
      isWanted: isFree,
      onDamaged: (log, error) => this.#setAside(log, error),
    });
    this.#metrics.maxDirtyRatio = maxDirtyRatio;
    this.#lookedMs = clock.monotonicMs();
    // Another task may have taken one meanwhile.
    const chosen = due.find(({ log }) => isFree(log));
    if (chosen === undefined || this.#isStopped) return false;
    const { log, range } = chosen;
    if (range.resetReason !== null) this.#options.report(range.resetReason);
    const state = this.#stateOf(log);
    try {
      const result = await this.#run(log, range);
      if (result === null) this.#letRest(state);
      else if (result.isDone) state.lastRun = runOf([result], clock.wallMs());
    } catch (error) {
      this.#failed(log, error as Error);
    }
    return true;
  }

  async #serveRequest(log: PartitionLog): Promise<void> {
    const state = this.#stateOf(log);
    state.servedRequestId = state.queuedRequestId;
    state.queuedRequestId = 0;
    state.requestError = null;
    try {
      await this.#compactWhole(log, state);
      state.uncleanableReason = null;
    } catch (error) {
      state.requestError = error as Error;
      if (!(error instanceof Interrupted)) this.#failed(log, error as Error);
    }
    state.endedRequestId = state.servedRequestId;
    state.servedRequestId = 0;
  }

  /** Runs until all is clean that can be: a map may be too small for one run. */
  async #compactWhole(log: PartitionLog, state: LogCompaction): Promise<void> {
    const { clock } = this.#options.host;
    const results: CleanResult[] = [];
    log.roll();
    const { firstUncleanableOffset: goal } = log.dirtyRange(clock.wallMs());
    for (let failureCount = 0;;) {
      const result = await this.#run(log, log.dirtyRange(clock.wallMs()));
      if (result?.isDone) {
        results.push(result);
        state.lastRun = runOf(results, clock.wallMs());
        if (result.endOffset >= goal) return;
        assert(
          result.endOffset > result.firstDirtyOffset,
          "A run with room for a key comes forward",
        );
        continue;
      }
      if (this.#isStopped || ++failureCount === ATTEMPTS_MAX) {
        throw new Interrupted(
          `The compaction of ${log.name} was interrupted: its segments are deleted, cut or moved at the same time.`,
        );
      }
      await this.#rests.rest(RETRY_MS);
    }
  }

  /** One run. @returns `null` where somebody else is at work on the log. */
  async #run(
    log: PartitionLog,
    range: DirtyRange,
  ): Promise<CleanResult | null> {
    const state = this.#stateOf(log);
    state.isRunning = true;
    state.progress = null;
    this.#running.add(log);
    try {
      const result = await log.compact(this.#runOptions(range, state));
      if (result?.isDone) {
        const metrics = this.#metrics;
        metrics.runs++;
        metrics.maxRunMs = Math.max(metrics.maxRunMs, result.elapsedMs);
        metrics.maxMapUtilization = Math.max(
          metrics.maxMapUtilization,
          result.mapUtilization,
        );
      }
      return result;
    } finally {
      state.isRunning = false;
      this.#running.delete(log);
      // A request for this very log may wait.
      if (state.queuedRequestId !== 0) this.#rests.endAll();
    }
  }

  #runOptions(range: DirtyRange, state: LogCompaction): CleanOptions {
    const { host, config, activity } = this.#options;
    const now = config();
    const taskCount = this.#taskCount();
    const pace = new CleanerPace(host.clock, activity ?? (() => 0));
    return {
      firstDirtyOffset: range.firstDirtyOffset,
      firstUncleanableOffset: range.firstUncleanableOffset,
      mapBytes: Math.floor(now["log.cleaner.dedupe.buffer.size"] / taskCount),
      loadFactor: now["log.cleaner.io.buffer.load.factor"],
      ioBytes: Math.floor(now["log.cleaner.io.buffer.size"] / taskCount),
      get turnMs() {
        return pace.turnMs;
      },
      pause: async (progress) => {
        state.progress = progress;
        this.#throttle.add(progress.turnBytes);
        await pace.rest();
        for (;;) {
          const delayMs = this.#throttle.delayMs;
          if (delayMs < 1 || this.#isStopped) return;
          // The rate may change meanwhile.
          await this.#rests.rest(Math.min(delayMs, THROTTLE_STEP_MS));
        }
      },
    };
  }

  #failed(log: PartitionLog, error: Error): void {
    if (!isStorageError(error)) return this.#setAside(log, error);
    const state = this.#stateOf(log);
    const isRepeated = state.restsUntilMs > -Infinity;
    this.#letRest(state);
    // Of a log that was deleted nobody needs to hear.
    const isGone = (error as KafkaError).errorName !== "KAFKA_STORAGE_ERROR";
    if (isGone || !log.isOnline || this.#isStopped || isRepeated) return;
    this.#options.report(
      `Cannot compact ${log.name} now: ${error.message}; it is tried again`,
    );
  }

  #letRest(state: LogCompaction): void {
    state.restsUntilMs = this.#options.host.clock.monotonicMs() +
      this.#backoffMs();
  }

  #setAside(log: PartitionLog, error: Error): void {
    const state = this.#stateOf(log);
    const isKnown = state.uncleanableReason !== null;
    state.uncleanableReason = error.message;
    if (isKnown) return;
    this.#options.report(
      `Cannot compact ${log.name}: ${error.message}; it is left as it is until the next start, or until "kq compact" works`,
    );
  }

  #stateOf(log: PartitionLog): LogCompaction {
    let state = this.#states.get(log);
    if (state === undefined) {
      state = new LogCompaction();
      this.#states.set(log, state);
    }
    return state;
  }
}

/** What a request is told whose run was stopped from outside. */
class Interrupted extends KafkaError {
  constructor(message: string) {
    super("OPERATION_NOT_ATTEMPTED", message);
  }
}

const UNTOUCHED: CompactionState = new LogCompaction();
const FIRST_LOOK_MS = 1000;
const FOREVER_MS = 2 ** 31 - 1;
const THROTTLE_STEP_MS = 200;
const RETRY_MS = 100;
/** Runs that are begun again where others change the log meanwhile. */
const ATTEMPTS_MAX = 20;
