import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { Connection } from "../host/host.ts";
import { FrameError } from "./frame_reader.ts";
import { FrameStream } from "./frame_stream.ts";

/** A connection that gives out its bytes in pieces of the given sizes, over and over. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Connection {
  let position = 0, turn = 0;
  return {
    peer: "peer:1",
    local: "local:2",
    read(target) {
      if (position === bytes.length) return Promise.resolve(null);
      const size = sizes[turn++ % sizes.length];
      const count = Math.min(size, target.length, bytes.length - position);
      target.set(bytes.subarray(position, position + count));
      position += count;
      return Promise.resolve(count);
    },
    write: () => Promise.resolve(),
    close: () => {},
  };
}

function framed(bodies: readonly Uint8Array[]): Uint8Array {
  const parts = bodies.flatMap((body) => {
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setInt32(0, body.length);
    return [...prefix, ...body];
  });
  return Uint8Array.from(parts);
}

Deno.test("FrameStream.next() gives the frames that were sent, however the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), {
        maxLength: 8,
      }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
      fc.constantFrom(16, 500, 1 << 20),
      async (bodies, sizes, allocateAheadBytes) => {
        const reader = new FrameStream(pieces(framed(bodies), sizes), {
          frameMaxBytes: 3000,
          allocateAheadBytes,
        });
        const frames: Uint8Array[] = [];
        for (;;) {
          const frame = await reader.next();
          if (frame === null) break;
          frames.push(frame);
        }
        // Compared at the end: a frame must not change under the reads after it.
        deepStrictEqual(frames.map((f) => [...f]), bodies.map((b) => [...b]));
        strictEqual(reader.isInsideFrame, false);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("FrameStream.take() gives what is buffered without waiting", async () => {
  const bytes = framed([Uint8Array.of(1), Uint8Array.of(2, 3)]);
  const reader = new FrameStream(pieces(bytes, [100]), { frameMaxBytes: 10 });
  strictEqual(reader.take(), null);
  deepStrictEqual(await reader.next(), Uint8Array.of(1));
  deepStrictEqual(reader.take(), Uint8Array.of(2, 3));
  strictEqual(reader.take(), null);
  strictEqual(reader.receivedBytes, bytes.length);
});

Deno.test("FrameStream.next() refuses impossible sizes before it allocates", async () => {
  const cases: [prefix: number[], pattern: RegExp][] = [
    [[0xff, 0xff, 0xff, 0xff], /invalid frame size -1$/],
    [[0x80, 0, 0, 0], /invalid frame size -2147483648$/],
    [[0, 0, 0, 0], /invalid frame size 0$/],
    [
      [0x7f, 0xff, 0xff, 0xff],
      /frame of 2147483647 bytes, more than 100$/,
    ],
    [[0, 0, 0, 101], /frame of 101 bytes/],
    [[0x48, 0x54, 0x54, 0x50], /looks like HTTP/],
    [[0x16, 0x03, 0x01, 0x02], /looks like TLS/],
  ];
  for (const [prefix, pattern] of cases) {
    const reader = new FrameStream(pieces(Uint8Array.from(prefix), [4]), {
      frameMaxBytes: 100,
    });
    await rejects(reader.next(), (error: unknown) => {
      return error instanceof FrameError && pattern.test(error.message);
    });
  }
});

Deno.test("FrameStream.next() tells a stream that ends inside a frame from one that ends between two", async () => {
  const bytes = framed([Uint8Array.of(1, 2, 3)]).subarray(0, 6);
  const reader = new FrameStream(pieces(bytes, [100]), { frameMaxBytes: 10 });
  await rejects(reader.next(), /peer:1 closed the connection inside a frame/);
});

Deno.test("FrameStream allocates in step with what has come where a large size is announced", async () => {
  const targets: number[] = [];
  const prefix = Uint8Array.of(0x05, 0, 0, 0); // 80 MiB announced
  let reads = 0;
  const connection: Connection = {
    peer: "slow:1",
    local: "",
    read(target) {
      targets.push(target.length);
      if (reads++ === 0) {
        target.set(prefix);
        return Promise.resolve(4);
      }
      return Promise.resolve(reads > 50 ? null : 1);
    },
    write: () => Promise.resolve(),
    close: () => {},
  };
  const reader = new FrameStream(connection, { frameMaxBytes: 1 << 27 });
  await rejects(reader.next());
  strictEqual(Math.max(...targets) <= 1 << 20, true, `${targets}`);
});
