import { ok, strictEqual } from "node:assert/strict";
import {
  errorByCode,
  ErrorCode,
  type ErrorName,
  errorTable,
  KafkaError,
} from "./errors.ts";

Deno.test("codes are dense, and each has a text", () => {
  const rows = Object.entries(errorTable);
  rows.forEach(([name, row], index) => {
    strictEqual(row.code, index - 1, name);
    ok(row.text.endsWith("."), name);
    strictEqual(errorByCode(row.code).name, name);
    strictEqual(ErrorCode[name as ErrorName], row.code);
  });
});

Deno.test("errors that a later try may get past are retriable", () => {
  const names: ErrorName[] = [
    "NOT_LEADER_OR_FOLLOWER",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "KAFKA_STORAGE_ERROR",
  ];
  for (const name of names) ok(new KafkaError(name).retriable, name);
  for (const name of ["TOPIC_ALREADY_EXISTS", "INVALID_RECORD"] as const) {
    ok(!new KafkaError(name).retriable, name);
  }
});

Deno.test("KafkaError says what exactly is wrong, or what its row says", () => {
  const own = new KafkaError("TOPIC_ALREADY_EXISTS", "Topic 'a' exists.");
  strictEqual(own.code, 36);
  strictEqual(own.message, "Topic 'a' exists.");
  strictEqual(
    KafkaError.ofCode(36).message,
    errorTable.TOPIC_ALREADY_EXISTS.text,
  );
  strictEqual(KafkaError.ofCode(4711).errorName, "UNKNOWN_SERVER_ERROR");
});
