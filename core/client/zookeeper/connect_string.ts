// Which servers a client may use, and where in the tree its own root is.
//
//   zk1:2181,zk2,[::1]:2183/kafka/main
//
// Source: ZooKeeper documentation, "ZooKeeper Sessions" (connection string,
// chroot).

import { ConfigError } from "../../config/config_error.ts";
import type { Address } from "../../host/host.ts";

export interface ConnectString {
  /** At least one, in the order given. */
  readonly servers: readonly Address[];
  /** `""` for the root, else a path without a slash at its end. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;
const PORT_MAX = 65535;

/**
 * Reads a list of servers with an optional path behind the last.
 *
 * @throws {ConfigError} Where it is none.
 */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf("/");
  const list = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? "" : text.slice(slash).trim();
  const servers = list.split(",").map((item) => item.trim())
    .filter((item) => item !== "").map(parseServer);
  if (servers.length === 0) {
    throw problem(`expected HOST:PORT,…, got ${JSON.stringify(text)}`);
  }
  const chroot = path === "/" ? "" : path;
  if (/\/$|\/\/|\/\.\.?(\/|$)/.test(chroot)) {
    throw problem(`${JSON.stringify(path)} is no path of a znode`);
  }
  return { servers, chroot };
}

/** A server as `host:port`. */
export function serverText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseServer(item: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(item);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (match === null || port < 1 || port > PORT_MAX) {
    throw problem(`expected HOST:PORT, got ${JSON.stringify(item)}`);
  }
  return { host: match[1] ?? match[2], port };
}

function problem(reason: string): ConfigError {
  return new ConfigError(`zookeeper.connect: ${reason}`, {
    key: "zookeeper.connect",
  });
}
