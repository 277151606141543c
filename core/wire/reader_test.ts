import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { DecodeError, Reader } from "./reader.ts";
import { utf8Size, Writer } from "./writer.ts";

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(new Uint8Array(2));
  write(writer);
  return writer.written().slice();
}

Deno.test("what is written is read back", () => {
  const values = fc.record({
    small: fc.integer({ min: -128, max: 127 }),
    medium: fc.integer({ min: -32768, max: 32767 }),
    large: fc.integer(),
    safe: fc.maxSafeInteger(),
    huge: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    real: fc.double(),
    flag: fc.boolean(),
    size: fc.integer({ min: 0, max: 0xffff_ffff }),
    bytes: fc.uint8Array(),
  });
  fc.assert(fc.property(values, (value) => {
    const reader = new Reader(written((writer) => {
      writer.int8(value.small);
      writer.int16(value.medium);
      writer.int32(value.large);
      writer.int64(value.safe);
      writer.bigInt64(value.huge);
      writer.float64(value.real);
      writer.bool(value.flag);
      writer.uvarint(value.size);
      writer.raw(value.bytes);
    }));
    strictEqual(reader.int8(), value.small);
    strictEqual(reader.int16(), value.medium);
    strictEqual(reader.int32(), value.large);
    // JSON and offsets know no negative zero.
    strictEqual(reader.int64() + 0, value.safe + 0);
    strictEqual(reader.bigInt64(), value.huge);
    ok(Object.is(reader.float64(), value.real));
    strictEqual(reader.bool(), value.flag);
    strictEqual(reader.uvarint(), value.size);
    deepStrictEqual(reader.view(value.bytes.length), value.bytes);
    reader.expectEnd();
  }));
});

Deno.test("text of every size and script is read back", () => {
  const text = fc.string({ unit: "binary", maxLength: 200 });
  fc.assert(fc.property(text, (value) => {
    const bytes = new TextEncoder().encode(value);
    strictEqual(utf8Size(value), bytes.length);
    const copy = written((writer) => writer.text(value, bytes.length));
    deepStrictEqual(copy, bytes);
    strictEqual(new Reader(bytes).utf8(bytes.length), value);
  }));
});

Deno.test("utf8Size() counts a lone surrogate as the replacement character", () => {
  for (const text of ["\ud800", "a\udc00b", "\ud800\ud800\udc00", "\udfffé"]) {
    const size = utf8Size(text);
    const expected = new TextEncoder().encode(text);
    strictEqual(size, expected.length, text);
    deepStrictEqual(written((writer) => writer.text(text, size)), expected);
  }
});

Deno.test("a reader never passes its end, even in a larger buffer", () => {
  const bytes = new Uint8Array(16).fill(1);
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.int16(),
    (reader) => reader.uint16(),
    (reader) => reader.int32(),
    (reader) => reader.int64(),
    (reader) => reader.bigInt64(),
    (reader) => reader.float64(),
    (reader) => reader.view(5),
    (reader) => reader.utf8(5),
    (reader) => reader.skip(5),
    (reader) => reader.view(-1),
    (reader) => reader.expectEnd(),
    (reader) => reader.expectRoom(2),
  ];
  for (const read of reads) {
    const reader = new Reader(bytes, { position: 7, end: 8 });
    throws(
      () => read(reader),
      (error: Error) => error instanceof DecodeError && error.position === 7,
      String(read),
    );
    strictEqual(reader.position, 7);
  }
});

Deno.test("countElements() holds a count against the bytes and the budget", () => {
  const reader = new Reader(new Uint8Array(100), { elementCountMax: 30 });
  reader.countElements(20, 5);
  throws(() => reader.countElements(21, 5), /21 elements in 100 bytes/);
  throws(() => reader.countElements(11, 1), /too many/);
});

Deno.test("patchInt32() fills a size in after the fact", () => {
  const bytes = written((writer) => {
    writer.int32(0);
    writer.raw(new Uint8Array(10));
    writer.patchInt32(0, 10);
  });
  strictEqual(new Reader(bytes).int32(), 10);
});

Deno.test("reserve() makes room in one step and keeps what is there", () => {
  const buffer = new Uint8Array(8);
  const writer = new Writer(buffer);
  writer.int32(7);
  strictEqual(writer.written().buffer, buffer.buffer);
  writer.reserve(1000);
  const roomy = writer.written().buffer;
  writer.raw(new Uint8Array(1000));
  strictEqual(writer.written().buffer, roomy);
  strictEqual(new Reader(writer.written()).int32(), 7);
});
