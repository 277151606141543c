// What is kept of a user who proves a password by SCRAM: never the password, but
// two keys made of it, as one value of the user's configuration:
//
//   SCRAM-SHA-512 = salt=BASE64,stored_key=BASE64,server_key=BASE64,iterations=N
//
// Source: RFC 5802, section 3; KIP-554; observed in a ZooKeeper that Apache Kafka
// 3.9.1 uses.

import { encodeBase64, encodeUtf8 } from "../base/bytes.ts";
import { hash, type HashName, hmac } from "../base/hash.ts";

/** A way to prove a password. */
export interface ScramMechanism {
  /** As requests have it. */
  readonly type: number;
  readonly name: "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly hash: HashName;
}

export const SCRAM_MECHANISMS: readonly ScramMechanism[] = [
  { type: 1, name: "SCRAM-SHA-256", hash: "SHA-256" },
  { type: 2, name: "SCRAM-SHA-512", hash: "SHA-512" },
];

/** Fewer are too weak, more would keep a broker busy. */
export const SCRAM_ITERATIONS_MIN = 4096;
export const SCRAM_ITERATIONS_MAX = 16_384;

export interface SaltedPassword {
  readonly salt: Uint8Array;
  readonly saltedPassword: Uint8Array;
  readonly iterations: number;
}

/** The value that is kept. */
export function formatScramCredential(
  mechanism: ScramMechanism,
  { salt, saltedPassword, iterations }: SaltedPassword,
): string {
  const key = (name: string) =>
    hmac(mechanism.hash, saltedPassword, encodeUtf8(name));
  const storedKey = hash(mechanism.hash, key("Client Key"));
  return `salt=${encodeBase64(salt)},stored_key=${encodeBase64(storedKey)},` +
    `server_key=${encodeBase64(key("Server Key"))},iterations=${iterations}`;
}

/** How often the password was hashed; 0 where the value does not say. */
export function scramIterations(credential: string): number {
  return Number(/(?:^|,)iterations=(\d+)/.exec(credential)?.[1] ?? 0);
}
