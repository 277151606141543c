// What a transactional producer asks of coordinators, each until it is answered.
//
// A coordinator that has moved is looked for again; one that still ends the last
// transaction is asked again after a short while. What does not pass by itself
// is handed back with what it means.
//
// Source: Kafka protocol guide, "InitProducerId API" to "TxnOffsetCommit API";
// KIP-98, KIP-360, KIP-447, KIP-890.

import { sleep } from "../host/host.ts";
import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../wire/kafka/messages/add_offsets_to_txn.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../wire/kafka/messages/end_txn.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import {
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "../wire/kafka/messages/txn_offset_commit.ts";
import { asError, errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { KeyType } from "./coordinator_calls.ts";
import { CoordinatorNode } from "./coordinator_node.ts";
import type { OffsetToCommit } from "./group_offsets.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";
import {
  decideFailure,
  type FailureVerdict,
  type TransactionStep,
} from "./transaction_errors.ts";
import {
  checkVersion,
  endVersions,
  offersNewer,
  offsetCommitVersions,
} from "./transaction_versions.ts";

const INIT = exchange(initProducerIdRequest, initProducerIdResponse);
const ADD_PARTITIONS = exchange(
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
);
const ADD_OFFSETS = exchange(addOffsetsToTxnRequest, addOffsetsToTxnResponse);
const OFFSET_COMMIT = exchange(txnOffsetCommitRequest, txnOffsetCommitResponse);
const END = exchange(endTxnRequest, endTxnResponse);

/** The last version without two-phase commit. */
const INIT_VERSION_MAX = 5;
/** The first version in which a producer may ask for another epoch. */
const INIT_EPOCH_VERSION_MIN = 3;
/** Later ones are for brokers. */
const ADD_PARTITIONS_VERSION_MAX = 3;
/** The first version that says as which member of the group. */
const MEMBER_VERSION_MIN = 3;

/** How long a coordinator that is busy with the last transaction is left alone. */
export const BUSY_PAUSE_MS = 20;

/** Under which id and epoch a producer writes. */
export interface ProducerEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** As which member of a group offsets are committed; as none where left out. */
export interface ConsumerGroupMetadata {
  readonly groupId: string;
  /** Or the member epoch, by the newer group protocol. */
  readonly generationId?: number;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
}

export interface StepFailure {
  readonly error: Error;
  readonly verdict: Exclude<FailureVerdict, "retry" | "refind">;
}

/** What came of a step; `failure` is `null` where it succeeded. */
export type StepOutcome<T> =
  | { readonly value: T; readonly failure: null }
  | { readonly value: null; readonly failure: StepFailure };

/** How long a step is tried; for ever by default. */
export interface StepLimits {
  readonly deadlineMs?: number;
  /** False where there is no use in asking again. */
  readonly goesOn?: () => boolean;
}

interface Step<T> extends StepLimits {
  readonly name: TransactionStep;
  readonly node: CoordinatorNode;
  /** Asks once; throws what the answer says. */
  readonly ask: (nodeId: number, deadlineMs: number) => Promise<T>;
}

export class TransactionCalls {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #node: CoordinatorNode;
  readonly #groupNodes = new Map<string, CoordinatorNode>();
  #offersNewer = false;

  constructor(cluster: Cluster, transactionalId: string) {
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
    this.#node = new CoordinatorNode(
      cluster,
      transactionalId,
      KeyType.transactionalId,
    );
  }

  /** Whether the coordinator, as far as it was asked, gives each transaction an epoch. */
  get offersEpochPerTransaction(): boolean {
    return this.#offersNewer;
  }

  /**
   * Gets an id and epoch, which fences all producers before; a transaction that
   * is open is aborted first.
   *
   * @param current What this producer has, and wants another epoch of.
   */
  init(
    current: ProducerEpoch | null,
    transactionTimeoutMs: number,
  ): Promise<StepOutcome<ProducerEpoch>> {
    return this.#untilCoordinated({
      name: "InitProducerId",
      ask: async (nodeId, deadlineMs) => {
        const answer = await this.#cluster.callNode(nodeId, INIT, (version) => {
          if (current !== null && version < INIT_EPOCH_VERSION_MIN) {
            throw new KafkaError(
              "UNSUPPORTED_VERSION",
              `Broker ${nodeId} is too old to give another epoch, which ` +
                "this transaction's failure needs",
            );
          }
          return {
            transactionalId: this.#transactionalId,
            transactionTimeoutMs,
            producerId: current?.producerId ?? -1,
            producerEpoch: current?.producerEpoch ?? -1,
          };
        }, { deadlineMs, versionMax: INIT_VERSION_MAX });
        throwCode(answer.errorCode, "Cannot get a producer id");
        const { producerId, producerEpoch } = answer;
        return { producerId, producerEpoch };
      },
    });
  }

  /** Makes partitions part of the transaction. */
  addPartitions(
    producer: ProducerEpoch,
    partitions: readonly TopicPartition[],
    limits: StepLimits,
  ): Promise<StepOutcome<void>> {
    return this.#untilCoordinated({
      ...limits,
      name: "AddPartitionsToTxn",
      ask: async (nodeId, deadlineMs) => {
        const answer = await this.#cluster.callNode(nodeId, ADD_PARTITIONS, {
          v3AndBelowTransactionalId: this.#transactionalId,
          v3AndBelowProducerId: producer.producerId,
          v3AndBelowProducerEpoch: producer.producerEpoch,
          v3AndBelowTopics: [...byTopic(partitions)].map((
            [name, entries],
          ) => ({
            name,
            partitions: entries.map(({ partition }) => partition),
          })),
        }, { deadlineMs, versionMax: ADD_PARTITIONS_VERSION_MAX });
        throwFirst(
          answer.resultsByTopicV3AndBelow.flatMap((
            { name, resultsByPartition },
          ) =>
            resultsByPartition.map((result) => ({
              place: `${name}-${result.partitionIndex}`,
              errorCode: result.partitionErrorCode,
            }))
          ),
          "Cannot add partition",
        );
      },
    });
  }

  /** Makes a group's offsets part of the transaction. */
  addOffsets(
    producer: ProducerEpoch,
    groupId: string,
    limits: StepLimits,
  ): Promise<StepOutcome<void>> {
    return this.#untilCoordinated({
      ...limits,
      name: "AddOffsetsToTxn",
      ask: async (nodeId, deadlineMs) => {
        const answer = await this.#cluster.callNode(nodeId, ADD_OFFSETS, {
          transactionalId: this.#transactionalId,
          ...producer,
          groupId,
        }, { deadlineMs });
        throwCode(answer.errorCode, `Cannot add offsets of group ${groupId}`);
      },
    });
  }

  /** Commits offsets, which count when the transaction does. */
  commitOffsets(
    producer: ProducerEpoch,
    commit: {
      readonly group: ConsumerGroupMetadata;
      readonly offsets: readonly OffsetToCommit[];
      readonly isNewer: boolean;
    },
    limits: StepLimits,
  ): Promise<StepOutcome<void>> {
    const { group, offsets, isNewer } = commit;
    const { min, max: versionMax } = offsetCommitVersions(isNewer);
    return this.#until({
      ...limits,
      name: "TxnOffsetCommit",
      node: this.#groupNode(group.groupId),
      ask: async (nodeId, deadlineMs) => {
        const answer = await this.#cluster.callNode(
          nodeId,
          OFFSET_COMMIT,
          (version) => {
            checkVersion(version, min, nodeId);
            if (isOfMember(group)) {
              checkVersion(version, MEMBER_VERSION_MIN, nodeId);
            }
            return this.#offsetRequest(producer, group, offsets);
          },
          { deadlineMs, versionMax },
        );
        throwFirst(
          answer.topics.flatMap(({ name, partitions }) =>
            partitions.map(({ partitionIndex, errorCode }) => ({
              place: `${name}-${partitionIndex}`,
              errorCode,
            }))
          ),
          `Cannot commit for group ${group.groupId}`,
        );
      },
    });
  }

  /**
   * Ends the transaction.
   *
   * @returns The id and epoch of the next one; those of this one by the older
   * protocol.
   */
  end(
    producer: ProducerEpoch,
    options: { readonly isCommit: boolean; readonly isNewer: boolean },
  ): Promise<StepOutcome<ProducerEpoch>> {
    const { isCommit, isNewer } = options;
    const { min, max: versionMax } = endVersions(isNewer);
    return this.#untilCoordinated({
      name: "EndTxn",
      ask: async (nodeId, deadlineMs) => {
        const answer = await this.#cluster.callNode(nodeId, END, (version) => {
          checkVersion(version, min, nodeId);
          return {
            transactionalId: this.#transactionalId,
            ...producer,
            committed: isCommit,
          };
        }, { deadlineMs, versionMax });
        throwCode(
          answer.errorCode,
          `Cannot ${isCommit ? "commit" : "abort"} the transaction`,
        );
        if (answer.producerId < 0) return producer;
        const { producerId, producerEpoch } = answer;
        return { producerId, producerEpoch };
      },
    });
  }

  /** A step that the transaction's own coordinator takes; notes what that offers. */
  #untilCoordinated<T>(step: Omit<Step<T>, "node">): Promise<StepOutcome<T>> {
    return this.#until({
      ...step,
      node: this.#node,
      ask: async (nodeId, deadlineMs) => {
        const connection = await this.#cluster.connectionTo(nodeId, {
          deadlineMs,
        });
        this.#offersNewer = offersNewer(connection);
        return await step.ask(nodeId, deadlineMs);
      },
    });
  }

  async #until<T>(step: Step<T>): Promise<StepOutcome<T>> {
    const { settings } = this.#cluster;
    const { deadlineMs = Infinity, goesOn = () => true } = step;
    for (let attempt = 1;; attempt++) {
      let error: Error;
      try {
        const onceMs = Math.min(
          deadlineMs,
          this.#cluster.deadline(settings.requestTimeoutMs),
        );
        const nodeId = await step.node.find(onceMs);
        return { value: await step.ask(nodeId, onceMs), failure: null };
      } catch (thrown) {
        error = asError(thrown);
      }
      const verdict = decideFailure(step.name, error);
      if (verdict === "refind") step.node.forget();
      if (verdict !== "retry" && verdict !== "refind") {
        return { value: null, failure: { error, verdict } };
      }
      const isPaused = goesOn() &&
        await this.#pause(attempt, error, deadlineMs);
      if (!isPaused || !goesOn()) {
        return { value: null, failure: { error, verdict: "renew" } };
      }
    }
  }

  async #pause(
    attempt: number,
    error: Error,
    deadlineMs: number,
  ): Promise<boolean> {
    const { settings, host: { clock } } = this.#cluster;
    const isBusy = error instanceof KafkaError &&
      error.errorName === "CONCURRENT_TRANSACTIONS";
    if (!isBusy) return await this.#cluster.pause(attempt, deadlineMs);
    const pauseMs = Math.min(
      BUSY_PAUSE_MS * attempt,
      Math.max(settings.retryBackoff.firstMs, BUSY_PAUSE_MS),
    );
    if (clock.monotonicMs() + pauseMs >= deadlineMs) return false;
    await sleep(clock, pauseMs);
    return !this.#cluster.isClosed;
  }

  #groupNode(groupId: string): CoordinatorNode {
    let node = this.#groupNodes.get(groupId);
    if (node === undefined) {
      node = new CoordinatorNode(this.#cluster, groupId);
      this.#groupNodes.set(groupId, node);
    }
    return node;
  }

  #offsetRequest(
    producer: ProducerEpoch,
    group: ConsumerGroupMetadata,
    offsets: readonly OffsetToCommit[],
  ) {
    return {
      transactionalId: this.#transactionalId,
      ...producer,
      groupId: group.groupId,
      generationId: group.generationId ?? -1,
      memberId: group.memberId ?? "",
      groupInstanceId: group.groupInstanceId ?? null,
      topics: [...byTopic(offsets)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map((entry) => ({
          partitionIndex: entry.partition,
          committedOffset: entry.offset,
          committedLeaderEpoch: entry.leaderEpoch ?? -1,
          committedMetadata: entry.metadata ?? "",
        })),
      })),
    };
  }
}

function isOfMember(group: ConsumerGroupMetadata): boolean {
  return (group.generationId ?? -1) >= 0 || (group.memberId ?? "") !== "" ||
    (group.groupInstanceId ?? null) !== null;
}

function throwCode(errorCode: number, what: string): void {
  if (errorCode === 0) return;
  const { errorName, message } = KafkaError.ofCode(errorCode);
  throw new KafkaError(errorName, `${what}: ${message}`);
}

/** Throws the error that is to blame: partitions that were not tried say less. */
function throwFirst(
  results: readonly { readonly place: string; readonly errorCode: number }[],
  what: string,
): void {
  const failed = results.filter(({ errorCode }) => errorCode !== 0);
  const blamed =
    failed.find(({ errorCode }) =>
      errorOfCode(errorCode)!.errorName !== "OPERATION_NOT_ATTEMPTED"
    ) ?? failed[0];
  if (blamed !== undefined) {
    throwCode(blamed.errorCode, `${what}: ${blamed.place}`);
  }
}
