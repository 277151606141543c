// Ids for members that do not make up their own.

import { encodeBase64Url } from "../../base/bytes.ts";
import type { Host } from "../../host/host.ts";

/** 16 random bytes as Kafka prints them: base64url, 22 characters. */
export function randomMemberId(host: Host): string {
  for (;;) {
    const id = encodeBase64Url(host.randomBytes(16));
    // A tool would take it for a flag.
    if (!id.startsWith("-")) return id;
  }
}
