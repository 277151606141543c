// Who asks something of a group, as Kafka prints it.

import type { Caller } from "../groups/classic/classic_protocol.ts";
import type { RequestContext } from "./context.ts";

export function callerOf(context: RequestContext): Caller {
  const { clientId, connection, apiVersion } = context;
  return { clientId, clientHost: `/${connection.peerHost}`, apiVersion };
}
