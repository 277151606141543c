import { strictEqual } from "node:assert/strict";
import { encodeHex } from "../../base/bytes.ts";
import { sessionPassword } from "./session_password.ts";

Deno.test("a session's password is the one that ZooKeeper gave it", () => {
  // From the traffic of a ZooKeeper 3.8.4 server.
  strictEqual(
    encodeHex(sessionPassword(0x0100007249c90000n)),
    "dd6014c8a6fd043e83ef0b555ff5aaeb",
  );
});
