import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { compressions } from "../compress/codecs.ts";
import { BatchBuilder, encodeBatch } from "../record/record_batch.ts";
import { readProducerSettings } from "./producer_settings.ts";

const records = Array.from({ length: 200 }, (_, i) => ({
  timestampMs: 1000 + i,
  key: null,
  value: encodeUtf8(
    `{"id":${i * 7919 % 1000},"name":"customer-${i % 17}","sum":${i * i}}`,
  ),
}));

/** What a producer with this configuration sends of the records. */
function sent(config: Record<string, string>): Uint8Array {
  const { format } = readProducerSettings({
    "bootstrap.servers": "localhost:9092",
    "batch.size": "1000000",
    ...config,
  });
  const builder = new BatchBuilder(format);
  for (const record of records) strictEqual(builder.tryAppend(record), true);
  return builder.build();
}

Deno.test("a producer compresses with the level of its codec", () => {
  for (const { name, levels } of compressions) {
    if (levels === null) continue;
    const key = `compression.${name}.level`;
    const type = { "compression.type": name };
    const sizes = [levels.min, levels.max].map((level) => {
      const batch = sent({ ...type, [key]: `${level}` });
      deepStrictEqual(
        batch,
        encodeBatch({ records, compression: name, compressionLevel: level }),
        `${name} ${level}`,
      );
      return batch.length;
    });
    ok(sizes[1] < sizes[0], `${name}: ${sizes}`);
    deepStrictEqual(sent(type), encodeBatch({ records, compression: name }));
    for (const level of [levels.min - 1, levels.max + 1]) {
      throws(() => sent({ ...type, [key]: `${level}` }), {
        message: new RegExp(key),
      });
    }
  }
});
