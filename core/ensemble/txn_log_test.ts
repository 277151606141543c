import { deepEqual, equal, throws } from "node:assert/strict";
import { Writer } from "../wire/writer.ts";
import { OPEN_ACL } from "./acl_cache.ts";
import { decodeTxn, encodeTxn, type SingleTxn, type Txn } from "./txn.ts";
import {
  encodeEntry,
  encodePayload,
  nameOfZxid,
  readLog,
  zxidOfName,
} from "./txn_log.ts";

const HEADER = Uint8Array.fromHex("5a4b4c47000000020000000000000000");
const data = new Uint8Array([1, 2]);

const STEPS: SingleTxn[] = [
  {
    kind: "create",
    path: "/a",
    data,
    acl: OPEN_ACL,
    ephemeral: true,
    parentCVersion: 3,
  },
  {
    kind: "create2",
    path: "/a",
    data: null,
    acl: [],
    ephemeral: false,
    parentCVersion: -1,
  },
  {
    kind: "createContainer",
    path: "/c",
    data,
    acl: OPEN_ACL,
    parentCVersion: 3,
  },
  {
    kind: "createTtl",
    path: "/t",
    data,
    acl: OPEN_ACL,
    parentCVersion: 3,
    ttl: 5000n,
  },
  { kind: "delete", path: "/a" },
  { kind: "deleteContainer", path: "/c" },
  { kind: "setData", path: "/ä", data, version: 7 },
  { kind: "reconfig", path: "/zookeeper/config", data, version: -1 },
  { kind: "setAcl", path: "/a", acl: OPEN_ACL, version: 1 },
  { kind: "check", path: "/a", version: 2 },
  { kind: "error", err: -110 },
];

const TXNS: Txn[] = [
  ...STEPS,
  { kind: "createSession", timeOut: 6000 },
  { kind: "closeSession", paths2Delete: ["/a", "/b"] },
  { kind: "multi", txns: STEPS },
];

const context = (zxid: bigint) => ({
  sessionId: -(2n ** 62n),
  cxid: 5,
  zxid,
  timeMs: 1795366878115,
});

Deno.test("every kind of transaction encodes and decodes, with and without a digest", () => {
  for (const txn of TXNS) {
    for (const digest of [null, { version: 2, treeDigest: -1n }]) {
      const writer = new Writer();
      const logged = { context: context(2n ** 63n - 1n), txn, digest };
      encodeTxn(writer, logged);
      deepEqual(decodeTxn(writer.written().slice()), logged, txn.kind);
    }
  }
});

Deno.test("decodeTxn() refuses unknown types, rests and cut ends", () => {
  const writer = new Writer();
  encodeTxn(writer, { context: context(1n), txn: TXNS[0], digest: null });
  const bytes = writer.written().slice();
  throws(() => decodeTxn(bytes.subarray(0, -1)), { name: "DecodeError" });
  throws(() => decodeTxn(new Uint8Array([...bytes, 0])), {
    name: "DecodeError",
  });
  const unknown = bytes.slice();
  unknown[31] = 99;
  throws(() => decodeTxn(unknown), /unknown type 99/);
});

function logOf(...zxids: bigint[]): Uint8Array {
  const writer = new Writer();
  writer.raw(HEADER);
  for (const zxid of zxids) {
    const txn: Txn = { kind: "createSession", timeOut: Number(zxid) };
    encodeEntry(
      writer,
      encodePayload({ context: context(zxid), txn, digest: null }),
    );
  }
  return writer.written().slice();
}

Deno.test("readLog() stops at the padding, at the end and at the first damage", () => {
  const whole = logOf(1n, 2n, 3n);
  const two = logOf(1n, 2n).length;
  const padded = new Uint8Array(whole.length + 500);
  padded.set(whole);
  const broken = whole.slice();
  broken[two + 20] ^= 1;
  const holed = whole.slice();
  holed[logOf(1n).length + 20] ^= 1;
  const cases: [
    string,
    Uint8Array,
    number,
    number,
    "clean" | "damaged",
    number | null,
  ][] = [
    ["whole", whole, 3, whole.length, "clean", null],
    ["padded", padded, 3, whole.length, "clean", null],
    ["cut", whole.subarray(0, whole.length - 1), 2, two, "damaged", null],
    ["broken last", broken, 2, two, "damaged", null],
    ["broken middle", holed, 1, logOf(1n).length, "damaged", two],
    ["header only", HEADER, 0, 16, "clean", null],
    ["cut header", HEADER.subarray(0, 9), 0, 0, "damaged", null],
    ["zeroes", new Uint8Array(100), 0, 0, "clean", null],
    ["empty", new Uint8Array(0), 0, 0, "clean", null],
  ];
  for (const [what, bytes, count, endPosition, tail, resumesAt] of cases) {
    const found = readLog(bytes);
    equal(found.entries.length, count, what);
    deepEqual([found.endPosition, found.tail, found.resumesAt], [
      endPosition,
      tail,
      resumesAt,
    ], what);
  }
});

Deno.test("names of files carry zxids in hex, over all 64 bits", () => {
  for (const zxid of [0n, 10n, 0x1000000adn, 2n ** 63n - 1n, -1n]) {
    equal(zxidOfName(nameOfZxid("log", zxid), "log"), zxid);
  }
  equal(nameOfZxid("snapshot", 0x1000000acn), "snapshot.1000000ac");
  for (
    const name of [
      "log",
      "log.",
      "log.xyz",
      "snapshot.1",
      "log.1.tmp",
      "log.11111111111111111",
    ]
  ) {
    equal(zxidOfName(name, "log"), null, name);
  }
});
