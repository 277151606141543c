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
  for (const listener of listeners) {
    const { name, securityProtocol } = listener;
    if (securityProtocol !== "PLAINTEXT") {
      throw new ConfigError(
        `listeners: ${name} asks for ${securityProtocol}; only PLAINTEXT is served`,
        { key: "listeners" },
      );
    }
    const address = await bind(server, name, listener);
    bound.push({ ...endpoint(listener, address), address });
  }
  return bound;
}

/** What clients are told of a listener that is bound to an address. */
function endpoint(
  { name, securityProtocol, advertised, host }: BrokerListener,
  address: Address,
): BrokerEndpoint {
  return {
    listener: name,
    securityProtocol,
    host: advertised?.host ?? (host || "localhost"),
    port: advertised?.port ?? address.port,
  };
}

/** What clients are told of bound listeners by a configuration that may be newer. */
export function advertisedEndpoints(
  bound: readonly BoundListener[],
  listeners: readonly BrokerListener[],
): BrokerEndpoint[] {
  return bound.map(({ listener: name, address, ...known }) => {
    const listener = listeners.find((each) => each.name === name);
    return listener === undefined
      ? { ...known, listener: name }
      : endpoint(listener, address);
  });
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
