import { gunzipSync } from "node:zlib";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  checkMessageLine,
  type MessageLine,
  schemasNamed,
  schemaVersion,
} from "../../testing/golden_messages.ts";
import { DecodeError, Reader } from "../reader.ts";
import { codecFor } from "./codec.ts";
import { parseExactJson } from "./json.ts";

function readLines(file: string): MessageLine[] {
  const path = new URL(`../../../testdata/wire/${file}`, import.meta.url);
  return new TextDecoder().decode(gunzipSync(Deno.readFileSync(path)))
    .split("\n").filter((text) => text !== "")
    .map((text) => parseExactJson(text) as unknown as MessageLine);
}

const files: [file: string, count: number][] = [
  ["kafka-messages.jsonl.gz", 700],
  ["kafka-messages-4.1.jsonl.gz", 659],
];
const lines = files.map(([file]) => readLines(file));

for (const [index, [file, count]] of files.entries()) {
  Deno.test(`every message of ${file} decodes, compares and encodes`, () => {
    strictEqual(lines[index].length, count);
    const failures = lines[index].flatMap((line) => {
      const failure = checkMessageLine(line);
      return failure === null
        ? []
        : [`${line.name} v${line.version}: ${failure}`];
    });
    deepStrictEqual(failures, []);
  });
}

Deno.test("checkMessageLine() names what differs", () => {
  const line = lines[0].find((each) => each.name === "HeartbeatResponse")!;
  const wrongJson = { ...line, json: { errorCode: 1, extra: 2 } };
  ok(checkMessageLine(wrongJson)?.includes("decodes to"));
  ok(checkMessageLine({ ...line, hex: line.hex + "00" })?.includes("end"));
  ok(checkMessageLine({ ...line, version: 99 })?.includes("versions 0 to 4"));
  ok(checkMessageLine({ ...line, name: "Nothing" })?.includes("no schema"));
});

/** Decodes a message that must fill its bytes; the error where it is refused. */
function decodeLine(line: MessageLine, bytes: Uint8Array): DecodeError | null {
  const [schema] = schemasNamed(line.name);
  const reader = new Reader(bytes);
  try {
    codecFor(schema, schemaVersion(schema, line.version)).decode(reader);
    reader.expectEnd();
    return null;
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}

Deno.test("a message cut off anywhere is refused with the place", () => {
  for (const line of lines[0]) {
    if (schemasNamed(line.name).length > 1) continue;
    const bytes = Uint8Array.fromHex(line.hex);
    // Long messages at each 7th byte: the same code reads the bytes between.
    const step = bytes.length > 300 ? 7 : 1;
    for (let size = 0; size < bytes.length; size += step) {
      const error = decodeLine(line, bytes.subarray(0, size));
      ok(error !== null, `${line.name} v${line.version} at ${size}`);
      ok(error.position <= size);
    }
  }
});

Deno.test("changed bytes decode or are refused, in bounded memory", () => {
  const seed = 20240917;
  const all = lines.flat();
  const property = fc.property(
    fc.nat(all.length - 1),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    }),
    (index, changes) => {
      const line = all[index];
      const bytes = Uint8Array.fromHex(line.hex);
      if (bytes.length === 0) return;
      for (const [place, value] of changes) {
        bytes[place % bytes.length] = value;
      }
      const heapBefore = Deno.memoryUsage().heapUsed;
      decodeLine(line, bytes);
      ok(Deno.memoryUsage().heapUsed - heapBefore < 16 * 1024 * 1024);
    },
  );
  fc.assert(property, { seed, numRuns: 5000 });
});
