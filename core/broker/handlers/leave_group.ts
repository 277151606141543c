// LeaveGroup (key 13): members go; up to version 2 one, then a list of them.

import { leaveGroup as leave } from "../../groups/classic/classic_protocol.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "../../wire/kafka/messages/leave_group.ts";
import { serve, topLevelFailure } from "../context.ts";

const BATCHED_SINCE = 3;

export const leaveGroup = serve(leaveGroupRequest, leaveGroupResponse, {
  handle: (request, { broker, apiVersion }) => {
    const { groupId, memberId, members } = request;
    if (apiVersion < BATCHED_SINCE) {
      const leaving = [{ memberId, groupInstanceId: null }];
      return { errorCode: leave(broker.groups, groupId, leaving)[0] };
    }
    const codes = leave(broker.groups, groupId, members);
    return {
      errorCode: ErrorCode.NONE,
      members: members.map(({ memberId, groupInstanceId }, i) => ({
        memberId,
        groupInstanceId,
        errorCode: codes[i],
      })),
    };
  },
  failure: topLevelFailure,
});
