// Damage for frames: what a faulty client, a hostile one, or a broken wire makes
// of a valid request.

import type { SimRandom } from "./sim_random.ts";

const HEADER_BYTES = 8;
const INTERESTING_INT32 = [
  -1,
  -2,
  0,
  1,
  2 ** 31 - 1,
  -(2 ** 31),
  65536,
  2 ** 24,
];
const INTERESTING_INT16 = [-1, -2, 0, 1, 32767, -32768];

interface Mutation {
  readonly name: string;
  /** Changes `bytes` in place, or gives others. `other` is another valid frame. */
  readonly apply: (
    bytes: Uint8Array,
    random: SimRandom,
    other: Uint8Array,
  ) => Uint8Array;
}

const mutations: readonly Mutation[] = [
  {
    name: "bit",
    apply(bytes, random) {
      bytes[anywhere(bytes, random)] ^= 1 << random.below(8);
      return bytes;
    },
  },
  {
    name: "byte",
    apply(bytes, random) {
      bytes[anywhere(bytes, random)] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
      return bytes;
    },
  },
  {
    name: "int32",
    apply(bytes, random) {
      if (bytes.length < HEADER_BYTES + 4) return bytes;
      viewOf(bytes).setInt32(
        HEADER_BYTES + random.below(bytes.length - HEADER_BYTES - 3),
        random.pick(INTERESTING_INT32),
      );
      return bytes;
    },
  },
  {
    name: "int16",
    apply(bytes, random) {
      if (bytes.length < HEADER_BYTES + 2) return bytes;
      viewOf(bytes).setInt16(
        HEADER_BYTES + random.below(bytes.length - HEADER_BYTES - 1),
        random.pick(INTERESTING_INT16),
      );
      return bytes;
    },
  },
  {
    name: "varint",
    apply(bytes, random) {
      const long = random.pick([
        [0xff, 0xff, 0xff, 0xff, 0x0f], // 2^32 - 1
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // never ends
        [0xff, 0xff, 0xff, 0xff, 0x7f], // overflows
        [0x80, 0x80, 0x80, 0x80, 0x08], // 2^31
        [0x80, 0x00], // longer than it need be
      ]);
      return splice(bytes, anywhere(bytes, random), random.below(2), long);
    },
  },
  {
    name: "truncate",
    apply: (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  },
  {
    name: "extend",
    apply: (bytes, random) =>
      splice(bytes, bytes.length, 0, random.bytes(1 + random.below(64))),
  },
  {
    name: "insert",
    apply: (bytes, random) =>
      splice(
        bytes,
        anywhere(bytes, random),
        0,
        random.bytes(1 + random.below(8)),
      ),
  },
  {
    name: "remove",
    apply: (bytes, random) =>
      splice(bytes, anywhere(bytes, random), 1 + random.below(8), []),
  },
  {
    name: "repeat",
    apply(bytes, random) {
      const start = anywhere(bytes, random);
      const part = bytes.slice(start, start + 1 + random.below(40));
      return splice(bytes, start, 0, part);
    },
  },
  {
    name: "splice",
    apply(bytes, random, other) {
      const head = bytes.slice(0, random.below(bytes.length + 1));
      const tail = other.slice(random.below(other.length + 1));
      return splice(head, head.length, 0, tail);
    },
  },
  {
    name: "header",
    apply(bytes, random) {
      if (bytes.length < HEADER_BYTES) return bytes;
      const view = viewOf(bytes);
      if (random.chance(0.5)) view.setInt16(2, random.below(24) - 2);
      else view.setInt16(0, random.pick([random.below(100), -1, 9999]));
      return bytes;
    },
  },
];

/**
 * Damages a frame in one to three ways, or, now and then, in none.
 *
 * @param other Another valid frame, for splicing.
 * @returns New bytes, and which ways it was.
 */
export function mutate(
  frame: Uint8Array,
  random: SimRandom,
  other: Uint8Array,
): { bytes: Uint8Array; how: string } {
  let bytes: Uint8Array = frame.slice();
  const how: string[] = [];
  const count = random.pick([0, 1, 1, 1, 1, 2, 3]);
  for (let i = 0; i < count && bytes.length > 0; i++) {
    const mutation = random.pick(mutations);
    bytes = mutation.apply(bytes, random, other);
    how.push(mutation.name);
  }
  return { bytes, how: how.join("+") || "none" };
}

/** Mostly in the body: of what is damaged in the header little is left to see. */
function anywhere(bytes: Uint8Array, random: SimRandom): number {
  return bytes.length > HEADER_BYTES && random.chance(0.95)
    ? HEADER_BYTES + random.below(bytes.length - HEADER_BYTES)
    : random.below(bytes.length);
}

function splice(
  bytes: Uint8Array,
  start: number,
  removedCount: number,
  inserted: ArrayLike<number>,
): Uint8Array {
  const tail = bytes.subarray(start + removedCount);
  const result = new Uint8Array(start + inserted.length + tail.length);
  result.set(bytes.subarray(0, start));
  result.set(inserted, start);
  result.set(tail, start + inserted.length);
  return result;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
