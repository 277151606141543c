// The listeners of a broker, bound: where each really listens, and what clients
// are told to connect to.

import { ConfigError } from "../config/config_error.ts";
import type { BrokerListener } from "../config/listeners.ts";
import type { BrokerEndpoint } from "../controller/cluster_image.ts";
import { type Address, HostError } from "../host/host.ts";
import type { RpcServer } from "../rpc/server.ts";

/** One bound listener; `host` and `port` are what clients are told. */
export interface BoundListener extends BrokerEndpoint {
  /** Where it listens. */
  readonly address: Address;
}

/**
 * Binds all listeners, in the order of the configuration.
 *
 * @throws {HostError} Where one cannot be bound; it names the listener.
 * @throws {ConfigError} Where one asks for a protocol that is not served.
 */
export async function bindListeners(
  server: RpcServer,
  listeners: readonly BrokerListener[],
): Promise<BoundListener[]> {
  const bound: BoundListener[] = [];
  for (const { name, securityProtocol, advertised, ...wanted } of listeners) {
    if (securityProtocol !== "PLAINTEXT") {
      throw new ConfigError(
        `listeners: ${name} asks for ${securityProtocol}; only PLAINTEXT is served`,
        { key: "listeners" },
      );
    }
    const address = await bind(server, name, wanted);
    bound.push({
      listener: name,
      securityProtocol,
      host: advertised?.host ?? (wanted.host || "localhost"),
      port: advertised?.port ?? address.port,
      address,
    });
  }
  return bound;
}

async function bind(
  server: RpcServer,
  name: string,
  { host, port }: Address,
): Promise<Address> {
  try {
    return await server.listen(name, { host, port });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new HostError(error.kind, `Listener ${name}: ${error.message}`, {
      cause: error,
    });
  }
}
