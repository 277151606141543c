// The addresses of a broker: where it listens, and what it tells clients to
// connect to, each under the name of a listener.
//
//   listeners            = listener *("," listener)
//   listener             = NAME "://" [HOST] ":" PORT
//   security.protocol.map = NAME ":" PROTOCOL *("," …)
//
// An empty HOST is every interface; PORT 0 lets the system choose.
//
// Source: Kafka documentation, "Configuration: Broker Configs"; KIP-103.

import { ConfigError } from "./config_error.ts";
import type { BrokerConfig } from "./broker_config.ts";

export type SecurityProtocol =
  | "PLAINTEXT"
  | "SSL"
  | "SASL_PLAINTEXT"
  | "SASL_SSL";

const PROTOCOLS: readonly string[] = [
  "PLAINTEXT",
  "SSL",
  "SASL_PLAINTEXT",
  "SASL_SSL",
];

/** One address under its listener's name. */
export interface ListenerAddress {
  /** In capitals. */
  readonly name: string;
  /** Without the brackets of IPv6; `""` is every interface. */
  readonly host: string;
  readonly port: number;
}

/** One listener of a broker. */
export interface BrokerListener extends ListenerAddress {
  readonly securityProtocol: SecurityProtocol;
  /**
   * What clients are told, where `advertised.listeners` says so; `null`: the
   * listener's own address once it is bound.
   */
  readonly advertised: ListenerAddress | null;
}

/**
 * Parses a list of addresses; nothing in it, no addresses.
 *
 * @throws {ConfigError} Where one is not NAME://HOST:PORT, or two share a name.
 */
export function parseAddresses(key: string, text: string): ListenerAddress[] {
  const addresses = text.split(",").map((item) => item.trim())
    .filter((item) => item !== "").map((item) => parseAddress(key, item));
  const names = new Set<string>();
  for (const { name } of addresses) {
    if (names.has(name)) {
      throw refuse(key, "each listener to have a name of its own", name);
    }
    names.add(name);
  }
  return addresses;
}

function parseAddress(key: string, item: string): ListenerAddress {
  const match = /^([^:/]+):\/\/(?:\[([\w:.%-]*)\]|([\w.-]*)):(\d+)$/.exec(item);
  const port = match === null ? NaN : Number(match[4]);
  if (match === null || port > 65_535) {
    throw refuse(
      key,
      "NAME://HOST:PORT by comma with a port from 0 to 65535",
      item,
    );
  }
  return {
    name: match[1].trim().toUpperCase(),
    host: match[2] ?? match[3],
    port,
  };
}

function refuse(key: string, expected: string, got: string): ConfigError {
  return new ConfigError(
    `${key}: expected ${expected}, got ${JSON.stringify(got)}`,
    { key },
  );
}

/**
 * The listeners of a broker, with what each advertises.
 *
 * @throws {ConfigError} Where the keys contradict each other: a listener
 * without protocol, two on one port, an address that no client can connect to.
 */
export function brokerListeners(config: BrokerConfig): BrokerListener[] {
  const own = parseAddresses("listeners", config.listeners);
  if (own.length === 0) {
    throw refuse("listeners", "at least one address", config.listeners);
  }
  const protocols = parseProtocolMap(config["listener.security.protocol.map"]);
  const advertised = parseAddresses(
    "advertised.listeners",
    config["advertised.listeners"] ?? "",
  );
  checkPorts(own);
  for (const address of advertised) checkAdvertised(address, own);
  for (const { name, host, port } of own) {
    if (!isMetaAddress(host)) continue;
    if (!advertised.some((other) => other.name === name)) {
      throw refuse(
        "advertised.listeners",
        `an address for ${name} that clients can connect to`,
        `nothing, and ${host}:${port} in listeners`,
      );
    }
  }
  return own.map((address) => ({
    ...address,
    securityProtocol: protocolOf(address.name, protocols),
    advertised: advertised.find((other) => other.name === address.name) ?? null,
  }));
}

function parseProtocolMap(text: string): Map<string, SecurityProtocol> {
  const key = "listener.security.protocol.map";
  const protocols = new Map<string, SecurityProtocol>();
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const [name, protocol, ...more] = item.split(":").map((part) =>
      part.trim().toUpperCase()
    );
    if (more.length > 0 || !PROTOCOLS.includes(protocol)) {
      throw refuse(key, `NAME:PROTOCOL of ${PROTOCOLS.join(", ")}`, item);
    }
    protocols.set(name, protocol as SecurityProtocol);
  }
  return protocols;
}

function protocolOf(
  name: string,
  protocols: ReadonlyMap<string, SecurityProtocol>,
): SecurityProtocol {
  const protocol = protocols.get(name);
  if (protocol !== undefined) return protocol;
  throw refuse(
    "listener.security.protocol.map",
    `a protocol for the listener ${name}`,
    [...protocols].map(([key, value]) => `${key}:${value}`).join(","),
  );
}

// One port may be shared by an IPv4 and an IPv6 address, as Kafka allows.
function checkPorts(addresses: readonly ListenerAddress[]): void {
  for (const [index, { host, port }] of addresses.entries()) {
    if (port === 0) continue;
    const other = addresses.slice(0, index).find((earlier) =>
      earlier.port === port &&
      earlier.host.includes(":") === host.includes(":")
    );
    if (other !== undefined) {
      throw refuse(
        "listeners",
        "each listener to have a port of its own",
        `${other.name} and ${addresses[index].name} on ${port}`,
      );
    }
  }
}

// These listen everywhere; nobody can connect to them.
function isMetaAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function checkAdvertised(
  address: ListenerAddress,
  own: readonly ListenerAddress[],
): void {
  const key = "advertised.listeners";
  const { name, host, port } = address;
  if (!own.some((listener) => listener.name === name)) {
    throw refuse(
      key,
      `names out of listeners (${own.map((other) => other.name).join(", ")})`,
      name,
    );
  }
  if (host === "" || isMetaAddress(host) || port === 0) {
    throw refuse(
      key,
      "an address that clients can connect to",
      `${name}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    );
  }
}
