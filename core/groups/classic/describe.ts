// A classic group as DescribeGroups shows it.

import { NO_BYTES } from "../../base/bytes.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import type { ShardState } from "../shard_state.ts";
import { ClassicGroup } from "./classic_group.ts";

/** `null` where there is no such classic group. */
export function describeClassicGroup(state: ShardState, groupId: string) {
  const group = state.groups.get(groupId);
  if (!(group instanceof ClassicGroup)) return null;
  // What members say counts once all have agreed on a protocol.
  const isStable = group.state === "Stable";
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: isStable ? group.protocolName ?? "" : "",
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable
        ? member.metadataFor(group.protocolName)
        : NO_BYTES,
      memberAssignment: isStable ? member.assignment : NO_BYTES,
    })),
  };
}
