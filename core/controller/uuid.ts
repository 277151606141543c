// Ids as Kafka makes and prints them: random UUIDs (version 4) in base64url.

import { encodeBase64Url } from "../base/bytes.ts";

/** The id that means none. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** A random id, 22 characters, which does not begin with `-`: a tool would take it for a flag. */
export function randomUuid(randomBytes: (count: number) => Uint8Array): string {
  for (;;) {
    const bytes = randomBytes(16).slice();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const text = encodeBase64Url(bytes);
    if (!text.startsWith("-")) return text;
  }
}
