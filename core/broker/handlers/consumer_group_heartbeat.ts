// ConsumerGroupHeartbeat (key 68): a member of a group of the newer protocol
// joins, lives, learns what is its, and leaves.
//
// Source: KIP-848.

import { KafkaError } from "../../wire/kafka/errors.ts";
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import { serve } from "../context.ts";
import { callerOf } from "../group_caller.ts";

export const consumerGroupHeartbeat = serve(
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
  {
    // Kafka 4's: a pattern to subscribe by came with version 1.
    versions: [0, 1],
    handle: (request, context) => {
      const { groups, config } = context.broker;
      const served = config["group.coordinator.rebalance.protocols"];
      if (!served.includes("consumer")) {
        throw new KafkaError(
          "UNSUPPORTED_VERSION",
          "This broker serves classic groups only: group.coordinator.rebalance.protocols has no `consumer`.",
        );
      }
      return groups.consumer.heartbeat(request, callerOf(context));
    },
    failure: ({ errorCode, errorMessage }) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage,
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
    }),
  },
);
