// Bytes of a connection, as many as are asked for.

import { type Connection, HostError } from "../../host/host.ts";

/** Bytes that are waited for at once, however many are declared. */
const STEP_BYTES = 64 * 1024;

/**
 * Reads exactly `count` bytes. Memory grows with what has come, not with what was
 * declared.
 *
 * @throws {HostError} `closed` where the stream ends before.
 */
export async function readExactly(
  io: Connection,
  count: number,
): Promise<Uint8Array> {
  let bytes = new Uint8Array(Math.min(count, STEP_BYTES));
  let size = 0;
  while (size < count) {
    if (size === bytes.length) {
      const grown = new Uint8Array(Math.min(count, size * 2));
      grown.set(bytes);
      bytes = grown;
    }
    const more = await io.read(bytes.subarray(size));
    if (more === null) {
      throw new HostError("closed", `${io.peer} has ended the connection`);
    }
    size += more;
  }
  return bytes;
}
