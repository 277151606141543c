// The compressions that record batches may have, as one table by the id that
// their attributes carry. All are synchronous; none costs anything before its
// first use.
//
// Source: Kafka documentation, "Record Batch: attributes" and
// "compression.type", "compression.<codec>.level".

import { compressLz4, decompressLz4 } from "./lz4.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";
import { CompressError, tooLarge } from "./compress_error.ts";
import {
  compressGzip,
  compressZstd,
  decompressGzip,
  decompressZstd,
} from "./zlib_codecs.ts";

export { CompressError };

export type CompressionName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export interface CompressOptions {
  /** Effort, within the codec's `levels`; the codec's default where left out. */
  readonly level?: number;
  /** Writes lz4 as messages of magic 0 have it. */
  readonly legacyLz4?: boolean;
}

/** One row of the table. */
export interface Compression {
  /** Bits 0-2 of a batch's attributes. */
  readonly id: number;
  readonly name: CompressionName;
  /** Lowest, default and highest effort; `null` where there is nothing to choose. */
  readonly levels: {
    readonly min: number;
    readonly default: number;
    readonly max: number;
  } | null;
  compress(bytes: Uint8Array, options?: CompressOptions): Uint8Array;
  /** May give `bytes` itself back. */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

/** All compressions; the index is the id. */
export const compressions: readonly Compression[] = [
  {
    id: 0,
    name: "none",
    levels: null,
    compress: (bytes) => bytes,
    decompress: (bytes, maxBytes) => {
      if (bytes.length > maxBytes) throw tooLarge("none", maxBytes);
      return bytes;
    },
  },
  {
    id: 1,
    name: "gzip",
    levels: { min: 1, default: -1, max: 9 },
    compress: (bytes, options) => compressGzip(bytes, options?.level),
    decompress: decompressGzip,
  },
  {
    id: 2,
    name: "snappy",
    levels: null,
    compress: (bytes) => compressSnappy(bytes),
    decompress: decompressSnappy,
  },
  {
    id: 3,
    name: "lz4",
    levels: { min: 1, default: 9, max: 17 },
    compress: (bytes, options) =>
      compressLz4(bytes, {
        level: options?.level,
        legacyHeader: options?.legacyLz4,
      }),
    decompress: decompressLz4,
  },
  {
    id: 4,
    name: "zstd",
    levels: { min: -131_072, default: 3, max: 22 },
    compress: (bytes, options) => compressZstd(bytes, options?.level),
    decompress: decompressZstd,
  },
];

const byName = new Map(compressions.map((row) => [row.name, row]));

/** The row of an id of a batch's attributes; `null` for ids that do not exist (5 to 7). */
export function compressionById(id: number): Compression | null {
  return compressions[id] ?? null;
}

/** The row of a name. */
export function compressionByName(name: CompressionName): Compression {
  return byName.get(name)!;
}

/** Whether a text names a compression. */
export function isCompressionName(name: string): name is CompressionName {
  return byName.has(name as CompressionName);
}

/** Compresses `bytes`; with "none" gives `bytes` itself. */
export function compress(
  name: CompressionName,
  bytes: Uint8Array,
  options?: CompressOptions,
): Uint8Array {
  return compressionByName(name).compress(bytes, options);
}

/**
 * Inflates `bytes`, holding at most `maxBytes` (and the codec's window) in memory.
 *
 * @throws {CompressError} `tooLarge` where more than `maxBytes` would come out,
 * `corrupt` where the bytes are not what the codec writes.
 */
export function decompress(
  name: CompressionName,
  bytes: Uint8Array,
  options: { readonly maxBytes: number },
): Uint8Array {
  return compressionByName(name).decompress(bytes, options.maxBytes);
}
