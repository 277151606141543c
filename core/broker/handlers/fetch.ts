// Fetch (key 1): gives record batches to readers, and lets them wait for some.
//
// An answer goes out when it has `minBytes`, when a partition has an error, when
// a reader is behind the last segment, or after `maxWaitMs`: a read ends with its
// segment, and a reader that catches up shall not wait at the end of each.
// Partitions that nobody knows do not count beside others: a reader that still
// names one shall not spin. The first batch of the first partition that has any
// is always whole, however small the limits: a reader must be able to go on.
//
// Batches go from the file into the answer's frame as they lie there. Only the
// formats of clients before 0.11 are made anew.
//
// Source: Kafka protocol guide; KIP-74 (size limits), KIP-227 (sessions),
// KIP-320 (leader epochs), KIP-516 (topic ids), KIP-951 (the new leader).

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type FetchRequest,
  fetchRequest,
  fetchResponse,
} from "../../wire/kafka/messages/fetch.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { Broker } from "../broker.ts";
import { type RequestContext, serve } from "../context.ts";
import { CurrentLeaders } from "../current_leaders.ts";
import { refusalOf } from "../failure.ts";
import type { FetchPlan, WantedPartition } from "../fetch_sessions.ts";
import type { Partition } from "../partition.ts";
import {
  type PartitionRead,
  readPartition,
  WHOLE_BATCH_SINCE,
} from "../read_partition.ts";

type Response = InferInput<typeof fetchResponse>;
type TopicResponse = Response["responses"][number];
type PartitionResponse = TopicResponse["partitions"][number];

/** First version in which a follower says who it is in `replicaState`. */
const REPLICA_STATE_SINCE = 15;
const TOPIC_IDS_SINCE = 13;
const LEADERS_SINCE = 16;

/** Errors of partitions that this broker does not know. */
const UNKNOWN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
]);

/** What a fetch found in one partition. */
interface Found {
  readonly wanted: WantedPartition;
  /** Missing where this broker knows no such partition. */
  readonly partition: Partition | undefined;
  readonly read: PartitionRead;
}

export const fetch = serve(fetchRequest, fetchResponse, {
  letsNextStart: true,
  handle: (request, context) => {
    const { broker, apiVersion } = context;
    refuseFollowers(request, apiVersion);
    const plan = broker.fetchSessions.plan(
      request,
      apiVersion >= TOPIC_IDS_SINCE,
      broker.host.clock.monotonicMs(),
    );
    if (plan.errorCode !== ErrorCode.NONE) {
      broker.metrics.countError(plan.errorCode);
      return { errorCode: plan.errorCode, responses: [] };
    }
    const fetch = new Fetch(request, context, plan);
    return fetch.isReady() ? fetch.respond() : fetch.wait();
  },
  failure: ({ errorCode }, request, { apiVersion }) =>
    // Before sessions an error can only be said of each partition.
    apiVersion >= 7 ? { errorCode, responses: [] } : request === null ? null : {
      responses: request.topics.map((topic) => refuseTopic(topic, errorCode)),
    },
});

/**
 * Only a broker that has proven to be one may read as a follower.
 *
 * @throws {KafkaError} CLUSTER_AUTHORIZATION_FAILED.
 */
function refuseFollowers(request: FetchRequest, apiVersion: number): void {
  const replicaId = apiVersion >= REPLICA_STATE_SINCE
    ? request.replicaState.replicaId
    : request.replicaId;
  if (replicaId < 0) return;
  throw new KafkaError(
    "CLUSTER_AUTHORIZATION_FAILED",
    `A client may not fetch as replica ${replicaId}`,
  );
}

/** One request, which may look several times. */
class Fetch {
  readonly #request: FetchRequest;
  readonly #context: RequestContext;
  readonly #plan: FetchPlan;
  readonly #wanted: readonly WantedPartition[];
  readonly #maxBytes: number;
  readonly #minBytes: number;
  #found: Found[] = [];

  constructor(request: FetchRequest, context: RequestContext, plan: FetchPlan) {
    this.#request = request;
    this.#context = context;
    this.#plan = plan;
    this.#wanted = [...plan.wanted];
    const { config, answerRoomBytes } = context.broker;
    this.#maxBytes = Math.max(
      0,
      Math.min(request.maxBytes, config["fetch.max.bytes"], answerRoomBytes()),
    );
    this.#minBytes = Math.min(request.minBytes, this.#maxBytes);
  }

  /** Looks what is there; true where it is to be sent now. */
  isReady(): boolean {
    const { apiVersion } = this.#context;
    const found: Found[] = [];
    let bytesLeft = this.#maxBytes;
    let byteCount = 0;
    let hasNews = false;
    let knownCount = 0;
    for (const [index, wanted] of this.#wanted.entries()) {
      const { partition, read } = this.#read(wanted, {
        maxBytes: Math.max(0, Math.min(wanted.maxBytes, bytesLeft)),
        minOneBatch: byteCount === 0 && apiVersion >= WHOLE_BATCH_SINCE,
      });
      found.push({ wanted, partition, read });
      byteCount += read.logBytes;
      bytesLeft -= read.logBytes;
      const isUnknown = UNKNOWN.has(read.errorCode);
      if (!isUnknown) knownCount++;
      const isGone = isUnknown && this.#found[index]?.partition !== undefined;
      hasNews ||= isGone || read.hasDivergingEpoch || read.isInOlderSegment ||
        (!isUnknown && read.errorCode !== ErrorCode.NONE);
    }
    this.#found = found;
    if (hasNews || knownCount === 0) return true;
    if (byteCount >= this.#minBytes) return true;
    return this.#request.maxWaitMs <= 0;
  }

  /** Answers when there is enough, or the time is up. */
  wait(): Promise<Response> {
    const { broker, connection } = this.#context;
    broker.metrics.delayedFetches++;
    const lists = this.#found.flatMap(({ partition }) =>
      partition === undefined ? [] : [partition.readers]
    );
    return new Promise((done, refuse) => {
      const finish = () => {
        try {
          done(this.respond());
        } catch (error) {
          refuse(error);
        }
      };
      broker.purgatory.add(
        {
          wake: () => {
            if (connection.isOpen && !this.isReady()) return false;
            finish();
            return true;
          },
          expire: () => {
            this.isReady();
            finish();
          },
        },
        lists,
        this.#request.maxWaitMs,
      );
    });
  }

  respond(): Response {
    const leaders = new CurrentLeaders(this.#context, LEADERS_SINCE);
    const topics = new Map<string, TopicBuilder>();
    const usesTopicIds = this.#context.apiVersion >= TOPIC_IDS_SINCE;
    for (const { wanted, partition, read } of this.#found) {
      if (!this.#plan.includes(wanted, read)) continue;
      this.#context.broker.metrics.fetchedBytes += read.recordBytes;
      let topic = topics.get(wanted.topicKey);
      if (topic === undefined) {
        topic = usesTopicIds
          ? { topicId: wanted.topicKey, partitions: [] }
          : { topic: wanted.topicKey, partitions: [] };
        topics.set(wanted.topicKey, topic);
      }
      topic.partitions.push({
        partitionIndex: wanted.partition,
        ...read.fields,
        ...leaders.of(read.errorCode, partition),
      });
    }
    return {
      errorCode: ErrorCode.NONE,
      sessionId: this.#plan.sessionId,
      responses: [...topics.values()],
      ...leaders.endpoints(),
    };
  }

  #read(
    wanted: WantedPartition,
    limits: { readonly maxBytes: number; readonly minOneBatch: boolean },
  ): { partition: Partition | undefined; read: PartitionRead } {
    const { broker, apiVersion } = this.#context;
    let partition: Partition | undefined;
    try {
      partition = apiVersion >= TOPIC_IDS_SINCE
        ? findById(broker, wanted)
        : broker.partitions.get(wanted.topicKey, wanted.partition);
      const read = readPartition(partition, wanted, {
        ...limits,
        apiVersion,
        isCommittedOnly: this.#request.isolationLevel === 1,
      });
      return { partition, read };
    } catch (error) {
      const { errorCode } = refusalOf(
        error,
        broker,
        `read ${wanted.topicKey}-${wanted.partition}`,
      );
      return { partition, read: refusedRead(errorCode) };
    }
  }
}

interface TopicBuilder {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partitions: PartitionResponse[];
}

/**
 * Finds a partition by the topic's id. One that a session has known is told
 * apart from what nobody ever knew.
 *
 * @throws {KafkaError} UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION,
 * INCONSISTENT_TOPIC_ID where the topic was deleted and made anew.
 */
function findById({ partitions }: Broker, wanted: WantedPartition): Partition {
  const { topicKey, partition, knownAs } = wanted;
  if (knownAs !== undefined) {
    const topicId = partitions.topicId(knownAs);
    if (topicId !== undefined && topicId !== topicKey) {
      throw new KafkaError(
        "INCONSISTENT_TOPIC_ID",
        `The topic ${knownAs} has the id ${topicId}, not ${topicKey} any more.`,
      );
    }
    return partitions.get(knownAs, partition);
  }
  const found = partitions.getById(topicKey, partition);
  wanted.knownAs = found.topic;
  return found;
}

const NO_RECORDS = new Uint8Array(0);

function refusedRead(errorCode: number): PartitionRead {
  return {
    errorCode,
    highWatermark: -1,
    logStartOffset: -1,
    recordBytes: 0,
    logBytes: 0,
    isInOlderSegment: false,
    hasDivergingEpoch: false,
    fields: {
      errorCode,
      highWatermark: -1,
      abortedTransactions: UNKNOWN.has(errorCode) ? [] : null,
      records: NO_RECORDS,
    },
  };
}

function refuseTopic(
  topic: FetchRequest["topics"][number],
  errorCode: number,
): TopicResponse {
  return {
    topic: topic.topic,
    partitions: topic.partitions.map(({ partition }) => ({
      partitionIndex: partition,
      errorCode,
      highWatermark: -1,
      records: NO_RECORDS,
    })),
  };
}
