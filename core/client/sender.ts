// Takes ready batches out of the accumulator and brings them to the leaders of
// their partitions.
//
// It is not a thread but a function that runs when something may have changed: a
// batch became ready, an answer came, metadata came, a time passed. One request
// carries at most one batch per partition; several requests are in flight to a
// broker, and batches with sequence numbers stay in order all the same.
//
// Source: Kafka protocol guide, "Produce API"; KIP-98, KIP-360.

import type { KafkaConnection } from "../rpc/client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Accumulator } from "./accumulator.ts";
import { splitBatch } from "./batch_split.ts";
import { asError, errorOfCode } from "./client_error.ts";
import { backoffMs } from "./client_settings.ts";
import type { Cluster } from "./cluster.ts";
import { type ClusterNode, partitionKey } from "./metadata.ts";
import {
  failureOf,
  leftOut,
  type PartitionAnswer,
  type ProduceAnswer,
  sendProduce,
} from "./produce_call.ts";
import {
  decideOutcome,
  isStaleLeader,
  type ProduceOutcome,
} from "./produce_outcome.ts";
import {
  type BatchFormat,
  type PartitionQueue,
  type ProducerBatch,
  sequenceAfter,
} from "./producer_batch.ts";
import type { Numbering } from "./producer_identity.ts";
import type { TopicWatch } from "./topic_watch.ts";
import { BUSY_PAUSE_MS } from "./transaction_calls.ts";
import type { Transactions } from "./transactions.ts";

/** What a request takes besides its batches, roughly. */
const REQUEST_OVERHEAD_BYTES = 256;

export interface SenderOptions {
  readonly acks: -1 | 0 | 1;
  readonly inFlightMax: number;
  readonly requestMaxBytes: number;
  readonly retryCountMax: number;
  readonly deliveryTimeoutMs: number;
  readonly format: BatchFormat;
}

export interface SenderParts {
  readonly cluster: Cluster;
  readonly watch: TopicWatch;
  readonly accumulator: Accumulator;
  /** `null` for a producer without idempotence. */
  readonly identity: Numbering | null;
  /** `null` for a producer without a transactional id. */
  readonly transactions: Transactions | null;
  readonly options: SenderOptions;
  /** Told when batches are done, or left the accumulator. */
  readonly onProgress: () => void;
  /** True where batches do not wait for `linger.ms`, since somebody waits for them. */
  readonly isUrgent: () => boolean;
}

/** What the sender keeps of a broker. */
interface Lane {
  inFlightCount: number;
  isConnecting: boolean;
  /** The broker asked for a rest until then. */
  restUntilMs: number;
}

export class Sender {
  readonly #parts: SenderParts;
  readonly #lanes = new Map<number, Lane>();
  #inFlightCount = 0;
  #isScheduled = false;
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;
  #isClosed = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Looks for work once the code that runs now has ended. */
  wake(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  /** Looks for work at a time of the monotonic clock, or before. */
  wakeAt(atMs: number): void {
    if (atMs === Infinity || atMs >= this.#timerAtMs || this.#isClosed) return;
    const { clock } = this.#parts.cluster.host;
    this.#cancelTimer?.();
    this.#timerAtMs = atMs;
    this.#cancelTimer = clock.after(
      Math.max(atMs - clock.monotonicMs(), 0),
      () => {
        this.#cancelTimer = null;
        this.#timerAtMs = Infinity;
        this.#run();
      },
    );
  }

  /** Ends; batches that are not done fail. */
  close(error: Error): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const batch of [...this.#parts.accumulator.undone]) {
      this.#finish(batch, () => batch.fail(() => error));
    }
  }

  /** Fails all batches that are not in flight. */
  drop(error: Error): void {
    const { accumulator, identity } = this.#parts;
    for (const batch of [...accumulator.undone]) {
      if (accumulator.queue(batch).inFlight.includes(batch)) continue;
      if (batch.baseSequence >= 0) identity?.renew("epoch");
      this.#finish(batch, () => batch.fail(() => error));
    }
    this.#parts.onProgress();
  }

  #nowMs(): number {
    return this.#parts.cluster.host.clock.monotonicMs();
  }

  #run(): void {
    if (this.#isClosed) return;
    const { watch, identity, accumulator } = this.#parts;
    const nowMs = this.#nowMs();
    watch.refreshIfOld();
    this.#expire(nowMs);
    if (accumulator.busy.size === 0) return;
    if (identity !== null && !this.#hasIdentity(identity)) return;
    const ready = this.#readyByLeader(nowMs);
    for (const [node, queues] of ready) this.#serve(node, queues, nowMs);
  }

  /** True where batches may be numbered; else sees to it that they may, later. */
  #hasIdentity(identity: Numbering): boolean {
    if (identity.isRenewing && this.#inFlightCount === 0) {
      identity.completeRenewal();
      this.#parts.accumulator.renumber();
    }
    if (identity.isReady) return true;
    if (identity.failure !== null) {
      const error = identity.failure;
      for (const batch of [...this.#parts.accumulator.undone]) {
        this.#finish(batch, () => batch.fail(() => error));
      }
    } else if (!identity.isRenewing) {
      identity.ensure();
    }
    return false;
  }

  /** Queues that may send, by the broker that leads them; plans the next look at the others. */
  #readyByLeader(nowMs: number): Map<ClusterNode, PartitionQueue[]> {
    const { accumulator, watch, isUrgent, transactions } = this.#parts;
    const ready = new Map<ClusterNode, PartitionQueue[]>();
    const urgent = isUrgent();
    let nextMs = Infinity;
    for (const queue of accumulator.busy) {
      if (this.#mustWait(queue)) continue;
      if (transactions !== null && !transactions.admits(queue)) continue;
      const readyAtMs = accumulator.readyAtMs(queue, urgent);
      if (readyAtMs > nowMs) {
        nextMs = Math.min(nextMs, readyAtMs);
        continue;
      }
      watch.topic(queue.topic);
      const leader = watch.leader(queue);
      if (leader === undefined) {
        watch.requestRefresh();
        continue;
      }
      const list = ready.get(leader);
      if (list === undefined) ready.set(leader, [queue]);
      else list.push(queue);
    }
    this.wakeAt(nextMs);
    return ready;
  }

  /** True where the first batch must not leave before those in flight are answered. */
  #mustWait(queue: PartitionQueue): boolean {
    if (queue.inFlight.length === 0) return false;
    const { identity, options } = this.#parts;
    // What is sent again must not pass what it follows.
    if (options.inFlightMax === 1 || queue.waiting[0].attemptCount > 0) {
      return true;
    }
    // A broker remembers the last five batches of a numbered producer. One that
    // knows none takes any number: so the first batch goes alone, lest another
    // overtake it.
    return identity !== null &&
      (!queue.isNumbered || queue.inFlight.length >= options.inFlightMax);
  }

  #lane(nodeId: number): Lane {
    let lane = this.#lanes.get(nodeId);
    if (lane === undefined) {
      lane = { inFlightCount: 0, isConnecting: false, restUntilMs: 0 };
      this.#lanes.set(nodeId, lane);
    }
    return lane;
  }

  /** Sends to one broker until it has all, or as much as it may have at once. */
  #serve(node: ClusterNode, queues: PartitionQueue[], nowMs: number): void {
    const { cluster, accumulator, options, isUrgent } = this.#parts;
    const lane = this.#lane(node.id);
    if (lane.restUntilMs > nowMs) return this.wakeAt(lane.restUntilMs);
    const connection = cluster.openConnectionTo(node, "main");
    if (connection === null) return this.#connect(node, lane);
    let open = queues;
    while (open.length > 0 && lane.inFlightCount < options.inFlightMax) {
      const batches: ProducerBatch[] = [];
      let sizeBytes = REQUEST_OVERHEAD_BYTES;
      for (const queue of open) {
        const headBytes = queue.waiting[0].sizeBytes;
        if (
          batches.length > 0 && sizeBytes + headBytes > options.requestMaxBytes
        ) break;
        sizeBytes += headBytes;
        batches.push(this.#take(queue));
      }
      this.#send({ node, lane, connection, batches });
      const urgent = isUrgent();
      open = open.filter((queue) =>
        accumulator.readyAtMs(queue, urgent) <= nowMs && !this.#mustWait(queue)
      );
    }
  }

  #take(queue: PartitionQueue): ProducerBatch {
    const batch = this.#parts.accumulator.take(queue);
    const { identity } = this.#parts;
    if (identity !== null && batch.baseSequence < 0) {
      batch.setSequence({
        producerId: identity.id,
        producerEpoch: identity.epoch,
        baseSequence: queue.nextSequence,
        isTransactional: identity.isTransactional,
      });
      queue.nextSequence = sequenceAfter(
        queue.nextSequence,
        batch.recordCount,
      );
    }
    batch.attemptCount++;
    return batch;
  }

  #connect(node: ClusterNode, lane: Lane): void {
    if (lane.isConnecting) return;
    lane.isConnecting = true;
    const { cluster, watch } = this.#parts;
    const deadlineMs = cluster.deadline(cluster.settings.requestTimeoutMs);
    cluster.connectionTo(node.id, { deadlineMs })
      .catch(() => watch.requestRefresh())
      .finally(() => {
        lane.isConnecting = false;
        this.wake();
      });
  }

  #send(call: {
    readonly node: ClusterNode;
    readonly lane: Lane;
    readonly connection: KafkaConnection;
    readonly batches: readonly ProducerBatch[];
  }): void {
    const { lane, connection, batches } = call;
    lane.inFlightCount++;
    this.#inFlightCount++;
    const { options: { acks }, transactions: transaction } = this.#parts;
    const timeoutMs = this.#parts.cluster.settings.requestTimeoutMs;
    sendProduce(connection, batches, { acks, timeoutMs, transaction })
      .then((answer) => this.#answered(lane, batches, answer))
      .catch((error) => this.#lost(batches, asError(error)))
      .finally(() => {
        lane.inFlightCount--;
        this.#inFlightCount--;
        this.#parts.onProgress();
        // At once, so that the broker is not left waiting.
        this.#run();
      });
  }

  #answered(
    lane: Lane,
    batches: readonly ProducerBatch[],
    answer: ProduceAnswer | null,
  ): void {
    if (answer === null) {
      for (const batch of batches) {
        this.#finish(batch, () => batch.succeed(-1, -1));
      }
      return;
    }
    if (answer.throttleTimeMs > 0) {
      lane.restUntilMs = this.#nowMs() + answer.throttleTimeMs;
    }
    const byPartition = new Map<string, PartitionAnswer>();
    for (const { name, partitionResponses } of answer.responses) {
      for (const partition of partitionResponses) {
        byPartition.set(`${name}-${partition.index}`, partition);
      }
    }
    for (const batch of batches) {
      const part = byPartition.get(partitionKey(batch));
      if (part === undefined) {
        this.#refused(batch, leftOut(batch), null);
      } else if (part.errorCode === 0) {
        this.#parts.accumulator.queue(batch).isNumbered = true;
        this.#finish(
          batch,
          () => batch.succeed(part.baseOffset, part.logAppendTimeMs),
        );
      } else {
        const error = errorOfCode(part.errorCode, part.errorMessage)!;
        this.#refused(batch, error, part);
      }
    }
  }

  /** The request came to nothing, as far as is known. */
  #lost(batches: readonly ProducerBatch[], thrown: Error): void {
    const error = thrown instanceof KafkaError
      ? thrown
      : new KafkaError("UNKNOWN_SERVER_ERROR", thrown.message, {
        cause: thrown,
      });
    for (const batch of batches) this.#refused(batch, error, null);
  }

  #refused(
    batch: ProducerBatch,
    error: KafkaError,
    answer: PartitionAnswer | null,
  ): void {
    const { accumulator, cluster, identity, options, watch } = this.#parts;
    const queue = accumulator.queue(batch);
    queue.landed(batch);
    if (isStaleLeader(error)) watch.requestRefresh();
    const nowMs = this.#nowMs();
    const outcome = decideOutcome({
      error,
      recordCount: batch.recordCount,
      attemptCount: batch.attemptCount,
      retryCountMax: options.retryCountMax,
      isInTime: !batch.isDone && !this.#isClosed &&
        nowMs - batch.createdMs < options.deliveryTimeoutMs &&
        (this.#parts.transactions?.isReady ?? true),
      isNumbered: batch.baseSequence >= 0,
      isTransactional: this.#parts.transactions !== null,
      hasEarlier: queue.hasEarlier(batch) || (identity?.isRenewing ?? false),
    });
    batch.retryAtMs = nowMs +
      (error.errorName === "CONCURRENT_TRANSACTIONS"
        ? BUSY_PAUSE_MS
        : backoffMs(
          cluster.settings.retryBackoff,
          batch.attemptCount,
          cluster.host.random,
        ));
    this.#follow(outcome, batch, failureOf(error, answer));
  }

  #follow(
    outcome: ProduceOutcome,
    batch: ProducerBatch,
    errorOf: (index: number) => Error,
  ): void {
    const { accumulator, identity, options } = this.#parts;
    switch (outcome) {
      case "done":
        return this.#finish(batch, () => batch.succeed(-1, -1));
      case "fail":
        // Its sequence numbers are missing now: the others get new ones.
        if (batch.baseSequence >= 0) identity?.renew("epoch");
        return this.#finish(batch, () => batch.fail(errorOf));
      case "split": {
        const producer = {
          producerId: identity?.id ?? -1,
          producerEpoch: identity?.epoch ?? -1,
          isTransactional: identity?.isTransactional ?? false,
        };
        const parts = splitBatch(batch, options.format, producer);
        return accumulator.replace(batch, parts);
      }
      case "renew":
        identity?.renew("epoch");
        return accumulator.putBack(batch);
      case "reidentify":
        identity?.renew("id");
        return accumulator.putBack(batch);
      case "retry":
        return accumulator.putBack(batch);
    }
  }

  /** Ends a batch, wherever it is. */
  #finish(batch: ProducerBatch, tell: () => void): void {
    const { accumulator } = this.#parts;
    accumulator.remove(batch);
    accumulator.queue(batch).landed(batch);
    accumulator.done(batch);
    tell();
  }

  /** Fails what has waited for `delivery.timeout.ms`, in flight or not. */
  #expire(nowMs: number): void {
    const { accumulator, identity, options } = this.#parts;
    const { deliveryTimeoutMs } = options;
    let hasFailed = false;
    for (const batch of accumulator.undone) {
      const restMs = batch.createdMs + deliveryTimeoutMs - nowMs;
      if (restMs > 0) {
        this.wakeAt(nowMs + restMs);
        break; // The others are younger.
      }
      if (batch.baseSequence >= 0) identity?.renew("epoch");
      accumulator.remove(batch);
      accumulator.done(batch);
      const error = new KafkaError(
        "REQUEST_TIMED_OUT",
        `${batch.recordCount} record(s) for ${partitionKey(batch)} were not ` +
          `acknowledged within ${deliveryTimeoutMs} ms`,
      );
      batch.fail(() => error);
      hasFailed = true;
    }
    if (hasFailed) this.#parts.onProgress();
  }
}
