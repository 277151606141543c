// One JSON value out of a stream of bytes, without knowing where it ends.

import { concatBytes } from "../base/bytes.ts";
import type { ByteScanner } from "./byte_scanner.ts";
import { UsageError } from "./usage_error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENERS: readonly number[] = [0x7b, 0x5b];
const CLOSERS: readonly number[] = [0x7d, 0x5d];

/**
 * Takes a string, object, list, number or word; blanks before it are skipped.
 *
 * @throws {UsageError} Where the input ends inside the value.
 */
export async function readJsonText(
  scanner: ByteScanner,
  place: string,
): Promise<Uint8Array> {
  await scanner.while((byte) => byte === 0x20 || (byte >= 9 && byte <= 13));
  const first = await scanner.peek();
  if (first !== QUOTE && !OPENERS.includes(first ?? 0)) {
    return await scanner.while((byte) => /[\w.+-]/.test(char(byte)));
  }
  const end = valueEnd();
  const body = await scanner.while((byte) => !end(byte));
  const last = await scanner.exactly(1);
  if (last.length === 0) {
    throw new UsageError(`${place}: the input ends inside a JSON value`);
  }
  return concatBytes([body, last]);
}

function char(byte: number): string {
  return String.fromCharCode(byte);
}

/** Tells of each byte whether it is the value's last one. */
function valueEnd(): (byte: number) => boolean {
  let depth = 0;
  let inString = false;
  let isEscaped = false;
  return (byte) => {
    if (inString) {
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) inString = false;
      return !inString && depth === 0;
    }
    if (byte === QUOTE) inString = true;
    else if (OPENERS.includes(byte)) depth++;
    else if (CLOSERS.includes(byte)) depth--;
    return !inString && depth === 0;
  };
}
