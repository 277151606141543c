// A small file in one piece: configuration, a list of records to send.

import type { Host } from "../host/host.ts";

/** @throws {HostError} That names the path. */
export function readWholeFile(host: Host, path: string): Uint8Array {
  const file = host.disk.open(path, "read");
  try {
    const bytes = new Uint8Array(file.size());
    let position = 0;
    while (position < bytes.length) {
      const count = file.readAt(bytes.subarray(position), position);
      if (count === 0) break;
      position += count;
    }
    return bytes.subarray(0, position);
  } finally {
    file.close();
  }
}
