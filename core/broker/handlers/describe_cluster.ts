// DescribeCluster (key 60): which cluster this is, its brokers and controller.
//
// Source: Kafka protocol guide; KIP-700, KIP-919 (endpoint types).

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "../../wire/kafka/messages/describe_cluster.ts";
import {
  CLUSTER_OPERATIONS,
  OPERATIONS_NOT_ASKED,
} from "../authorized_operations.ts";
import { brokersFor } from "../broker_endpoints.ts";
import { serve } from "../context.ts";

const ENDPOINT_BROKERS = 1;
const ENDPOINT_CONTROLLERS = 2;

export const describeCluster = serve(
  describeClusterRequest,
  describeClusterResponse,
  {
    handle: (request, { broker, connection }) => {
      checkEndpointType(request.endpointType);
      const { image } = broker.cluster;
      const brokers = brokersFor(broker, connection.listenerName);
      const isReachable = brokers.some(({ nodeId }) =>
        nodeId === image.controllerId
      );
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        clusterId: image.clusterId,
        controllerId: isReachable ? image.controllerId : -1,
        brokers: brokers.map(({ nodeId, ...rest }) => ({
          brokerId: nodeId,
          ...rest,
        })),
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
          ? CLUSTER_OPERATIONS
          : OPERATIONS_NOT_ASKED,
      };
    },
    failure: (failure) => ({
      throttleTimeMs: 0,
      ...failure,
      clusterId: "",
      brokers: [],
    }),
  },
);

/** @throws {KafkaError} MISMATCHED_ENDPOINT_TYPE, UNSUPPORTED_ENDPOINT_TYPE. */
function checkEndpointType(endpointType: number): void {
  if (endpointType === ENDPOINT_BROKERS) return;
  if (endpointType === ENDPOINT_CONTROLLERS) {
    throw new KafkaError(
      "MISMATCHED_ENDPOINT_TYPE",
      "The request asks for controllers, and this is a broker.",
    );
  }
  throw new KafkaError(
    "UNSUPPORTED_ENDPOINT_TYPE",
    `Unsupported endpoint type ${endpointType}: 1 is for brokers, 2 for controllers.`,
  );
}
