// Snappy as Kafka's clients write it: blocks in the xerial framing.
//
//   magic: 82 53 4e 41 50 50 59 00 ("\x82SNAPPY\0")
//   version: int32, compatibleVersion: int32   both 1, big endian
//   then, to the end: size: int32, a raw snappy block of that size
// Other clients send one raw block without framing; it is read as well.
//
// Source: the xerial framing of snappy-java; observed: testdata/record/.

import { corrupt } from "./compress_error.ts";
import { OutputBuffer } from "./output_buffer.ts";
import {
  compressSnappyBlock,
  decompressSnappyBlock,
  snappyBlockBound,
} from "./snappy_block.ts";

const CODEC = "snappy";
const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const HEADER_BYTES = 16;
/** Uncompressed bytes a block, as Kafka's own clients cut them. */
const BLOCK_BYTES = 32 * 1024;

function isFramed(bytes: Uint8Array, position = 0): boolean {
  return bytes.length - position >= HEADER_BYTES &&
    MAGIC.every((byte, i) => bytes[position + i] === byte);
}

/** Compresses into the xerial framing. */
export function compressSnappy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES);
  const target = new Uint8Array(
    HEADER_BYTES + blockCount * (4 + snappyBlockBound(BLOCK_BYTES)),
  );
  const view = new DataView(target.buffer);
  target.set(MAGIC);
  view.setInt32(8, 1);
  view.setInt32(12, 1);
  let position = HEADER_BYTES;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = bytes.subarray(start, start + BLOCK_BYTES);
    const end = compressSnappyBlock(block, target, position + 4);
    view.setInt32(position, end - position - 4);
    position = end;
  }
  return target.slice(0, position);
}

/**
 * Inflates framed or raw snappy.
 *
 * @throws {CompressError}
 */
export function decompressSnappy(
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  if (!isFramed(bytes)) return decompressSnappyBlock(bytes, maxBytes);
  const output = new OutputBuffer(CODEC, maxBytes, bytes.length * 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = HEADER_BYTES;
  while (position < bytes.length) {
    // Framings may follow each other; no chunk has so many bytes.
    if (isFramed(bytes, position)) {
      position += HEADER_BYTES;
      continue;
    }
    if (bytes.length - position < 4) throw corrupt(CODEC, "a chunk is cut off");
    const size = view.getInt32(position);
    position += 4;
    if (size < 0 || size > bytes.length - position) {
      throw corrupt(CODEC, `a chunk of ${size} bytes runs past the end`);
    }
    const block = bytes.subarray(position, position + size);
    output.append(decompressSnappyBlock(block, maxBytes - output.sizeBytes));
    position += size;
  }
  return output.result();
}
