// FindCoordinator (key 10): which broker looks after a group or a transactional
// id. No broker of this cluster does yet, and clients are told to ask again.
//
// Up to version 3 a request has one key, from version 4 on a list of them.
//
// Source: Kafka protocol guide; KIP-699.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type FindCoordinatorRequest,
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../wire/kafka/messages/find_coordinator.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type Failure, serve } from "../context.ts";

type Response = InferInput<typeof findCoordinatorResponse>;

const BATCHED_SINCE = 4;

/** Groups and transactional ids. */
const KEY_TYPES = [0, 1];

const NOWHERE = { nodeId: -1, host: "", port: -1 };

export const findCoordinator = serve(
  findCoordinatorRequest,
  findCoordinatorResponse,
  {
    handle: (request, { apiVersion }) =>
      refuse(
        KEY_TYPES.includes(request.keyType)
          ? {
            errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
            errorMessage: "No broker of this cluster coordinates groups.",
          }
          : {
            errorCode: ErrorCode.INVALID_REQUEST,
            errorMessage:
              `There are no coordinators of type ${request.keyType}`,
          },
        request,
        apiVersion,
      ),
    failure: (failure, request, { apiVersion }) =>
      request === null && apiVersion >= BATCHED_SINCE
        ? null
        : refuse(failure, request, apiVersion),
  },
);

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
