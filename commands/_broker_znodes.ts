// A broker's session on the ensemble that its configuration names.

import { lastingZnodes } from "../core/client/zookeeper/lasting_znodes.ts";
import { connectZnodes } from "../core/client/zookeeper/networked_znodes.ts";
import { parseConnectString } from "../core/client/zookeeper/connect_string.ts";
import type { BrokerConfig } from "../core/config/broker_config.ts";
import type { ZnodeClient } from "../core/coordination/znode_client.ts";
import type { Host } from "../core/host/host.ts";

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
