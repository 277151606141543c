import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { compressSnappy, decompressSnappy } from "./snappy.ts";

const FRAME = "82534e41505059000000000100000001";
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("decompressSnappy() reads framed and raw blocks", () => {
  // A literal "abcd", then copies with one, two and four bytes of distance.
  const block = "18" + "0c61626364" + "0104" + "0e0800" + "2f08000000";
  const raw = Uint8Array.fromHex(block);
  strictEqual(text(decompressSnappy(raw, 24)), "abcd".repeat(6));
  const framed = Uint8Array.fromHex(FRAME + "00000010" + block);
  strictEqual(text(decompressSnappy(framed, 24)), "abcd".repeat(6));
  strictEqual(decompressSnappy(Uint8Array.fromHex(FRAME), 0).length, 0);
  const twice = Uint8Array.fromHex((FRAME + "00000010" + block).repeat(2));
  strictEqual(text(decompressSnappy(twice, 48)), "abcd".repeat(12));
});

Deno.test("compressSnappy() cuts blocks of 32 KiB into the framing", () => {
  const packed = compressSnappy(new Uint8Array(70_000));
  strictEqual(packed.subarray(0, 16).toHex(), FRAME);
  const view = new DataView(packed.buffer, packed.byteOffset);
  let blockCount = 0;
  for (let i = 16; i < packed.length; i += 4 + view.getInt32(i)) blockCount++;
  strictEqual(blockCount, 3);
});

Deno.test("decompressSnappy() refuses what points outside, within its memory", () => {
  const cases: [name: string, hex: string, kind: string][] = [
    ["chunk of 2^31-1 bytes", FRAME + "7fffffff" + "0000", "corrupt"],
    ["chunk of negative size", FRAME + "80000000" + "0000", "corrupt"],
    ["chunk header cut off", FRAME + "0000", "corrupt"],
    ["no size", "", "corrupt"],
    ["size without an end", "ffffffffff", "corrupt"],
    ["size above 32 bits", "ffffffff7f", "corrupt"],
    ["declared size over the limit", "ffffff7f" + "00", "tooLarge"],
    ["declared size that tags cannot make", "808004" + "0061", "corrupt"],
    ["literal past the end", "04" + "0c6162", "corrupt"],
    ["literal over the declared size", "02" + "0c61626364", "corrupt"],
    ["literal with its size cut off", "02" + "fc00", "corrupt"],
    ["literal of 4 GiB", "02" + "fcffffffff61", "corrupt"],
    ["copy before any byte", "04" + "0101", "corrupt"],
    ["copy at distance 0", "05" + "0061" + "0100", "corrupt"],
    ["copy over the declared size", "03" + "0061" + "0101", "corrupt"],
    ["copy cut off", "06" + "0061" + "0e01", "corrupt"],
    ["fewer bytes than declared", "0a" + "0c61626364", "corrupt"],
  ];
  for (const [name, hex, kind] of cases) {
    throws(
      () => decompressSnappy(Uint8Array.fromHex(hex), 100_000),
      { name: "CompressError", kind },
      name,
    );
  }
});

Deno.test("compressSnappy() does not confuse fragments of one block", () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const packed = compressSnappy(bytes);
  deepStrictEqual(decompressSnappy(packed, bytes.length), bytes);
});
