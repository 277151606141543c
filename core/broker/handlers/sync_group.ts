// SyncGroup (key 14): answered when the leader of the group has assigned.

import { refusedSync } from "../../groups/classic/classic_group.ts";
import { syncGroup as sync } from "../../groups/classic/classic_protocol.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../../wire/kafka/messages/sync_group.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import { type RequestContext, serve } from "../context.ts";

/** First version whose request names the group's protocol; it is then required. */
const PROTOCOL_SINCE = 5;

export const syncGroup = serve(syncGroupRequest, syncGroupResponse, {
  handle: (request, context) =>
    lacksProtocol(request, context)
      ? refusedSync(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
      : sync(context.broker.groups, request),
  failure: ({ errorCode }) => refusedSync(errorCode),
});

function lacksProtocol(
  request: {
    readonly protocolType: string | null;
    readonly protocolName: string | null;
  },
  { apiVersion }: RequestContext,
): boolean {
  return apiVersion >= PROTOCOL_SINCE &&
    (request.protocolType === null || request.protocolName === null);
}
