// Asks a server a word of four letters: any ZooKeeper server, kq's or another.
//
// Source: ZooKeeper documentation, "The Four Letter Words".

import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import { MIB } from "../base/units.ts";
import { type Address, type Host, HostError } from "../host/host.ts";

const ANSWER_BYTES_MAX = 4 * MIB;
const FIRST_READ_BYTES = 16 * 1024;

/**
 * Asks one word.
 *
 * @returns The whole answer; `""` where the server ends the connection without one.
 * @throws {HostError} Where the server cannot be reached or takes too long.
 */
export async function askWord(
  host: Host,
  address: Address,
  word: string,
  timeoutMs: number,
): Promise<string> {
  const io = await host.net.connect(address, { timeoutMs });
  const late = Promise.withResolvers<never>();
  const stopWaiting = host.clock.after(timeoutMs, () => {
    io.close();
    late.reject(
      new HostError("timedOut", `${io.peer} did not answer ${word} in time`),
    );
  });
  const answer = (async () => {
    await io.write(encodeUtf8(word));
    return await readAll(io);
  })();
  // The one that comes second has nobody to tell.
  answer.catch(() => {});
  late.promise.catch(() => {});
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    stopWaiting();
    io.close();
  }
}

async function readAll(
  io: { read(target: Uint8Array): Promise<number | null> },
): Promise<string> {
  let bytes = new Uint8Array(FIRST_READ_BYTES);
  let size = 0;
  while (size < ANSWER_BYTES_MAX) {
    if (size === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2);
      larger.set(bytes);
      bytes = larger;
    }
    const count = await io.read(bytes.subarray(size));
    if (count === null) break;
    size += count;
  }
  return decodeUtf8Lossy(bytes.subarray(0, size));
}

/** The values of an answer of lines `name\tvalue` or `name: value` or `name=value`, by name. */
export function answerFields(answer: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of answer.split("\n")) {
    const parts = /^([^\t:=]+)(?:\t|: |=)(.*)$/.exec(line);
    if (parts !== null) fields.set(parts[1], parts[2]);
  }
  return fields;
}
