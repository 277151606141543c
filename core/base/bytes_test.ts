import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import {
  bytesEqual,
  compareBytes,
  concatBytes,
  decodeBase64,
  decodeBase64Url,
  decodeHex,
  decodeUtf8,
  decodeUtf8Lossy,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
  encodeUtf8,
} from "./bytes.ts";

const sample = Uint8Array.of(0xfb, 0xff, 0x00, 0x41);

Deno.test("bytes go into text and back", () => {
  strictEqual(encodeHex(sample), "fbff0041");
  deepStrictEqual(decodeHex("FBff0041"), sample);
  strictEqual(encodeBase64(sample), "+/8AQQ==");
  deepStrictEqual(decodeBase64("+/8AQQ"), sample);
  strictEqual(encodeBase64Url(sample), "-_8AQQ");
  deepStrictEqual(decodeBase64Url("-_8AQQ"), sample);
  strictEqual(decodeUtf8(encodeUtf8("\ufeffhé헤😀")), "\ufeffhé헤😀");
});

Deno.test("text that is not of its encoding is refused", () => {
  throws(() => decodeHex("0g"), SyntaxError);
  throws(() => decodeBase64("*"), SyntaxError);
  throws(() => decodeUtf8(sample), TypeError);
  strictEqual(decodeUtf8Lossy(sample), "\ufffd\ufffd\u0000A");
});

Deno.test("concatBytes() copies all parts in order", () => {
  const parts = [sample, new Uint8Array(0), Uint8Array.of(1)];
  deepStrictEqual([...concatBytes(parts)], [0xfb, 0xff, 0x00, 0x41, 1]);
});

Deno.test("compareBytes() orders by unsigned bytes, then by size", () => {
  ok(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80)) < 0);
  ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  strictEqual(compareBytes(sample, sample.slice()), 0);
  ok(bytesEqual(sample, sample.slice()));
  ok(!bytesEqual(sample, sample.subarray(1)));
  ok(!bytesEqual(Uint8Array.of(1), Uint8Array.of(2)));
});
