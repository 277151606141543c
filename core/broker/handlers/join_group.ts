// JoinGroup (key 11): answered when the group's members are all there.

import { refusedJoin } from "../../groups/classic/classic_group.ts";
import { joinGroup as join } from "../../groups/classic/classic_protocol.ts";
import {
  joinGroupRequest,
  joinGroupResponse,
} from "../../wire/kafka/messages/join_group.ts";
import { type RequestContext, serve } from "../context.ts";
import { callerOf } from "../group_caller.ts";

/** First version that may leave the protocol's name out. */
const NO_PROTOCOL_NAME_SINCE = 7;

export const joinGroup = serve(joinGroupRequest, joinGroupResponse, {
  handle: async (request, context) =>
    named(
      await join(context.broker.groups, request, callerOf(context)),
      context,
    ),
  failure: ({ errorCode }, request, context) =>
    named(refusedJoin(errorCode, request?.memberId ?? ""), context),
});

/** Old versions say `""` for no name. */
function named<T extends { readonly protocolName: string | null }>(
  response: T,
  { apiVersion }: RequestContext,
): T {
  return response.protocolName === null && apiVersion < NO_PROTOCOL_NAME_SINCE
    ? { ...response, protocolName: "" }
    : response;
}
