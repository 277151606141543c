// Gzip and zstd through the runtime's own zlib, in its synchronous forms.
//
// Zstd frames are looked at first: one that asks for a window or declares a content
// beyond the limit is refused before the inflater allocates for it. The runtime
// inflates one frame a call, so several are taken apart here.
//
// Source: RFC 1952; RFC 8878.

import { concatBytes } from "../base/bytes.ts";
import { CompressError, tooLarge } from "./compress_error.ts";
import { zstdFrameAt } from "./zstd_frame.ts";

/** What the highest level writes, and the reference decoder takes, at most. */
const ZSTD_WINDOW_BYTES_MAX = 128 * 1024 * 1024;

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
  const options = {
    // Said in the frame, it keeps the reader from setting aside a whole window.
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  };
  return asPlainBytes(zstdCompressSync(bytes, options));
}

/** @throws {CompressError} */
export function decompressZstd(
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let leftBytes = maxBytes;
  for (let position = 0; position < bytes.length || position === 0;) {
    const frame = zstdFrameAt(bytes, position);
    const source = bytes.subarray(position, frame.end);
    position = frame.end;
    if (frame.isSkippable) continue;
    if (
      (frame.contentBytes ?? 0) > leftBytes ||
      frame.windowBytes > Math.max(ZSTD_WINDOW_BYTES_MAX, maxBytes)
    ) throw tooLarge("zstd", maxBytes);
    const content = inflate(
      "zstd",
      leftBytes,
      (maxOutputLength) =>
        zlib().zstdDecompressSync(source, { maxOutputLength }),
    );
    leftBytes -= content.length;
    parts.push(content);
  }
  return parts.length === 1 ? parts[0] : concatBytes(parts);
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
