import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { layerOf, layers, mapOf, whyNotImport } from "./layers.ts";

const ROOT = new URL("..", import.meta.url).pathname;

Deno.test("layers name each other, and never in a circle", () => {
  const names = layers.map((layer) => layer.name);
  strictEqual(new Set(names).size, names.length);
  layers.forEach(({ name, mayImport }, place) => {
    if (mayImport === "*") return;
    for (const other of mayImport) {
      ok(names.includes(other), `${name} may import ${other}, which is none`);
      // An earlier place means that no chain of imports can come back.
      const isBelow = names.indexOf(other) < place;
      ok(isBelow || name === "main", `${other} stands above ${name}`);
    }
  });
});

Deno.test("layerOf() knows every folder of core/", () => {
  for (const { name, isDirectory } of Deno.readDirSync(`${ROOT}core`)) {
    if (!isDirectory) continue;
    strictEqual(layerOf(`core/${name}/x.ts`)?.name, name);
  }
  strictEqual(layerOf("core/wire/kafka/messages/fetch.ts")?.name, "wire");
  strictEqual(layerOf("main.ts")?.name, "main");
  strictEqual(layerOf("commands/topic.ts")?.name, "commands");
  strictEqual(layerOf("elsewhere/x.ts"), undefined);
  strictEqual(layerOf("core/x.ts"), undefined);
});

Deno.test("whyNotImport() holds the table", () => {
  const cases: [from: string, to: string, reason: RegExp | null][] = [
    ["core/log/a.ts", "core/log/b.ts", null],
    ["core/log/a.ts", "core/base/b.ts", null],
    ["core/log/a.ts", "core/record/b.ts", null],
    ["core/log/a.ts", "core/broker/b.ts", /layer log may import .*not broker/],
    ["core/base/a.ts", "core/host/host.ts", /layer base may import base, not/],
    ["core/broker/a.ts", "core/ensemble/b.ts", /not ensemble/],
    ["core/broker/a.ts", "core/coordination/b.ts", null],
    ["core/broker/a.ts", "core/testing/b.ts", /only tests and scripts/],
    ["core/broker/a_test.ts", "core/testing/b.ts", null],
    ["core/broker/a_test.ts", "core/ensemble/b.ts", null],
    ["core/log/a_bench.ts", "core/testing/b.ts", null],
    ["scripts/a.ts", "core/testing/b.ts", null],
    ["core/log/a.ts", "scripts/b.ts", /only tests and scripts/],
    ["commands/a.ts", "core/ensemble/b.ts", null],
    ["commands/a.ts", "core/testing/b.ts", /only tests and scripts/],
    ["commands/a.ts", "commands/b.ts", /may not import another/],
    ["commands/mod.ts", "commands/b.ts", null],
    ["commands/a.ts", "commands/_b.ts", null],
    ["commands/a.ts", "main.ts", /nothing imports main/],
    ["main.ts", "commands/mod.ts", null],
    ["main.ts", "core/broker/b.ts", /layer main/],
    ["core/log/a.ts", "core/log/_b.ts", null],
    ["core/broker/a.ts", "core/log/_b.ts", /private to its folder/],
    ["core/log/a_test.ts", "core/wire/_b.ts", /private to its folder/],
    ["core/log/a.ts", "core/x.ts", /core\/x.ts is in no layer/],
  ];
  for (const [from, to, reason] of cases) {
    const why = whyNotImport(from, to);
    if (reason === null) strictEqual(why, null, `${from} → ${to}`);
    else match(why ?? "allowed", reason, `${from} → ${to}`);
  }
});

Deno.test("mapOf() has a row for each folder that is there", () => {
  const lines = mapOf(ROOT).split("\n");
  const folders = [...Deno.readDirSync(`${ROOT}core`)]
    .filter((entry) => entry.isDirectory)
    .map(({ name }) => `core/${name}/`);
  deepStrictEqual(
    folders.filter((path) => !lines.some((line) => line.includes(path))),
    [],
  );
});
