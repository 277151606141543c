// ListGroups (key 16): the groups that this broker coordinates, by state and type.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  listGroupsRequest,
  listGroupsResponse,
} from "../../wire/kafka/messages/list_groups.ts";
import { serve } from "../context.ts";

export const listGroups = serve(listGroupsRequest, listGroupsResponse, {
  handle: ({ statesFilter, typesFilter }, { broker }) => {
    const states = filterOf(statesFilter);
    const types = filterOf(typesFilter);
    let errorCode: number = ErrorCode.NONE;
    const groups = [];
    for (const shard of broker.groups.shards()) {
      if (shard.isLoading) errorCode = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
      if (!shard.isActive) continue;
      for (const group of shard.state.groups.values()) {
        const { groupId, protocolType, stateName, type } = group;
        if (!states(stateName) || !types(type)) continue;
        groups.push({
          groupId,
          protocolType,
          groupState: stateName,
          groupType: type,
        });
      }
    }
    return errorCode === ErrorCode.NONE
      ? { errorCode, groups }
      : { errorCode, groups: [] };
  },
  failure: ({ errorCode }) => ({ errorCode, groups: [] }),
});

/** No names let all pass. */
function filterOf(names: readonly string[]): (name: string) => boolean {
  if (names.length === 0) return () => true;
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return (name) => wanted.has(name.toLowerCase());
}
