// How a broker enters the cluster: the persistent znodes are there, the cluster
// has an id, the broker has its own, and its registration stands as long as its
// session.

import type { Host } from "../host/host.ts";
import type {
  ZnodeClient,
  ZnodeOperation,
} from "../coordination/znode_client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import { randomUuid } from "./uuid.ts";
import {
  BROKER_SEQUENCE,
  brokerPath,
  type BrokerRegistration,
  CLUSTER_ID,
  CONTROLLER_EPOCH,
  encodeBroker,
  encodeClusterId,
  encodeEpoch,
  encodeFeature,
  FEATURE,
  parseClusterId,
  PERSISTENT_PATHS,
} from "./znode_layout.ts";

/**
 * Makes what every cluster has, where it is missing, all at once.
 *
 * @returns The cluster's id.
 * @throws {KafkaError} INCONSISTENT_CLUSTER_ID where it is not `expectedClusterId`.
 */
export async function ensureCluster(
  host: Host,
  znodes: ZnodeClient,
  expectedClusterId: string | null,
): Promise<string> {
  for (;;) {
    const missing = await missingZnodes(host, znodes, expectedClusterId);
    try {
      if (missing.length > 0) await znodes.multi(missing);
    } catch (error) {
      // Another broker makes the cluster at the same time: see what it has made.
      if (isZkError(error, "NODE_EXISTS")) continue;
      throw error;
    }
    const clusterId = parseClusterId((await znodes.get(CLUSTER_ID)).data);
    if (expectedClusterId !== null && clusterId !== expectedClusterId) {
      throw new KafkaError(
        "INCONSISTENT_CLUSTER_ID",
        `The Cluster ID ${clusterId} doesn't match stored clusterId ${expectedClusterId} ` +
          "in meta.properties. The broker is trying to join the wrong cluster. " +
          "Check the coordinator that the broker is given, or its log directories.",
      );
    }
    return clusterId;
  }
}

async function missingZnodes(
  host: Host,
  znodes: ZnodeClient,
  expectedClusterId: string | null,
): Promise<ZnodeOperation[]> {
  const contents: [path: string, data: () => Uint8Array | null][] = [
    ...PERSISTENT_PATHS.map((path): [string, () => null] => [path, () => null]),
    // A cluster whose coordinator was lost keeps the id that its logs have.
    [CLUSTER_ID, () =>
      encodeClusterId(
        expectedClusterId ?? randomUuid((count) => host.randomBytes(count)),
      )],
    [CONTROLLER_EPOCH, () => encodeEpoch(0)],
    [FEATURE, () => encodeFeature()],
  ];
  const stats = await Promise.all(
    contents.map(([path]) => znodes.exists(path)),
  );
  return contents.filter((_, index) => stats[index] === null).map((
    [path, data],
  ) => ({ kind: "create", path, data: data(), mode: "persistent" }));
}

/** A broker id that no other broker has or will have: above `reservedMax`. */
export async function generateBrokerId(
  znodes: ZnodeClient,
  reservedMax: number,
): Promise<number> {
  // Each set gives another version, which is what makes the id unique.
  const { version } = await znodes.set(BROKER_SEQUENCE, null, -1);
  return reservedMax + version;
}

/**
 * Registers a broker for as long as the session lives.
 *
 * A former registration of the same id is waited for to go, as that of a broker
 * that was killed does when its session expires.
 *
 * @param wait `timeoutMs` for that; `onWait` is called once, where there is one.
 * @returns The broker's epoch.
 * @throws {KafkaError} DUPLICATE_BROKER_REGISTRATION where it does not go in time.
 */
export async function registerBroker(
  { host, znodes }: { host: Host; znodes: ZnodeClient },
  id: number,
  registration: BrokerRegistration,
  wait: { readonly timeoutMs: number; readonly onWait?: () => void },
): Promise<number> {
  const path = brokerPath(id);
  const deadlineMs = host.clock.monotonicMs() + wait.timeoutMs;
  for (let round = 0;; round++) {
    const data = encodeBroker(registration, host.clock.wallMs());
    try {
      const [created] = await znodes.multi([
        { kind: "create", path, data: null, mode: "ephemeral" },
        { kind: "set", path, data, version: 0 },
      ]);
      return Number(created.stat?.czxid ?? 0n);
    } catch (error) {
      if (!isZkError(error, "NODE_EXISTS")) throw error;
    }
    // The answer to an earlier try may have been lost with its connection.
    const present = await znodes.exists(path);
    if (present === null) continue;
    if (present.ephemeralOwner === znodes.sessionId) {
      return Number(present.czxid);
    }
    if (round === 0) wait.onWait?.();
    const remainingMs = deadlineMs - host.clock.monotonicMs();
    if (!await waitUntilGone(host, znodes, { path, timeoutMs: remainingMs })) {
      throw new KafkaError(
        "DUPLICATE_BROKER_REGISTRATION",
        `Cannot register broker ${id}: another live broker has this id. Stop it, or give this ` +
          "one another broker.id",
      );
    }
  }
}

/** @returns Whether the znode went in time. */
function waitUntilGone(
  host: Host,
  znodes: ZnodeClient,
  { path, timeoutMs }: { path: string; timeoutMs: number },
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = host.clock.after(Math.max(0, timeoutMs), () => resolve(false));
    const settle = () => {
      stop();
      resolve(true);
    };
    const look = () => {
      znodes.exists(
        path,
        (event) => event.type === "deleted" ? settle() : look(),
      )
        .then((stat) => stat === null && settle(), (error) => {
          stop();
          reject(error);
        });
    };
    look();
  });
}
