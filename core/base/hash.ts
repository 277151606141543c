// Cryptographic hashes, by the runtime's own code, which is loaded with the first
// use.
//
// Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-1, SHA-2).

/** SHA-1 only where a protocol asks for it: it does not resist collisions. */
export type HashName = "SHA-1" | "SHA-256" | "SHA-512";

let crypto: typeof import("node:crypto") | undefined;

function loaded(): typeof import("node:crypto") {
  return crypto ??= process.getBuiltinModule("node:crypto");
}

/** The hash of `bytes`: 20, 32 or 64 bytes. */
export function hash(name: HashName, bytes: Uint8Array): Uint8Array {
  const digest = loaded().createHash(nodeName(name)).update(bytes).digest();
  return new Uint8Array(digest);
}

/** The keyed hash of `bytes`: 20, 32 or 64 bytes. */
export function hmac(
  name: HashName,
  key: Uint8Array,
  bytes: Uint8Array,
): Uint8Array {
  const mac = loaded().createHmac(nodeName(name), key).update(bytes).digest();
  return new Uint8Array(mac);
}

function nodeName(name: HashName): string {
  return name.replace("-", "").toLowerCase();
}
