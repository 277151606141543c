// The shards of one broker: one for each partition of an internal topic that it
// leads. A key belongs to the partition that it hashes to, and so to the broker
// that leads that.
//
//   lead(log)        this broker leads a partition now: its state is loaded
//   resign(n)        it does not any more: whoever waits is sent away
//   shardOf(key)     where a request about a key is decided

import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { partitionOfKey } from "./key_hash.ts";
import { Shard } from "./shard.ts";
import type { ShardContent } from "./shard_content.ts";
import type { ShardLog } from "./shard_log.ts";

/** When a shard that failed is loaded again; each time later, where it fails again. */
const RELOAD_MIN_MS = 100;
const RELOAD_MAX_MS = 10_000;

export interface ShardsOptions<S, R> {
  readonly host: Host;
  readonly content: ShardContent<S, R>;
  /** How many partitions the topic has; those it would get where it is missing. */
  readonly partitionCount: () => number;
  /** Bytes read at once when a log is loaded. */
  readonly loadBufferBytes: () => number;
  /** Called when the state of a shard is complete, before anybody sees it. */
  readonly onLoaded: (shard: Shard<S, R>) => void;
  readonly trace: (line: string) => void;
}

export class Shards<S, R> {
  readonly #options: ShardsOptions<S, R>;
  readonly #shards = new Map<number, Shard<S, R>>();
  #isClosed = false;

  constructor(options: ShardsOptions<S, R>) {
    this.#options = options;
  }

  /** Those of the partitions that this broker leads, ready or not. */
  all(): Iterable<Shard<S, R>> {
    return this.#shards.values();
  }

  /** The partition that looks after a key. */
  partitionOf(key: string): number {
    return partitionOfKey(key, this.#options.partitionCount());
  }

  /**
   * The shard of a key, ready to decide.
   *
   * @throws {KafkaError} NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
   * COORDINATOR_NOT_AVAILABLE.
   */
  shardOf(key: string): Shard<S, R> {
    const shard = this.#shards.get(this.partitionOf(key));
    if (shard === undefined) throw new KafkaError("NOT_COORDINATOR");
    shard.assertActive();
    return shard;
  }

  /** Looks at a partition's shard, if this broker has it, ready or not. */
  find(partition: number): Shard<S, R> | undefined {
    return this.#shards.get(partition);
  }

  /** Takes over a partition; resolves when its log was loaded, or could not be. */
  lead(log: ShardLog): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.resign(log.partition);
    return this.#load(log, RELOAD_MIN_MS);
  }

  #load(log: ShardLog, retryMs: number): Promise<void> {
    const { host, content, loadBufferBytes, onLoaded, trace } = this.#options;
    const shard = new Shard({
      host,
      log,
      content,
      loadBufferBytes: loadBufferBytes(),
      onLoaded,
      onFailed: (failed) => this.#loadAgain(failed, log, retryMs),
      trace,
    });
    this.#shards.set(log.partition, shard);
    return shard.load();
  }

  /**
   * What of a failed shard's state is in the log is not known: it is read anew, for
   * as long as this broker leads the partition.
   */
  #loadAgain(failed: Shard<S, R>, log: ShardLog, retryMs: number): void {
    this.#options.host.clock.after(retryMs, () => {
      if (this.#isClosed || this.#shards.get(log.partition) !== failed) return;
      void this.#load(log, Math.min(2 * retryMs, RELOAD_MAX_MS));
    });
  }

  /** Gives up a partition; those who wait for it are told to look elsewhere. */
  resign(partition: number): void {
    this.#shards.get(partition)?.unload();
    this.#shards.delete(partition);
  }

  /** Gives up everything. */
  close(): void {
    this.#isClosed = true;
    for (const partition of [...this.#shards.keys()]) this.resign(partition);
  }
}
