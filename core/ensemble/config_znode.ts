// The znode that tells clients who is in the ensemble: `/zookeeper/config`.
//
// A change of the ensemble writes it as a transaction. What was configured without
// one, each server writes by itself when it begins to serve; no digest covers it.

import { bytesEqual, encodeUtf8 } from "../base/bytes.ts";
import { READ_ONLY_ACL } from "./acl_cache.ts";
import type { QuorumConfig } from "./quorum/quorum_config.ts";
import { emptyZnode } from "./znode.ts";
import { CONFIG_PATH, type ZnodeTree } from "./znode_tree.ts";

/** Makes the znode say what a configuration says. */
export function putConfigZnode(
  tree: ZnodeTree,
  config: QuorumConfig,
  timeMs: number,
): void {
  const data = encodeUtf8(config.toText());
  const before = tree.get(CONFIG_PATH);
  if (before?.data && bytesEqual(before.data, data)) return;
  if (before === null) {
    // Data of a ZooKeeper older than 3.5.
    const node = emptyZnode();
    node.aclNumber = tree.acls.numberOf(READ_ONLY_ACL);
    node.aversion = -1;
    tree.restore(CONFIG_PATH, node);
  }
  const { lastZxid } = tree;
  const zxid = config.version;
  tree.apply(
    { sessionId: 0n, cxid: 0, zxid, timeMs },
    { kind: "reconfig", path: CONFIG_PATH, data, version: -1 },
  );
  if (zxid > lastZxid) tree.restoreZxid(lastZxid);
}

/** What the znode says; `null` where that is no configuration. */
export function configOfZnode(
  tree: ZnodeTree,
  parse: (text: string) => QuorumConfig,
): QuorumConfig | null {
  const data = tree.get(CONFIG_PATH)?.data ?? null;
  if (data === null || data.length === 0) return null;
  try {
    return parse(new TextDecoder().decode(data));
  } catch {
    return null;
  }
}
