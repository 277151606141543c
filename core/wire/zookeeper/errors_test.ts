import { equal } from "node:assert/strict";
import { isZkError, ZkError, zkErrorName, zkErrors } from "./errors.ts";

Deno.test("zkErrorName() finds every row by its code", () => {
  for (const [name, { code }] of Object.entries(zkErrors)) {
    equal(zkErrorName(code), name);
  }
  equal(zkErrorName(-9999), "SYSTEM_ERROR");
});

Deno.test("ZkError names what, and which step", () => {
  const error = new ZkError("NO_NODE", "/a", 2);
  equal(error.code, -101);
  equal(error.message, "NO_NODE: no such znode: /a");
  equal(error.operationIndex, 2);
  equal(isZkError(error, "BAD_VERSION", "NO_NODE"), true);
  equal(isZkError(error, "BAD_VERSION"), false);
  equal(isZkError(new Error("NO_NODE"), "NO_NODE"), false);
});
