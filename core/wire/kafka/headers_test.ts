import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";
import { apiKeys, apiRows } from "./api_keys.ts";
import { apis } from "./apis.ts";
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestHeader,
  encodeResponseHeader,
} from "./headers.ts";

function written(write: (writer: Writer) => void): string {
  const writer = new Writer();
  write(writer);
  return writer.written().toHex();
}

Deno.test("a request's header has the form of its API and version", () => {
  const cases: [key: number, version: number, hex: string][] = [
    [apiKeys.ControlledShutdown, 0, "0007" + "0000" + "00000005"],
    [apiKeys.Metadata, 8, "0003" + "0008" + "00000005" + "0002" + "6b71"],
    [
      apiKeys.Metadata,
      9,
      "0003" + "0009" + "00000005" + "0002" + "6b71" + "00",
    ],
    [apiKeys.ApiVersions, 99, "0012" + "0063" + "00000005" + "00026b71" + "00"],
  ];
  for (const [apiKey, apiVersion, hex] of cases) {
    const clientId = apiKey === apiKeys.ControlledShutdown ? null : "kq";
    const header = { apiKey, apiVersion, correlationId: 5, clientId };
    strictEqual(written((writer) => encodeRequestHeader(writer, header)), hex);
    const reader = new Reader(Uint8Array.fromHex(hex));
    deepStrictEqual(decodeRequestHeader(reader), header);
    reader.expectEnd();
  }
});

Deno.test("a client id may be null, empty and long", () => {
  for (const clientId of [null, "", "x".repeat(32767)]) {
    const header = { apiKey: 3, apiVersion: 9, correlationId: 1, clientId };
    const hex = written((writer) => encodeRequestHeader(writer, header));
    deepStrictEqual(
      decodeRequestHeader(new Reader(Uint8Array.fromHex(hex))),
      header,
    );
  }
});

Deno.test("a header that is cut off or of no API is refused", () => {
  const header = "0003" + "0009" + "00000005" + "0002" + "6b71" + "00";
  for (let size = 0; size < header.length; size += 2) {
    const reader = new Reader(Uint8Array.fromHex(header.slice(0, size)));
    throws(() => decodeRequestHeader(reader), { name: "DecodeError" });
  }
  throws(
    () => decodeRequestHeader(new Reader(Uint8Array.fromHex("270f0000"))),
    /Unknown api key 9999/,
  );
});

Deno.test("an answer's header has tags in flexible versions, save ApiVersions'", () => {
  const cases: [key: number, version: number, hex: string][] = [
    [apiKeys.Metadata, 8, "00000005"],
    [apiKeys.Metadata, 9, "00000005" + "00"],
    [apiKeys.ApiVersions, 4, "00000005"],
    [apiKeys.SaslHandshake, 1, "00000005"],
  ];
  for (const [apiKey, apiVersion, hex] of cases) {
    const header = { apiKey, apiVersion, correlationId: 5 };
    strictEqual(written((writer) => encodeResponseHeader(writer, header)), hex);
    const reader = new Reader(Uint8Array.fromHex(hex));
    strictEqual(decodeResponseHeader(reader, header).correlationId, 5);
    reader.expectEnd();
  }
});

Deno.test("the table of keys says what the schemas say", () => {
  strictEqual(apis.size, Object.keys(apiRows).length);
  for (const [key, { name, request, response }] of apis) {
    const row = apiRows[name];
    for (const schema of [request, response]) {
      deepStrictEqual(schema.versions, row.versions, name);
      strictEqual(schema.flexibleSince ?? null, row.flexibleSince, name);
      strictEqual(schema.key, key, name);
    }
    deepStrictEqual(
      [request.name, response.name],
      [`${name}Request`, `${name}Response`],
    );
  }
});
