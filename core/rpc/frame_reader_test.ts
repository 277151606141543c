import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { MIB } from "../base/units.ts";
import { BufferPool } from "./buffer_pool.ts";
import {
  type Frame,
  FrameError,
  FrameReader,
  IDLE_BYTES,
} from "./frame_reader.ts";

function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + payload.length);
  new DataView(bytes.buffer).setInt32(0, payload.length);
  bytes.set(payload, 4);
  return bytes;
}

/** A payload of which every byte depends on its number and place. */
function payload(number: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => number * 31 + i * 7);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

/** Feeds up to `chunk` bytes a time; gives each frame to `take`. */
function feed(
  reader: FrameReader,
  stream: Uint8Array,
  chunk: (round: number) => number,
  take: (frame: Frame) => void,
): void {
  let position = 0;
  for (let round = 0; position < stream.length; round++) {
    const room = reader.room();
    const count = Math.min(
      room.length,
      chunk(round),
      stream.length - position,
    );
    room.set(stream.subarray(position, position + count));
    position += count;
    reader.received(count);
    for (let next = reader.next(); next !== null; next = reader.next()) {
      take(next);
    }
  }
}

Deno.test("FrameReader finds the same frames wherever the stream is split, and none changes while it is held", () => {
  const size = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 40_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 700_000 }) },
  );
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 1, maxLength: 12 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), size), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      (sizes, chunks, holds) => {
        const payloads = sizes.map((size, i) => payload(i, size));
        const pool = new BufferPool();
        const reader = new FrameReader(pool, MIB);
        const held: { frame: Frame; index: number }[] = [];
        let index = 0;
        feed(
          reader,
          concat(payloads.map(frame)),
          (round) => Math.max(chunks[round % chunks.length], round >> 4),
          (frame) => {
            if (holds[index % holds.length]) held.push({ frame, index });
            else {
              deepStrictEqual(frame.bytes, payloads[index]);
              frame.release();
            }
            index++;
          },
        );
        strictEqual(index, payloads.length);
        for (const { frame, index } of held) {
          deepStrictEqual(frame.bytes, payloads[index]);
          frame.release();
        }
        reader.close();
        strictEqual(pool.lentBytes, 0, "all memory is given back");
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("FrameReader takes memory only as bytes arrive", () => {
  const pool = new BufferPool();
  const reader = new FrameReader(pool, 100 * MIB);
  const stream = frame(payload(1, 3 * MIB));
  let received = 0;
  feed(reader, stream, () => 1000, () => received++);
  strictEqual(received, 1);

  const slow = new FrameReader(new BufferPool(), 100 * MIB);
  const room = slow.room();
  room.set(stream.subarray(0, 5));
  slow.received(5);
  strictEqual(slow.next(), null);
  ok(slow.room().length <= IDLE_BYTES);
  strictEqual(slow.needsMemory, false);
});

Deno.test("FrameReader goes back to little memory when the traffic does", () => {
  const pool = new BufferPool();
  const reader = new FrameReader(pool, 100 * MIB);
  feed(reader, frame(payload(1, MIB)), () => MIB, (f) => f.release());
  ok(pool.lentBytes > 0);
  for (let i = 0; i < 20; i++) {
    feed(reader, frame(payload(1, 20)), () => MIB, (f) => f.release());
  }
  reader.room();
  strictEqual(pool.lentBytes, 0);
});

Deno.test("FrameReader refuses sizes that no frame has, and says what it looks like", () => {
  const cases: [first: number[], message: RegExp][] = [
    [[0xff, 0xff, 0xff, 0xff], /invalid frame size -1$/],
    [[0x80, 0, 0, 0], /invalid frame size -2147483648$/],
    [[0, 0, 0, 0], /invalid frame size 0$/],
    [
      [0x7f, 0xff, 0xff, 0xff],
      /frame of 2147483647 bytes exceeds socket\.request\.max\.bytes=104857600$/,
    ],
    [[0x06, 0x40, 0, 1], /frame of 104857601 bytes exceeds/],
    [[0x47, 0x45, 0x54, 0x20], /looks like HTTP/],
    [[0x16, 0x03, 0x01, 0x02], /looks like TLS on a plaintext listener/],
    [[0x53, 0x53, 0x48, 0x2d], /looks like SSH/],
  ];
  for (const [first, message] of cases) {
    const reader = new FrameReader(new BufferPool(), 100 * MIB);
    reader.room().set(first);
    reader.received(4);
    throws(() => reader.next(), (error) => {
      ok(error instanceof FrameError);
      ok(message.test(error.message), error.message);
      return true;
    });
  }
});
