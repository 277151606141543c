// DeleteGroups (key 42): ends groups without members, offsets and all.

import { deleteGroup } from "../../groups/delete_offsets.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from "../../wire/kafka/messages/delete_groups.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

export const deleteGroups = serve(deleteGroupsRequest, deleteGroupsResponse, {
  handle: async ({ groupsNames }, { broker }) => {
    const remove = async (groupId: string) => {
      try {
        await broker.groups.shardOf(groupId).run((state) =>
          deleteGroup(state, groupId)
        );
        return { groupId, errorCode: ErrorCode.NONE };
      } catch (error) {
        const action = `delete the group "${groupId}"`;
        return {
          groupId,
          errorCode: refusalOf(error, broker, action).errorCode,
        };
      }
    };
    const names = [...new Set(groupsNames)];
    return { throttleTimeMs: 0, results: await Promise.all(names.map(remove)) };
  },
  failure: ({ errorCode }, request) => ({
    throttleTimeMs: 0,
    results: (request?.groupsNames ?? []).map((groupId) => ({
      groupId,
      errorCode,
    })),
  }),
});
