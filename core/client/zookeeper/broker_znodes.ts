// A broker's session on the ensemble that its configuration names.

import { lastingZnodes } from "./lasting_znodes.ts";
import { connectZnodes } from "./networked_znodes.ts";
import { parseConnectString } from "./connect_string.ts";
import type { BrokerConfig } from "../../config/broker_config.ts";
import type { ZnodeClient } from "../../coordination/znode_client.ts";
import type { Host } from "../../host/host.ts";

/**
 * Begins a session that is followed by another when it ends.
 *
 * @throws {EnsembleUnreachableError} Where no server answers within
 * `zookeeper.connection.timeout.ms`.
 * @throws {ConfigError} Where `zookeeper.connect` is no list of servers.
 */
export function brokerZnodes(
  host: Host,
  config: BrokerConfig,
  trace: (line: string) => void,
): Promise<ZnodeClient> {
  const connect = parseConnectString(config["zookeeper.connect"] ?? "");
  const timeoutMs = config["zookeeper.session.timeout.ms"];
  return lastingZnodes({
    clock: host.clock,
    open: () =>
      connectZnodes({
        host,
        connect,
        timeoutMs,
        connectTimeoutMs: config["zookeeper.connection.timeout.ms"] ??
          timeoutMs,
        inFlightMax: config["zookeeper.max.in.flight.requests"],
      }),
    trace,
  });
}
