// ConsumerGroupDescribe (key 69): the state of groups of the newer protocol, with
// what each member has and what it is to have.
//
// Source: KIP-848.

import { undescribedGroup } from "../../groups/consumer/describe_group.ts";
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from "../../wire/kafka/messages/consumer_group_describe.ts";
import {
  GROUP_OPERATIONS,
  OPERATIONS_NOT_ASKED,
} from "../authorized_operations.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

export const consumerGroupDescribe = serve(
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
  {
    // Kafka 4's: the type of members came with version 1.
    versions: [0, 1],
    handle: async (request, { broker }) => {
      const authorizedOperations = request.includeAuthorizedOperations
        ? GROUP_OPERATIONS
        : OPERATIONS_NOT_ASKED;
      const groups = await Promise.all(request.groupIds.map(async (groupId) => {
        try {
          const described = await broker.groups.consumer.describe(groupId);
          return { ...described, authorizedOperations };
        } catch (error) {
          const action = `describe the group "${groupId}"`;
          return undescribedGroup(groupId, refusalOf(error, broker, action));
        }
      }));
      return { throttleTimeMs: 0, groups };
    },
    failure: (failure, request) => ({
      throttleTimeMs: 0,
      groups: (request?.groupIds ?? []).map((groupId) =>
        undescribedGroup(groupId, failure)
      ),
    }),
  },
);
