// Gzip and zstd through the runtime's own zlib, in its synchronous forms.
//
// Zstd frames are looked at first: a header that asks for a window or declares a
// content beyond the limit is refused before the inflater allocates for it.
//
// Source: RFC 1952; RFC 8878, section 3.1.1.1 (frame header).

import { CompressError, corrupt, tooLarge } from "./compress_error.ts";

/** What the reference decoder takes at most without being told otherwise. */
const ZSTD_WINDOW_BYTES_MAX = 128 * 1024 * 1024;
/** RFC 8878 asks every decoder to take windows of 8 MiB. */
const ZSTD_WINDOW_BYTES_ALWAYS = 8 * 1024 * 1024;
const ZSTD_MAGIC = 0xfd2fb528;

let loaded: typeof import("node:zlib") | undefined;

function zlib(): typeof import("node:zlib") {
  return loaded ??= process.getBuiltinModule("node:zlib");
}

/** @param level 1 to 9; -1 (zlib's default, 6) where it is left out. */
export function compressGzip(bytes: Uint8Array, level = -1): Uint8Array {
  return asPlainBytes(zlib().gzipSync(bytes, { level }));
}

/** @throws {CompressError} */
export function decompressGzip(
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  return inflate(
    "gzip",
    maxBytes,
    (maxOutputLength) => zlib().gunzipSync(bytes, { maxOutputLength }),
  );
}

/** @param level -131072 (fastest) to 22 (smallest); 3 where it is left out. */
export function compressZstd(bytes: Uint8Array, level = 3): Uint8Array {
  const { zstdCompressSync, constants } = zlib();
  return asPlainBytes(zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
  }));
}

/** @throws {CompressError} */
export function decompressZstd(
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  checkZstdHeader(bytes, maxBytes);
  return inflate(
    "zstd",
    maxBytes,
    (maxOutputLength) => zlib().zstdDecompressSync(bytes, { maxOutputLength }),
  );
}

function inflate(
  codec: string,
  maxBytes: number,
  run: (maxOutputLength: number) => Uint8Array,
): Uint8Array {
  let content: Uint8Array;
  try {
    // zlib refuses a limit of 0.
    content = asPlainBytes(run(Math.max(1, maxBytes)));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(codec, maxBytes);
    throw new CompressError(
      "corrupt",
      `Cannot decompress ${codec}: ${message}`,
      { cause: error },
    );
  }
  if (content.length > maxBytes) throw tooLarge(codec, maxBytes);
  return content;
}

/** zlib gives a Buffer, whose `slice` and `toString` are not those of Uint8Array. */
function asPlainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function checkZstdHeader(bytes: Uint8Array, maxBytes: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6) throw corrupt("zstd", "cut off");
  // Skippable frames may come first; the inflater steps over them.
  if (view.getUint32(0, true) !== ZSTD_MAGIC) return;
  const descriptor = bytes[4];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const sizeFieldBytes = sizeFlag === 0
    ? (isSingleSegment ? 1 : 0)
    : 1 << sizeFlag;
  const sizePosition = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  if (bytes.length < sizePosition + sizeFieldBytes) {
    throw corrupt("zstd", "cut off");
  }
  if (sizeFieldBytes > 0) {
    let size = sizeFieldBytes === 2 ? 256 : 0;
    for (let i = 0; i < sizeFieldBytes; i++) {
      size += bytes[sizePosition + i] * 2 ** (8 * i);
    }
    if (size > maxBytes) throw tooLarge("zstd", maxBytes);
  }
  if (isSingleSegment) return;
  const windowBase = 2 ** (10 + (bytes[5] >>> 3));
  const windowBytes = windowBase + windowBase / 8 * (bytes[5] & 7);
  const windowMax = Math.min(
    ZSTD_WINDOW_BYTES_MAX,
    Math.max(ZSTD_WINDOW_BYTES_ALWAYS, maxBytes),
  );
  if (windowBytes > windowMax) throw tooLarge("zstd", maxBytes);
}
