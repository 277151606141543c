// What is kept of users, client ids and addresses: SCRAM credentials and quotas,
// as configuration in Kafka's own layout.
//
//   /config/users/U           /config/clients/C        /config/ips/A
//   /config/users/U/clients/C
//
// Names are in percent-encoding, `<default>` stands for all that have no own.
//
// Source: observed in a ZooKeeper that Apache Kafka 3.9.1 uses.

import type {
  ZnodeClient,
  ZnodeOperation,
} from "../coordination/znode_client.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import type { ConfigOverrides } from "./cluster_image.ts";
import {
  CONFIG_CHANGE_PREFIX,
  CONFIG_CHANGES,
  DEFAULT_ENTITY,
  encodeConfig,
  encodeConfigPathChange,
  parseConfig,
} from "./znode_layout.ts";

/** Who it is about; a name of `null` is all that have no own. */
export interface ClientEntity {
  readonly user?: string | null;
  /** Of that user where there is one. */
  readonly clientId?: string | null;
  /** Alone only. */
  readonly ip?: string | null;
}

/** What is kept of one. */
export interface ClientEntityConfig {
  readonly entity: ClientEntity;
  readonly config: ConfigOverrides;
}

/** Everything kept of users, client ids and addresses; none that is empty. */
export async function readClientEntities(
  znodes: ZnodeClient,
): Promise<ClientEntityConfig[]> {
  const users = await names(znodes, "users");
  const entities: ClientEntity[] = [
    ...users.map((user) => ({ user })),
    ...(await names(znodes, "clients")).map((clientId) => ({ clientId })),
    ...(await names(znodes, "ips")).map((ip) => ({ ip })),
  ];
  for (const user of users) {
    const path = `${entityPath({ user })}/clients`;
    const clients = await names(znodes, path);
    entities.push(...clients.map((clientId) => ({ user, clientId })));
  }
  const all = await Promise.all(
    entities.map(async (entity) => ({
      entity,
      config: await readClientEntity(znodes, entity),
    })),
  );
  return all.filter(({ config }) => config.size > 0);
}

/** What is kept of one; empty where nothing is. */
export async function readClientEntity(
  znodes: ZnodeClient,
  entity: ClientEntity,
): Promise<ConfigOverrides> {
  const path = `/config/${entityPath(entity)}`;
  const kept = await find(znodes, path);
  return kept === null ? new Map() : parseConfig(path, kept.data);
}

/**
 * Changes what is kept of one, and tells all brokers. `change` is asked again
 * where somebody else was faster; what it throws changes nothing.
 */
export async function changeClientEntity(
  znodes: ZnodeClient,
  entity: ClientEntity,
  change: (now: ConfigOverrides) => ConfigOverrides,
): Promise<void> {
  const path = `/config/${entityPath(entity)}`;
  for (;;) {
    const kept = await find(znodes, path);
    const data = encodeConfig(
      change(kept === null ? new Map() : parseConfig(path, kept.data)),
    );
    const steps: ZnodeOperation[] = kept === null
      ? [
        ...await missingParents(znodes, entity),
        { kind: "create", path, data, mode: "persistent" },
      ]
      : [{ kind: "set", path, data, version: kept.stat.version }];
    try {
      await znodes.multi([...steps, {
        kind: "create",
        path: `${CONFIG_CHANGES}/${CONFIG_CHANGE_PREFIX}`,
        data: encodeConfigPathChange(entityPath(entity)),
        mode: "persistentSequential",
      }]);
      return;
    } catch (error) {
      if (!isZkError(error, "BAD_VERSION", "NODE_EXISTS", "NO_NODE")) {
        throw error;
      }
    }
  }
}

/** A user of whom nothing is kept may have client ids all the same. */
async function missingParents(
  znodes: ZnodeClient,
  entity: ClientEntity,
): Promise<ZnodeOperation[]> {
  const parts = entityPath(entity).split("/");
  const steps: ZnodeOperation[] = [];
  for (let count = 2; count < parts.length; count++) {
    const path = `/config/${parts.slice(0, count).join("/")}`;
    if (await znodes.exists(path) !== null) continue;
    steps.push({ kind: "create", path, data: null, mode: "persistent" });
  }
  return steps;
}

async function find(znodes: ZnodeClient, path: string) {
  try {
    return await znodes.get(path);
  } catch (error) {
    if (isZkError(error, "NO_NODE")) return null;
    throw error;
  }
}

function entityPath({ user, clientId, ip }: ClientEntity): string {
  const parts: string[] = [];
  if (user !== undefined) parts.push("users", encodeName(user));
  if (clientId !== undefined) parts.push("clients", encodeName(clientId));
  if (ip !== undefined) parts.push("ips", encodeName(ip));
  return parts.join("/");
}

async function names(
  znodes: ZnodeClient,
  path: string,
): Promise<(string | null)[]> {
  try {
    const { names } = await znodes.children(`/config/${path}`);
    return names.sort().map(decodeName);
  } catch (error) {
    if (isZkError(error, "NO_NODE")) return [];
    throw error;
  }
}

/** As Java's URLEncoder does, but for the space and the asterisk. */
function encodeName(name: string | null): string {
  if (name === null) return DEFAULT_ENTITY;
  return encodeURIComponent(name).replace(
    /[!'()*~]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decodeName(name: string): string | null {
  return name === DEFAULT_ENTITY ? null : decodeURIComponent(name);
}
