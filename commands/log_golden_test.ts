// kq log dump and verify on what Apache Kafka wrote (testdata/log/).

import { deepEqual, equal } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { encodeBase64, encodeUtf8 } from "../core/base/bytes.ts";
import type { JsonBytes } from "../core/cli/record_json.ts";
import { run } from "../core/cli/run.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { simHost } from "../core/testing/sim_host.ts";
import { readTar } from "../core/testing/tar.ts";
import { commands } from "./mod.ts";

const folder = new URL("../testdata/log/", import.meta.url);
const gunzip = (name: string) =>
  gunzipSync(Deno.readFileSync(new URL(name, folder)));

interface GoldenPartition {
  readonly records: readonly (readonly [
    offset: number,
    timestampMs: number,
    key: string | null,
    value: string | null,
    headers: readonly (readonly [key: string, value: string | null])[],
  ])[];
}

const golden: { readonly [name: string]: GoldenPartition } = JSON.parse(
  new TextDecoder().decode(gunzip("kafka-data.json.gz")),
);

function kafkaData() {
  const { host } = simHost(1);
  const files = readTar(gunzip("kafka-data.tar.gz"));
  for (const { path, bytes } of files) {
    host.disk.makeDirectory(`/${path}`.slice(0, path.lastIndexOf("/") + 1));
    const file = host.disk.open(`/${path}`, "create");
    file.writeAt(bytes, 0);
    file.close();
  }
  return { host, root: `/${files[0].path.split("/")[0]}` };
}

async function kq(host: ReturnType<typeof kafkaData>["host"], argv: string[]) {
  const process = new FakeProcess();
  const exitCode = await run(argv, { host, process, table: commands });
  return { exitCode, stdout: process.stdout, stderr: process.stderr };
}

const base64 = (bytes: JsonBytes) =>
  bytes === null
    ? null
    : typeof bytes === "string"
    ? encodeBase64(encodeUtf8(bytes))
    : bytes.base64;

Deno.test("log dump gives the records that a consumer of Kafka read", async () => {
  const { host, root } = kafkaData();
  // Others are named after what a reader of committed records saw.
  const names = Object.keys(golden).filter((name) => /-\d+$/.test(name));
  equal(names.length > 0, true);
  for (const name of names) {
    const argv = [
      "log",
      "dump",
      `${root}/${name}`,
      "--records",
      "-o",
      "ndjson",
    ];
    const { exitCode, stdout, stderr } = await kq(host, argv);
    equal(exitCode, 0, stderr);
    const rows = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const read = new Map(
      rows.filter(({ kind, marker }) => kind === "record" && marker === null)
        .map((row) => [row.offset, [
          row.timestampMs,
          base64(row.key),
          base64(row.value),
          row.headers.map((
            { key, value }: { key: string; value: JsonBytes },
          ) => [
            key,
            base64(value),
          ]),
        ]]),
    );
    for (const [offset, ...record] of golden[name].records) {
      deepEqual(read.get(offset), record, `${name}, offset ${offset}`);
    }
  }
});

Deno.test("log verify finds no fault in a data directory of Kafka", async () => {
  const { host, root } = kafkaData();
  const { exitCode, stdout, stderr } = await kq(host, [
    "log",
    "verify",
    root,
    "-o",
    "json",
  ]);
  deepEqual([exitCode, stdout], [0, "[]\n"], stderr);
});
