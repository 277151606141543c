// Internet addresses and networks of them, as access control lists name both:
// `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
//
// Source: RFC 4291, section 2.2 (text of IPv6 addresses).

/** An address as a number, and how many bits it has: 32 or 128. */
export interface AddressBits {
  readonly value: bigint;
  readonly size: 32 | 128;
}

/** Addresses that share their first `prefix` bits. */
export interface Network {
  readonly address: AddressBits;
  readonly prefix: number;
}

/** `null` where the text is no network, nor an address. */
export function parseNetwork(text: string): Network | null {
  const [host, bits, ...rest] = text.split("/");
  const address = addressBits(host);
  if (address === null || rest.length > 0) return null;
  if (bits === undefined) return { address, prefix: address.size };
  if (!/^\d{1,3}$/.test(bits)) return null;
  const prefix = Number(bits);
  return prefix <= address.size ? { address, prefix } : null;
}

export function inNetwork(address: AddressBits, network: Network): boolean {
  const { prefix } = network;
  if (address.size !== network.address.size) return false;
  const shift = BigInt(address.size - prefix);
  return address.value >> shift === network.address.value >> shift;
}

/** `null` where the text is no address. */
export function addressBits(text: string): AddressBits | null {
  if (!text.includes(":")) {
    const value = ipv4Value(text);
    return value === null ? null : { value, size: 32 };
  }
  const zone = text.indexOf("%");
  const value = ipv6Value(zone < 0 ? text : text.slice(0, zone));
  return value === null ? null : { value, size: 128 };
}

function ipv4Value(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null;
    value = value << 8n | BigInt(part);
  }
  return value;
}

function ipv6Value(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => groupsOf(half));
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array(missing).fill(0n), ...tail ?? []];
  return groups.reduce((value: bigint, group) => value << 16n | group, 0n);
}

function groupsOf(text: string): bigint[] | null {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes(".")) {
      const value = ipv4Value(part);
      if (value === null) return null;
      groups.push(value >> 16n, value & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
    } else return null;
  }
  return groups;
}
