import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  VarintCursor,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from "./varint.ts";

Deno.test("writeVarint() writes zigzag, lowest seven bits first", () => {
  const cases: [value: number, bytes: number[]][] = [
    [0, [0x00]],
    [-1, [0x01]],
    [1, [0x02]],
    [63, [0x7e]],
    [-64, [0x7f]],
    [64, [0x80, 0x01]],
    [300, [0xd8, 0x04]],
    [2147483647, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    [-2147483648, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of cases) {
    const target = new Uint8Array(10);
    for (const write of [writeVarint, writeVarlong]) {
      const end = write(target, 0, value);
      deepStrictEqual([...target.subarray(0, end)], bytes, `value ${value}`);
    }
  }
});

Deno.test("varints come back, in the size that was foretold", () => {
  fc.assert(fc.property(fc.integer(), (value) => {
    const target = new Uint8Array(5);
    const end = writeVarint(target, 0, value);
    strictEqual(end, varintSize(value));
    const cursor = new VarintCursor(target, 0, end);
    strictEqual(cursor.varint(), value);
    ok(!cursor.failed && cursor.position === end);
  }));
});

Deno.test("varlongs come back, in the size that was foretold", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    const target = new Uint8Array(10);
    const end = writeVarlong(target, 0, value);
    strictEqual(end, varlongSize(value));
    const cursor = new VarintCursor(target, 0, end);
    strictEqual(cursor.varlong(), value);
    ok(!cursor.failed && cursor.position === end);
  }));
});

Deno.test("varlong() reads all of 64 bits, as the nearest double", () => {
  const max = Uint8Array.of(
    0xfe,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0x01,
  );
  strictEqual(new VarintCursor(max).varlong(), 2 ** 63);
  max[0] = 0xff;
  strictEqual(new VarintCursor(max).varlong(), -(2 ** 63));
});

Deno.test("VarintCursor fails on what is cut off, too long or past its end", () => {
  const cases: [name: string, bytes: number[], read: "varint" | "varlong"][] = [
    ["nothing", [], "varint"],
    ["cut off", [0x80, 0x80], "varint"],
    ["six bytes", [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "varint"],
    ["33 bits", [0xff, 0xff, 0xff, 0xff, 0x1f], "varint"],
    ["nothing", [], "varlong"],
    ["cut off", [0x80], "varlong"],
    ["eleven bytes", new Array(11).fill(0x80), "varlong"],
    ["65 bits", [...new Array(9).fill(0xff), 0x02], "varlong"],
  ];
  for (const [name, bytes, read] of cases) {
    const cursor = new VarintCursor(Uint8Array.from(bytes));
    strictEqual(cursor[read](), 0, name);
    ok(cursor.failed, name);
  }
  for (const count of [-1, 3]) {
    const cursor = new VarintCursor(new Uint8Array(2));
    cursor.skip(count);
    ok(cursor.failed, `skip ${count}`);
  }
});
