// A session on an ensemble as what brokers ask of a coordinator.

import type {
  CreateMode,
  SessionState,
  ZnodeClient,
  ZnodeOperation,
  ZnodeResult,
  ZnodeStat,
  ZnodeWatcher,
} from "../../coordination/znode_client.ts";
import { isZkError } from "../../wire/zookeeper/errors.ts";
import type { Step } from "./operations.ts";
import {
  connectZooKeeper,
  OPEN_ACL,
  type ZooKeeperClient,
  type ZooKeeperOptions,
} from "./zookeeper_client.ts";

/**
 * Begins a session; the path of the connect string is made where it is missing.
 *
 * @throws {EnsembleUnreachableError} Where no server gives one in time.
 * @throws {ConfigError} Where the connect string is none.
 */
export async function connectZnodes(
  options: ZooKeeperOptions,
): Promise<ZnodeClient> {
  const client = await connectZooKeeper(options);
  if (client.chroot !== "") await makePath(client);
  return new NetworkedZnodes(client);
}

/** Makes the client's own root, with all above it. */
async function makePath(client: ZooKeeperClient): Promise<void> {
  if (await client.exists("/") !== null) return;
  const outside = client.withoutChroot();
  const parts = client.chroot.slice(1).split("/");
  for (let count = 1; count <= parts.length; count++) {
    const path = `/${parts.slice(0, count).join("/")}`;
    try {
      await outside.create({ path, data: null, mode: "persistent" });
    } catch (error) {
      if (!isZkError(error, "NODE_EXISTS")) throw error;
    }
  }
}

class NetworkedZnodes implements ZnodeClient {
  readonly #client: ZooKeeperClient;

  constructor(client: ZooKeeperClient) {
    this.#client = client;
  }

  get sessionId(): bigint {
    return this.#client.sessionId;
  }

  get livesUntilMs(): number {
    return this.#client.livesUntilMs;
  }

  create(
    path: string,
    data: Uint8Array | null,
    mode: CreateMode,
  ): Promise<{ path: string; stat: ZnodeStat }> {
    return this.#client.create({ path, data, mode });
  }

  get(path: string, watch?: ZnodeWatcher) {
    return this.#client.get(path, watch);
  }

  exists(path: string, watch?: ZnodeWatcher): Promise<ZnodeStat | null> {
    return this.#client.exists(path, watch);
  }

  set(
    path: string,
    data: Uint8Array | null,
    version: number,
  ): Promise<ZnodeStat> {
    return this.#client.set(path, data, version);
  }

  children(path: string, watch?: ZnodeWatcher) {
    return this.#client.children(path, watch);
  }

  delete(path: string, version: number): Promise<void> {
    return this.#client.delete(path, version);
  }

  async multi(operations: readonly ZnodeOperation[]): Promise<ZnodeResult[]> {
    const steps = operations.map((operation): Step =>
      operation.kind === "create" ? { ...operation, acl: OPEN_ACL } : operation
    );
    const results = await this.#client.multi(steps);
    return results.map(({ path, stat }, index) => ({
      kind: operations[index].kind,
      path,
      stat,
    }));
  }

  onState(run: (state: SessionState) => void): () => void {
    return this.#client.onState(run);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
