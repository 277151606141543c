import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { apis } from "../wire/kafka/apis.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import { decodeRequestHeader } from "../wire/kafka/headers.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import { type FrameHints, randomRequest } from "./sim_frames.ts";
import { mutate } from "./sim_mutations.ts";
import { SimRandom } from "./sim_random.ts";

const HINTS: FrameHints = {
  topics: ["a", "b"],
  topicIds: ["AAAAAAAAAAAAAAAAAAAAAQ"],
  configKeys: ["retention.ms"],
};

function* allVersions() {
  for (const { key, request } of apis.values()) {
    for (let v = request.versions[0]; v <= request.versions[1]; v++) {
      yield { key, request, version: v };
    }
  }
}

Deno.test("randomRequest() makes frames that decode, of every API and version", () => {
  const random = new SimRandom(1);
  for (const { key, request, version } of allVersions()) {
    const { bytes } = randomRequest({ key, request }, version, random, HINTS);
    const reader = new Reader(bytes);
    const header = decodeRequestHeader(reader);
    deepStrictEqual([header.apiKey, header.apiVersion], [key, version]);
    codecFor(request, version, { exact: false }).decode(reader);
    strictEqual(reader.position, bytes.length, `${request.name} v${version}`);
  }
});

Deno.test("decoders meet any damage with a DecodeError, and soon", () => {
  const random = new SimRandom(2);
  let last: Uint8Array = new Uint8Array(8);
  let refusedCount = 0;
  let mutatedCount = 0;
  const startMs = performance.now();
  for (let round = 0; round < 20; round++) {
    for (const { key, request, version } of allVersions()) {
      const { bytes } = randomRequest({ key, request }, version, random, HINTS);
      const body = new Reader(bytes);
      decodeRequestHeader(body);
      const mutated = mutate(bytes.slice(body.position), random, last);
      mutatedCount += 1;
      try {
        codecFor(request, version, { exact: false })
          .decode(new Reader(mutated.bytes));
      } catch (error) {
        ok(
          error instanceof DecodeError,
          `${request.name} v${version}: ${error}`,
        );
        refusedCount += 1;
      }
      last = bytes;
    }
  }
  ok(refusedCount > mutatedCount / 20 && refusedCount < mutatedCount);
  const tookMs = performance.now() - startMs;
  ok(tookMs < 20_000, `${mutatedCount} frames took ${tookMs} ms`);
});

Deno.test("mutate() leaves the frame alone, and finds many ways", () => {
  const random = new SimRandom(3);
  const frame = random.bytes(50);
  const before = frame.slice();
  const ways = new Set<string>();
  for (let i = 0; i < 500; i++) {
    ways.add(mutate(frame, random, frame).how);
    deepStrictEqual(frame, before);
  }
  ok(ways.has("none") && ways.size > 60, `${ways.size} ways`);
});
