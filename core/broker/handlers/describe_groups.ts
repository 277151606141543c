// DescribeGroups (key 15): the state of classic groups and their members. A group
// that is not there is "Dead".

import { describeClassicGroup } from "../../groups/classic/describe.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from "../../wire/kafka/messages/describe_groups.ts";
import {
  GROUP_OPERATIONS,
  OPERATIONS_NOT_ASKED,
} from "../authorized_operations.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

/** First version in which a group that is not there is an error. */
const NOT_FOUND_SINCE = 6;

export const describeGroups = serve(
  describeGroupsRequest,
  describeGroupsResponse,
  {
    handle: async (request, { broker, apiVersion }) => {
      const authorizedOperations = request.includeAuthorizedOperations
        ? GROUP_OPERATIONS
        : OPERATIONS_NOT_ASKED;
      const groups = await Promise.all(request.groups.map(async (groupId) => {
        try {
          const described = await broker.groups.shardOf(groupId).run((
            state,
          ) => ({
            records: [],
            response: describeClassicGroup(state, groupId),
          }));
          if (described !== null) return { ...described, authorizedOperations };
          const isError = apiVersion >= NOT_FOUND_SINCE;
          return isError
            ? {
              ...dead(groupId, ErrorCode.GROUP_ID_NOT_FOUND),
              errorMessage: `Group ${groupId} not found.`,
            }
            : { ...dead(groupId, ErrorCode.NONE), authorizedOperations };
        } catch (error) {
          const action = `describe the group "${groupId}"`;
          const { errorCode } = refusalOf(error, broker, action);
          return { ...dead(groupId, errorCode), groupState: "" };
        }
      }));
      return { groups };
    },
    failure: ({ errorCode }, request) => ({
      groups: (request?.groups ?? []).map((groupId) => ({
        ...dead(groupId, errorCode),
        groupState: "",
      })),
    }),
  },
);

function dead(groupId: string, errorCode: number) {
  return {
    errorCode,
    groupId,
    groupState: "Dead",
    protocolType: "",
    protocolData: "",
    members: [],
  };
}
