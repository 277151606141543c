import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";
import { juteCodec, type JuteRecord, type JuteType, record } from "./jute.ts";
import * as records from "./records.ts";

function encode(schema: JuteRecord, value: unknown): Uint8Array {
  const writer = new Writer();
  juteCodec(schema).encode(writer, value as Record<string, never>);
  return writer.written().slice();
}

Deno.test("records encode as ZooKeeper's own do", () => {
  const cases: [JuteRecord, unknown, string][] = [
    [records.requestHeader, { xid: 1, type: 14 }, "000000010000000e"],
    [records.getDataRequest, { path: "/a", watch: true }, "000000022f6101"],
    [
      records.setDataRequest,
      { path: "/a", data: null, version: -1 },
      "000000022f61ffffffffffffffff",
    ],
    [
      records.acl,
      { perms: 31, id: { scheme: "world", id: "anyone" } },
      "0000001f00000005776f726c6400000006616e796f6e65",
    ],
    [
      records.quorumPacket,
      { type: 5, zxid: -1n, data: new Uint8Array([7]), authinfo: null },
      "00000005ffffffffffffffff0000000107ffffffff",
    ],
    [
      records.getChildrenResponse,
      { children: ["ä", ""] },
      "0000000200000002c3a400000000",
    ],
  ];
  for (const [schema, value, hex] of cases) {
    const bytes = encode(schema, value);
    equal(bytes.toHex(), hex, schema.name);
    deepEqual(juteCodec(schema).decode(new Reader(bytes)), value, schema.name);
  }
});

/** Random values of a type. */
function arbitrary(type: JuteType): fc.Arbitrary<unknown> {
  switch (type) {
    case "int":
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case "long":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "boolean":
      return fc.boolean();
    case "buffer":
      return fc.option(fc.uint8Array({ maxLength: 20 }));
    case "ustring":
    case "looseUstring":
      return fc.string({ unit: "grapheme", maxLength: 12 });
    case "nullableUstring":
      return fc.option(fc.string({ maxLength: 12 }));
  }
  if ("vector" in type) {
    return fc.array(arbitrary(type.vector), { maxLength: 4 });
  }
  if ("nullableVector" in type) {
    return fc.option(
      fc.array(arbitrary(type.nullableVector), { maxLength: 4 }),
    );
  }
  return fc.record(
    Object.fromEntries(
      Object.entries((type as JuteRecord).fields).map((
        [name, field],
      ) => [name, arbitrary(field)]),
    ),
    { noNullPrototype: true },
  );
}

const schemas = (Object.values(records) as unknown[]).filter((
  each,
): each is JuteRecord =>
  typeof each === "object" && each !== null && "fields" in each
);

Deno.test("every record decodes to what was encoded, and never reads beyond its end", () => {
  equal(schemas.length, 71);
  for (const schema of schemas) {
    fc.assert(
      fc.property(arbitrary(schema), (value) => {
        const bytes = encode(schema, value);
        const reader = new Reader(bytes);
        deepEqual(juteCodec(schema).decode(reader), value, schema.name);
        reader.expectEnd();
        if (bytes.length === 0) return;
        throws(
          () => juteCodec(schema).decode(new Reader(bytes.subarray(0, -1))),
          {
            name: "DecodeError",
          },
        );
      }),
      { numRuns: 30 },
    );
  }
});

Deno.test("sizes and counts that cannot be are refused before anything is made of them", () => {
  const strings = record("Strings", { values: { vector: "ustring" } });
  const cases: [JuteRecord, string, RegExp][] = [
    [strings, "7fffffff", /array of 2147483647 elements in 0 bytes/],
    [strings, "fffffffe", /count -2 is negative/],
    [records.getSaslRequest, "7fffffff00", /asked for/],
    [records.getSaslRequest, "fffffffe", /negative/],
    [records.deleteTxn, "ffffffff", /ustring is null/],
    [records.deleteTxn, "00000001ff", /not UTF-8/],
  ];
  for (const [schema, hex, message] of cases) {
    throws(
      () => juteCodec(schema).decode(new Reader(Uint8Array.fromHex(hex))),
      message,
      `${schema.name} ${hex}`,
    );
  }
});

Deno.test("an identity without an id reads as one with an empty id", () => {
  const writer = new Writer();
  writer.int32(4);
  writer.text("auth", 4);
  writer.int32(-1);
  deepEqual(juteCodec(records.aclId).decode(new Reader(writer.written())), {
    scheme: "auth",
    id: "",
  });
});
