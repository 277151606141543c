// What a server says of the machine that it runs on, under the names of Java's
// system properties where it has the like.

import {
  PROTOCOL_RELEASE,
  type ServerView,
  versionLine,
} from "./server_view.ts";

/** Names and values, in ZooKeeper's order. */
export function environmentFacts(view: ServerView): [string, string][] {
  return [
    ["zookeeper.version", versionLine(view)],
    ["host.name", hostName(view)],
    ["kq.version", view.release],
    ["kq.protocol", `ZooKeeper ${PROTOCOL_RELEASE}`],
    ["os.memory.used", `${Math.round(view.residentBytes() / 2 ** 20)}MB`],
  ];
}

/** The answer to `envi`, a line each. */
export function environmentLines(view: ServerView): string[] {
  return [
    "Environment:\n",
    ...environmentFacts(view).map(([name, value]) => `${name}=${value}\n`),
  ];
}

/** As other servers call it; of one that is alone, its clients' address. */
function hostName({ members, selfId, clientAddress }: ServerView): string {
  const own = members()?.members.get(selfId)?.quorum.host;
  return own ?? (clientAddress?.host || "localhost");
}
