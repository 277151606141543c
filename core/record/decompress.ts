// Compressed record data, inflated within a bound, with the protocol's errors.

import { CompressError, compressionById } from "../compress/codecs.ts";
import { MIB } from "../base/units.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { COMPRESSION_MASK } from "./batch_header.ts";

/**
 * Most bytes that one batch may inflate to, where nothing else is asked for: more
 * than a whole request may have, far less than a bomb makes.
 */
export const DECOMPRESSED_BYTES_MAX = 128 * MIB;

/**
 * Inflates what `attributes` say is compressed; without compression gives `data` itself.
 *
 * @throws {KafkaError} `UNSUPPORTED_COMPRESSION_TYPE`, `CORRUPT_MESSAGE`, or
 * `MESSAGE_TOO_LARGE` past `maxBytes`.
 */
export function decompressRecords(
  attributes: number,
  data: Uint8Array,
  maxBytes: number,
): Uint8Array {
  const id = attributes & COMPRESSION_MASK;
  if (id === 0) return data;
  const compression = compressionById(id);
  if (compression === null) {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `No compression has the id ${id}.`,
    );
  }
  try {
    return compression.decompress(data, maxBytes);
  } catch (error) {
    if (!(error instanceof CompressError)) throw error;
    throw new KafkaError(
      error.kind === "tooLarge" ? "MESSAGE_TOO_LARGE" : "CORRUPT_MESSAGE",
      `${error.message}.`,
    );
  }
}
