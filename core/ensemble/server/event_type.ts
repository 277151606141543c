// The numbers of watch events on the wire.
//
// Source: ZooKeeper's Java API, `Watcher.Event.EventType` and `KeeperState`.

import type { ZnodeEventType } from "../../coordination/znode_client.ts";

export const EventType: Readonly<Record<ZnodeEventType, number>> = {
  created: 1,
  deleted: 2,
  dataChanged: 3,
  childrenChanged: 4,
};

/** The state that an event of a live session carries. */
export const SYNC_CONNECTED = 3;
