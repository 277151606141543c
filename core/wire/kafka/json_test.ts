import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { canonicalJson, fromJson, parseExactJson, toJson } from "./json.ts";
import { voteRequest } from "./messages/vote.ts";
import { message } from "./schema.ts";

const probe = message({
  name: "Probe",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    position: "int64",
    data: { type: "bytes", nullableSince: 0 },
    note: { type: "string", tag: 0, since: 1, default: "none" },
    late: { type: "int32", since: 1 },
  },
});

Deno.test("toJson() shows what the version has, as Kafka does", () => {
  const value = {
    position: 2n ** 62n,
    data: new Uint8Array([255, 0]),
    note: "none",
    late: 3,
  };
  deepStrictEqual(toJson(probe, 0, value), {
    position: 2n ** 62n,
    data: "/wA=",
  });
  deepStrictEqual(toJson(probe, 1, { ...value, note: "x", data: null }), {
    position: 2n ** 62n,
    data: null,
    note: "x",
    late: 3,
  });
});

Deno.test("fromJson() reads it back and fills in what was left out", () => {
  deepStrictEqual(fromJson(probe, 1, { position: 5, data: "/wA=", late: 3 }), {
    position: 5n,
    data: new Uint8Array([255, 0]),
    note: "none",
    late: 3,
  });
});

Deno.test("canonicalJson() renames, drops defaults and keeps strangers", () => {
  const json = { position: 1, data: null, late: 0, note: "none", extra: 1 };
  deepStrictEqual(canonicalJson(probe, 1, json), {
    position: 1,
    data: null,
    late: 0,
    extra: 1,
  });
  const vote = { topics: [{ partitions: [{ candidateId: 4 }] }] };
  deepStrictEqual(canonicalJson(voteRequest, 0, vote), {
    topics: [{ partitions: [{ replicaId: 4 }] }],
  });
});

Deno.test("parseExactJson() loses no digit of a whole number", () => {
  const text = `{"a":9223372036854775807,"b":1.5,"c":[-7,1e300]}`;
  const json = parseExactJson(text) as { a: bigint };
  strictEqual(json.a, 2n ** 63n - 1n);
  deepStrictEqual(json, { a: 2n ** 63n - 1n, b: 1.5, c: [-7, 1e300] });
});
