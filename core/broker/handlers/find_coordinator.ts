// FindCoordinator (key 10): which broker looks after a group or a transactional
// id. Groups live in `__consumer_offsets` and transactional ids in
// `__transaction_state`; the first one to ask creates the topic.
//
// Up to version 3 a request has one key, from version 4 on a list of them.
//
// Source: Kafka protocol guide; KIP-699.

import { OFFSETS_TOPIC } from "../../groups/group_coordinator.ts";
import { TRANSACTIONS_TOPIC } from "../../transactions/transaction_coordinator.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type FindCoordinatorRequest,
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { brokersFor } from "../broker_endpoints.ts";
import { type Failure, type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type Response = InferInput<typeof findCoordinatorResponse>;

const BATCHED_SINCE = 4;

const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;
/** First version that may ask for a share group's. */
const SHARE_SINCE = 6;

const NOWHERE = { nodeId: -1, host: "", port: -1 };

export const findCoordinator = serve(
  findCoordinatorRequest,
  findCoordinatorResponse,
  {
    handle: async (request, context) => {
      const { apiVersion, broker } = context;
      if (request.keyType === GROUP) await broker.offsetsTopic.ensure();
      if (request.keyType === TRANSACTION) {
        await broker.transactionsTopic.ensure();
      }
      const find = (key: string) => {
        try {
          return {
            key,
            ...coordinatorOf(request.keyType, key, context),
            errorCode: ErrorCode.NONE,
            errorMessage: apiVersion >= BATCHED_SINCE ? "" : "NONE",
          };
        } catch (error) {
          const action = `find the coordinator of "${key}"`;
          return { key, ...NOWHERE, ...refusalOf(error, broker, action) };
        }
      };
      return apiVersion >= BATCHED_SINCE
        ? { coordinators: request.coordinatorKeys.map(find) }
        : find(request.key);
    },
    failure: (failure, request, { apiVersion }) =>
      request === null && apiVersion >= BATCHED_SINCE
        ? null
        : refuse(failure, request, apiVersion),
  },
);

/** @throws {KafkaError} INVALID_GROUP_ID, INVALID_REQUEST, COORDINATOR_NOT_AVAILABLE. */
function coordinatorOf(
  keyType: number,
  key: string,
  { broker, connection, apiVersion }: RequestContext,
) {
  if (keyType === SHARE && apiVersion >= SHARE_SINCE) {
    throw new KafkaError(
      "COORDINATOR_NOT_AVAILABLE",
      "No broker of this cluster coordinates share groups.",
    );
  }
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    throw new KafkaError(
      "INVALID_REQUEST",
      `There are no coordinators of type ${keyType}`,
    );
  }
  const { topics } = broker.cluster.image;
  const leader = keyType === GROUP
    ? topics.get(OFFSETS_TOPIC)
      ?.partitions[broker.groups.partitionOf(key)]?.leader
    : topics.get(TRANSACTIONS_TOPIC)
      ?.partitions[broker.transactions.partitionOf(key)]?.leader;
  const node = brokersFor(broker, connection.listenerName)
    .find(({ nodeId }) => nodeId === leader);
  if (node === undefined) throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  return { nodeId: node.nodeId, host: node.host, port: node.port };
}

function refuse(
  failure: Failure,
  request: FindCoordinatorRequest | null,
  apiVersion: number,
): Response {
  if (apiVersion < BATCHED_SINCE) return { ...failure, ...NOWHERE };
  const keys = request?.coordinatorKeys ?? [];
  return {
    coordinators: keys.map((key) => ({ key, ...NOWHERE, ...failure })),
  };
}
