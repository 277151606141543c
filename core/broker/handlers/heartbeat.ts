// Heartbeat (key 12): a member of a group says that it lives.

import { heartbeatGroup } from "../../groups/classic/classic_protocol.ts";
import {
  heartbeatRequest,
  heartbeatResponse,
} from "../../wire/kafka/messages/heartbeat.ts";
import { serve, topLevelFailure } from "../context.ts";

export const heartbeat = serve(heartbeatRequest, heartbeatResponse, {
  handle: (request, { broker }) => ({
    errorCode: heartbeatGroup(broker.groups, request),
  }),
  failure: topLevelFailure,
});
