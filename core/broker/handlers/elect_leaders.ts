// ElectLeaders (key 43): partitions go back to their preferred leader, or to any
// replica that lives. Who asks for all partitions is told of those only that had
// need of an election.
//
// Source: Kafka protocol guide; KIP-183, KIP-460; observed: answers of Apache
// Kafka 3.9.1 on ZooKeeper.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type ElectLeadersRequest,
  electLeadersRequest,
  electLeadersResponse,
} from "../../wire/kafka/messages/elect_leaders.ts";
import type { Broker } from "../broker.ts";
import { type Failure, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

/** `electionType` of the request. */
const PREFERRED = 0;
const UNCLEAN = 1;

export const electLeaders = serve(electLeadersRequest, electLeadersResponse, {
  handle: async (request, { broker }) => ({
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    replicaElectionResults: await electAll(request, broker),
  }),
  failure: ({ errorCode, errorMessage }, request, { apiVersion }) => ({
    throttleTimeMs: 0,
    // The first version says it partition by partition only.
    errorCode: apiVersion === 0 ? ErrorCode.NONE : errorCode,
    replicaElectionResults: (request?.topicPartitions ?? []).map((
      { topic, partitions },
    ) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        errorCode,
        errorMessage,
      })),
    })),
  }),
});

async function electAll(request: ElectLeadersRequest, broker: Broker) {
  const { electionType, timeoutMs } = request;
  if (electionType !== PREFERRED && electionType !== UNCLEAN) {
    throw new KafkaError(
      "INVALID_REQUEST",
      `There is no election of type ${electionType}.`,
    );
  }
  const election = electionType === PREFERRED ? "preferred" : "unclean";
  const wanted = request.topicPartitions ?? everyPartition(broker);
  const results = await Promise.all(
    wanted.map(async ({ topic, partitions }) => ({
      topic,
      partitionResult: await Promise.all(
        partitions.map(async (partitionId) => ({
          partitionId,
          ...await electOne(broker, {
            topic,
            index: partitionId,
            election,
            timeoutMs,
          }),
        })),
      ),
    })),
  );
  if (request.topicPartitions !== null) return results;
  return results.map(({ topic, partitionResult }) => ({
    topic,
    partitionResult: partitionResult.filter(({ errorCode }) =>
      errorCode !== ErrorCode.ELECTION_NOT_NEEDED
    ),
  })).filter(({ partitionResult }) => partitionResult.length > 0);
}

function everyPartition({ cluster }: Broker) {
  return [...cluster.image.topics.values()].map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ index }) => index),
  }));
}

async function electOne(
  broker: Broker,
  options: Parameters<Broker["cluster"]["electLeader"]>[0],
): Promise<Failure | { errorCode: 0; errorMessage: null }> {
  try {
    await broker.cluster.electLeader(options);
    return { errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    const { topic, index } = options;
    return refusalOf(error, broker, `elect a leader of ${topic}-${index}`);
  }
}
