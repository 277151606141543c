import { deepEqual, equal, throws } from "node:assert/strict";
import { Writer } from "../wire/writer.ts";
import { OpCode } from "../wire/zookeeper/records.ts";
import {
  type Asked,
  encodeAsked,
  type Operation,
} from "../testing/zookeeper_asked.ts";
import { decodeWrite, isClientWrite } from "./write_request.ts";

function decode<O extends Operation>(operation: O, asked: Asked[O]) {
  const writer = new Writer();
  encodeAsked(operation, asked, writer);
  const opCode = OpCode[operation as keyof typeof OpCode];
  return decodeWrite(opCode, writer.written().slice());
}

const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

Deno.test("the operation says how a znode stays, the flags how it is named and whose it is", () => {
  const created = { kind: "create", path: "/a", data: new Uint8Array(0) };
  deepEqual(decode("create", { path: "/a", flags: 3 }), {
    ...created,
    acl: OPEN,
    mode: "ephemeralSequential",
    wantsStat: false,
    isContainer: false,
  });
  deepEqual(decode("createContainer", { path: "/a", flags: 2 }), {
    ...created,
    acl: OPEN,
    mode: "persistentSequential",
    wantsStat: true,
    isContainer: true,
  });
  deepEqual(decode("createTtl", { path: "/a", flags: 6, ttlMs: 7n }), {
    ...created,
    acl: OPEN,
    mode: "ttlSequential",
    ttlMs: 7n,
    wantsStat: true,
  });
  throws(() => decode("create", { path: "/a", flags: 8 }), {
    errorName: "BAD_ARGUMENTS",
  });
});

Deno.test("a multi is read step by step up to its end", () => {
  deepEqual(
    decode("multi", {
      steps: [
        ["delete", { path: "/a", version: 3 }],
        ["check", { path: "/b", version: -1 }],
        ["setData", { path: "/c", data: null, version: 0 }],
      ],
    }),
    {
      kind: "multi",
      steps: [
        { kind: "delete", path: "/a", version: 3 },
        { kind: "check", path: "/b", version: -1 },
        { kind: "set", path: "/c", data: null, version: 0 },
      ],
    },
  );
  throws(() => decode("multi", { steps: [], isUnended: true }), {
    name: "DecodeError",
  });
  throws(() => decode("multi", { steps: [["exists", { path: "/a" }]] }), {
    name: "DecodeError",
  });
});

Deno.test("containers go, and sessions begin, only by the server itself", () => {
  throws(() => decode("deleteContainer", { path: "/a" }), {
    errorName: "BAD_ARGUMENTS",
  });
  equal(isClientWrite(OpCode.createSession), false);
  equal(isClientWrite(OpCode.closeSession), true);
  equal(isClientWrite(OpCode.getData), false);
  equal(isClientWrite(OpCode.multi), true);
});
