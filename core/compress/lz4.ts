// LZ4 frames as Kafka's clients write them.
//
//   magic: 04 22 4d 18
//   flags: version 01 in bits 7-6; 5 independent blocks, 4 block checksums,
//          3 content size, 2 content checksum, 0 dictionary id
//   blockDescriptor: largest block in bits 6-4 (4: 64 KiB … 7: 4 MiB)
//   [contentSize: uint64 little endian], headerChecksum: xxh32 >> 8 & ff
//   blocks: size: uint32 little endian (bit 31: stored as is), data, [xxh32]
//   end mark: size 0, [xxh32 of the content]
// The checksum covers the descriptor; in messages of magic 0 Kafka's first clients
// covered the frame's magic too, so both are accepted and both can be written.
//
// Source: LZ4's lz4_Frame_format.md, KIP-57; observed: testdata/record/.

import { xxh32 } from "../base/xxh32.ts";
import { corrupt, tooLarge } from "./compress_error.ts";
import {
  compressLz4Block,
  decompressLz4Block,
  lz4BlockBound,
} from "./lz4_block.ts";
import { OutputBuffer } from "./output_buffer.ts";

const CODEC = "lz4";
const MAGIC = 0x184d2204;
const FLAGS_WRITTEN = 0x60;
const BLOCK_DESCRIPTOR_WRITTEN = 0x40;
const BLOCK_BYTES_WRITTEN = 64 * 1024;
const HEADER_BYTES_WRITTEN = 7;
/** Kafka's default level, which its clients give to the fast compressor, not to 9's. */
const LEVEL_FAST = 9;
const STORED_AS_IS = 0x80000000;

/**
 * Compresses into one frame of independent 64 KiB blocks without checksums.
 *
 * @param options.level 1 to 17; 9, also where it is left out, is the fast one as in
 * Kafka, the others search longer the higher they are.
 * @param options.legacyHeader Writes the header checksum of magic 0.
 */
export function compressLz4(
  bytes: Uint8Array,
  options: { readonly level?: number; readonly legacyHeader?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const asked = options.level ?? LEVEL_FAST;
  const level = asked === LEVEL_FAST ? 1 : asked;
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES_WRITTEN);
  const target = new Uint8Array(
    HEADER_BYTES_WRITTEN + 4 +
      blockCount * (4 + lz4BlockBound(BLOCK_BYTES_WRITTEN)),
  );
  const view = new DataView(target.buffer);
  view.setUint32(0, MAGIC, true);
  target[4] = FLAGS_WRITTEN;
  target[5] = BLOCK_DESCRIPTOR_WRITTEN;
  const checked = target.subarray(options.legacyHeader ? 0 : 4, 6);
  target[6] = xxh32(checked) >>> 8 & 0xff;
  let position = HEADER_BYTES_WRITTEN;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES_WRITTEN) {
    const block = bytes.subarray(start, start + BLOCK_BYTES_WRITTEN);
    let end = compressLz4Block(block, target, position + 4, level);
    let size = end - position - 4;
    if (size >= block.length) {
      target.set(block, position + 4);
      end = position + 4 + block.length;
      size = (block.length | STORED_AS_IS) >>> 0;
    }
    view.setUint32(position, size, true);
    position = end;
  }
  // A block stored as is may have left bytes of its failed compression here.
  view.setUint32(position, 0);
  return target.slice(0, position + 4);
}

/**
 * Whether Apache Kafka's own clients read a frame that `decompressLz4` reads: they
 * know no blocks that build on earlier ones, and no header checksum of magic 0.
 */
export function isPortableLz4(bytes: Uint8Array): boolean {
  const isIndependent = (bytes[4] & 0x20) !== 0;
  const end = bytes[4] & 0x08 ? 14 : 6;
  const checksum = xxh32(bytes.subarray(4, end)) >>> 8 & 0xff;
  return isIndependent && bytes[end] === checksum;
}

interface FrameHeader {
  readonly blocksAreIndependent: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  readonly blockBytesMax: number;
  /** `null` where the frame does not say. */
  readonly contentBytes: number | null;
  /** Where the first block starts. */
  readonly end: number;
}

function readFrameHeader(bytes: Uint8Array, view: DataView): FrameHeader {
  if (bytes.length < HEADER_BYTES_WRITTEN) throw corrupt(CODEC, "cut off");
  if (view.getUint32(0, true) !== MAGIC) {
    throw corrupt(CODEC, "not an lz4 frame");
  }
  const flags = bytes[4];
  if (flags >>> 6 !== 1) throw corrupt(CODEC, "unknown frame version");
  if (flags & 0x03) {
    throw corrupt(CODEC, "frames with dictionaries are refused");
  }
  const blockSizeId = bytes[5] >>> 4;
  if (blockSizeId < 4 || blockSizeId > 7 || bytes[5] & 0x0f) {
    throw corrupt(CODEC, "unknown block size");
  }
  const hasContentSize = (flags & 0x08) !== 0;
  const checksumPosition = hasContentSize ? 14 : 6;
  if (bytes.length <= checksumPosition) throw corrupt(CODEC, "cut off");
  const checksum = bytes[checksumPosition];
  if (
    checksum !== (xxh32(bytes.subarray(4, checksumPosition)) >>> 8 & 0xff) &&
    checksum !== (xxh32(bytes.subarray(0, checksumPosition)) >>> 8 & 0xff)
  ) {
    throw corrupt(CODEC, "the frame header's checksum is wrong");
  }
  return {
    blocksAreIndependent: (flags & 0x20) !== 0,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 0x04) !== 0,
    blockBytesMax: 1 << (8 + 2 * blockSizeId),
    contentBytes: hasContentSize
      ? view.getUint32(10, true) * 2 ** 32 + view.getUint32(6, true)
      : null,
    end: checksumPosition + 1,
  };
}

/**
 * Inflates one frame; what follows its end mark is not looked at.
 *
 * @throws {CompressError}
 */
export function decompressLz4(
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readFrameHeader(bytes, view);
  if (header.contentBytes !== null && header.contentBytes > maxBytes) {
    throw tooLarge(CODEC, maxBytes);
  }
  const output = new OutputBuffer(CODEC, maxBytes, bytes.length * 2);
  let position = header.end;
  for (;;) {
    if (bytes.length - position < 4) throw corrupt(CODEC, "no end mark");
    const word = view.getUint32(position, true);
    position += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    const trailer = header.hasBlockChecksums ? 4 : 0;
    if (
      size > header.blockBytesMax || size + trailer > bytes.length - position
    ) {
      throw corrupt(CODEC, `a block of ${size} bytes runs past the end`);
    }
    const block = bytes.subarray(position, position + size);
    position += size;
    if (header.hasBlockChecksums) {
      checkXxh32(block, view.getUint32(position, true), "a block");
      position += 4;
    }
    const blockStart = output.sizeBytes;
    if (word & STORED_AS_IS) output.append(block);
    else {
      decompressLz4Block(
        block,
        output,
        header.blocksAreIndependent ? blockStart : 0,
      );
    }
    if (output.sizeBytes - blockStart > header.blockBytesMax) {
      throw corrupt(CODEC, "a block inflates past the frame's block size");
    }
  }
  const content = output.result();
  if (header.hasContentChecksum) {
    if (bytes.length - position < 4) throw corrupt(CODEC, "cut off");
    checkXxh32(content, view.getUint32(position, true), "the content");
  }
  if (header.contentBytes !== null && header.contentBytes !== content.length) {
    throw corrupt(CODEC, "the content is not of the size declared");
  }
  return content;
}

function checkXxh32(bytes: Uint8Array, expected: number, what: string): void {
  if (xxh32(bytes) !== expected) {
    throw corrupt(CODEC, `the checksum of ${what} is wrong`);
  }
}
