// The outside of zstd frames: how far each reaches and what memory it asks for,
// without inflating anything.
//
//   magic: fd2fb528 little endian
//   descriptor: bits 7-6 content size flag, 5 single segment, 2 checksum,
//               1-0 dictionary id flag
//   [window: uint8 (exponent in bits 7-3, eighths in 2-0)] unless single segment
//   [dictionary id: 0, 1, 2, 4 bytes], [content size: 0, 1, 2, 4, 8 bytes]
//   blocks: 3 bytes little endian (bit 0 last, 1-2 type, 3-23 size), data
//   [checksum: 4 bytes]
// A skippable frame is a magic of 184d2a50 to 184d2a5f, a uint32 size, and that
// many bytes.
//
// Source: RFC 8878, section 3.1.

import { corrupt } from "./compress_error.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** A block of one repeated byte. */
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** One frame, as its header declares it. */
export interface ZstdFrame {
  readonly isSkippable: boolean;
  /** Position after it. */
  readonly end: number;
  /** What it needs of earlier bytes at hand; 0 in a skippable frame. */
  readonly windowBytes: number;
  /** `null` where it does not say. */
  readonly contentBytes: number | null;
}

/**
 * The frame at a position.
 *
 * @throws {CompressError} `corrupt` where there is none, or it is cut off.
 */
export function zstdFrameAt(bytes: Uint8Array, position: number): ZstdFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return readFrame(view, position);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw corrupt("zstd", "a frame is cut off");
  }
}

/** A read past the end throws a RangeError of the view. */
function readFrame(view: DataView, position: number): ZstdFrame {
  const magic = view.getUint32(position, true);
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    const end = position + 8 + view.getUint32(position + 4, true);
    if (end > view.byteLength) throw corrupt("zstd", "a frame is cut off");
    return { isSkippable: true, end, windowBytes: 0, contentBytes: 0 };
  }
  if (magic !== MAGIC) throw corrupt("zstd", "not a zstd frame");
  const descriptor = view.getUint8(position + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  let at = position + 5;
  let windowBytes = 0;
  if (!isSingleSegment) {
    const window = view.getUint8(at++);
    windowBytes = 2 ** (10 + (window >>> 3)) * (1 + (window & 7) / 8);
  }
  at += [0, 1, 2, 4][descriptor & 3];
  let contentBytes: number | null = null;
  if (sizeFlag > 0 || isSingleSegment) {
    const width = 1 << sizeFlag;
    contentBytes = width === 2 ? 256 : 0;
    for (let i = 0; i < width; i++) {
      contentBytes += view.getUint8(at++) * 2 ** (8 * i);
    }
    if (isSingleSegment) windowBytes = contentBytes;
  }
  at = blocksEnd(view, at) + (descriptor & 0x04 ? 4 : 0);
  if (at > view.byteLength) throw corrupt("zstd", "a frame is cut off");
  return { isSkippable: false, end: at, windowBytes, contentBytes };
}

function blocksEnd(view: DataView, position: number): number {
  for (;;) {
    const header = view.getUint16(position, true) |
      view.getUint8(position + 2) << 16;
    const type = header >>> 1 & 3;
    if (type === RESERVED_BLOCK) throw corrupt("zstd", "unknown block type");
    position += 3 + (type === RLE_BLOCK ? 1 : header >>> 3);
    if (header & 1) return position;
  }
}
