import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  encodeEndTransactionMarker,
  readControlRecordType,
  readEndTransactionMarker,
} from "./control_record.ts";
import { decodeBatch, readBatchHeader } from "./record_batch.ts";

Deno.test("a marker comes back from its control batch", () => {
  for (const type of ["commit", "abort"] as const) {
    const batch = encodeEndTransactionMarker({ type, coordinatorEpoch: 7 }, {
      timestampMs: 1700000874307,
      producerId: 854318775,
      producerEpoch: 590,
      partitionLeaderEpoch: 49,
    });
    const header = readBatchHeader(batch);
    ok(header.isControl && header.isTransactional);
    strictEqual(header.producerEpoch, 590);
    const [record] = decodeBatch(batch);
    strictEqual(readControlRecordType(record.key), type);
    deepStrictEqual(readEndTransactionMarker(record), {
      type,
      coordinatorEpoch: 7,
    });
  }
});

Deno.test("a marker has the bytes that Kafka gives it", () => {
  const batch = encodeEndTransactionMarker(
    { type: "abort", coordinatorEpoch: 7 },
    {
      timestampMs: 1700000874307,
      producerId: 854318775,
      producerEpoch: 590,
      partitionLeaderEpoch: 49,
    },
  );
  strictEqual(
    batch.subarray(12).toHex(),
    "0000003102aea0e7e60030000000000000018bcff2bf430000018bcff2bf43" +
      "0000000032ebdeb7024effffffff000000012000000008000000000c00000000000700",
  );
});

Deno.test("keys that no control record has are told apart", () => {
  const cases: [key: string | null, type: string | null][] = [
    [null, null],
    ["", null],
    ["000000", null],
    ["ffff0000", null],
    ["00000000", "abort"],
    ["00000001", "commit"],
    ["00000002", "other"],
    ["0001000199", "commit"],
  ];
  for (const [key, type] of cases) {
    const bytes = key === null ? null : Uint8Array.fromHex(key);
    strictEqual(readControlRecordType(bytes), type, `key ${key}`);
  }
});
