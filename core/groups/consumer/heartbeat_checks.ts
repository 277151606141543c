// What is wrong with a heartbeat by itself, whatever the group.
//
// Source: KIP-848, "ConsumerGroupHeartbeat API"; observed on Kafka 3.9 and 4.1.

import { KafkaError } from "../../wire/kafka/errors.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../wire/kafka/messages/consumer_group_heartbeat.ts";
import type { ServerAssignor } from "../assignors/server_assignor.ts";
import { AWAY_EPOCH, JOINING_EPOCH, LEAVING_EPOCH } from "./consumer_member.ts";
import { parseTopicPattern } from "./topic_pattern.ts";

/** From this version on the member makes up its own id. */
const MEMBER_NAMES_ITSELF_SINCE = 1;

/**
 * @throws {KafkaError} INVALID_REQUEST, UNSUPPORTED_ASSIGNOR.
 */
export function checkHeartbeat(
  request: ConsumerGroupHeartbeatRequest,
  { apiVersion, assignors }: {
    readonly apiVersion: number;
    readonly assignors: readonly ServerAssignor[];
  },
): void {
  const { memberEpoch } = request;
  refuseIf(request.groupId === "", "The group id must not be empty.");
  refuseIf(request.instanceId === "", "The instance id must not be empty.");
  refuseIf(request.rackId === "", "The rack id must not be empty.");
  refuseIf(
    request.memberId === "" &&
      (apiVersion >= MEMBER_NAMES_ITSELF_SINCE ||
        memberEpoch !== JOINING_EPOCH),
    "The member id must not be empty.",
  );
  refuseIf(
    memberEpoch < AWAY_EPOCH,
    `There is no member epoch ${memberEpoch}.`,
  );
  refuseIf(
    memberEpoch === AWAY_EPOCH && request.instanceId === null,
    "Only a static member can leave for a while: it must give its instance id.",
  );
  if (memberEpoch === JOINING_EPOCH) checkJoin(request);
  if (memberEpoch === AWAY_EPOCH || memberEpoch === LEAVING_EPOCH) return;
  checkAssignor(request.serverAssignor, assignors);
}

function checkJoin(request: ConsumerGroupHeartbeatRequest): void {
  refuseIf(
    request.rebalanceTimeoutMs === -1,
    "A member that joins must give its rebalance timeout.",
  );
  refuseIf(
    request.topicPartitions === null || request.topicPartitions.length > 0,
    "A member that joins must say that it has no partitions.",
  );
  refuseIf(
    request.subscribedTopicNames === null &&
      request.subscribedTopicRegex === null,
    "A member that joins must subscribe to topics by name or by pattern.",
  );
}

function checkAssignor(
  name: string | null,
  assignors: readonly ServerAssignor[],
): void {
  if (name === null || assignors.some((each) => each.name === name)) return;
  const known = assignors.map((each) => each.name).join(", ");
  throw new KafkaError(
    "UNSUPPORTED_ASSIGNOR",
    `There is no assignor "${name}"; this coordinator has: ${known}.`,
  );
}

/** @throws {KafkaError} INVALID_REGULAR_EXPRESSION. */
export function checkRegex(regex: string | null): void {
  if (regex === null || regex === "") return;
  const parsed = parseTopicPattern(regex);
  if (parsed.kind === "pattern") return;
  throw new KafkaError(
    "INVALID_REGULAR_EXPRESSION",
    `Cannot read the pattern "${regex}": ${parsed.reason}.`,
  );
}

function refuseIf(isBad: boolean, message: string): void {
  if (isBad) throw new KafkaError("INVALID_REQUEST", message);
}
