// Files out of a tar archive, as far as captured data directories need it.
//
//   archive = { header of 512 bytes, content padded to 512 } two empty headers
//   header: name 0..99, size in octal 124..135, type 156 ("0" file, "5" folder),
//           prefix of the name 345..499
//
// Source: POSIX.1-1988, "ustar".

import { decodeUtf8 } from "../base/bytes.ts";

const BLOCK_BYTES = 512;

export interface TarFile {
  /** Path inside the archive. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The regular files of an archive, in its order. */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; at + BLOCK_BYTES <= archive.length;) {
    const name = text(archive, at, 100);
    if (name === "") break;
    const prefix = text(archive, at + 345, 155);
    const size = parseInt(text(archive, at + 124, 12).trim() || "0", 8);
    const type = String.fromCharCode(archive[at + 156]);
    const start = at + BLOCK_BYTES;
    if (type === "0" || type === "\0") {
      files.push({
        path: prefix === "" ? name : `${prefix}/${name}`,
        bytes: archive.slice(start, start + size),
      });
    }
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/** A text that ends at its first NUL or its field's end. */
function text(bytes: Uint8Array, start: number, sizeMax: number): string {
  const field = bytes.subarray(start, start + sizeMax);
  const end = field.indexOf(0);
  return decodeUtf8(end === -1 ? field : field.subarray(0, end));
}
