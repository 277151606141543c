import { crc32c } from "../base/crc32c.ts";
import { encodeBatch } from "./record_batch.ts";
import { validateProduced } from "./validate.ts";

const options = {
  baseOffset: 0,
  leaderEpoch: 1,
  nowMs: 5,
  timestampType: "CreateTime",
  compressionType: "producer",
  maxMessageBytes: 2 ** 30,
} as const;

for (const [recordBytes, batchBytes] of [[100, 16_384], [1000, 131_072]]) {
  const count = Math.floor(batchBytes / (recordBytes + 10));
  const value = new Uint8Array(recordBytes).fill(9);
  const records = Array.from({ length: count }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + i,
    key: null,
    value,
  }));
  const batch = encodeBatch({ records });
  const group = `${count} records of ${recordBytes} bytes`;
  Deno.bench("the checksum alone", { group, baseline: true }, () => {
    crc32c(batch);
  });
  Deno.bench("validateProduced()", { group }, () => {
    validateProduced(batch, options);
  });
}
