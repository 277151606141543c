// A znode as it will be once all transactions decided so far have been applied:
// as much of it as decisions need.

import { ZkError } from "../wire/zookeeper/errors.ts";
import { OPEN_ACL_NUMBER } from "./acl_cache.ts";
import type { Znode } from "./znode.ts";

/** As much of a future znode as decisions need. */
export interface FutureZnode {
  readonly exists: boolean;
  readonly version: number;
  readonly creations: number;
  readonly aversion: number;
  readonly aclNumber: bigint;
  readonly ephemeralOwner: bigint;
  readonly childCount: number;
  readonly sizeBytes: number;
}

/** One that is not there. */
export const ABSENT: FutureZnode = {
  exists: false,
  version: 0,
  creations: 0,
  aversion: 0,
  aclNumber: OPEN_ACL_NUMBER,
  ephemeralOwner: 0n,
  childCount: 0,
  sizeBytes: 0,
};

/** One that is there already. */
export function presentOf(node: Readonly<Znode>): FutureZnode {
  return {
    exists: true,
    version: node.version,
    creations: node.creations,
    aversion: node.aversion,
    aclNumber: node.aclNumber,
    ephemeralOwner: node.ephemeralOwner,
    childCount: node.children?.size ?? 0,
    sizeBytes: node.data?.length ?? 0,
  };
}

/** @throws {ZkError} BAD_VERSION where the request asks for another version. */
export function nextVersion(
  request: { readonly path: string; readonly version: number },
  version: number,
): number {
  if (request.version !== -1 && request.version !== version) {
    throw new ZkError(
      "BAD_VERSION",
      `${request.path} has version ${version}, not ${request.version}`,
    );
  }
  // -1 fits any version, so the counter steps over it.
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}
