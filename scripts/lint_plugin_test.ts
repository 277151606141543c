import { deepStrictEqual, strictEqual } from "node:assert/strict";
import plugin from "./lint_plugin.ts";

/** The messages for a file at a path from the project's root. */
function lint(path: string, source: string): string[] {
  const filename = new URL(`../${path}`, import.meta.url).pathname;
  return Deno.lint.runPlugin(plugin, filename, source)
    .map(({ id, message }) => `${id}: ${message}`);
}

Deno.test("kq/layers follows static, type, dynamic and export imports", () => {
  const broker = "../broker/broker.ts";
  for (
    const source of [
      `import { a } from "${broker}";`,
      `import type { A } from "${broker}";`,
      `export { a } from "${broker}";`,
      `export * from "${broker}";`,
      `const a = await import("${broker}");`,
    ]
  ) {
    deepStrictEqual(lint("core/log/a.ts", source), [
      "kq/layers: Cannot import core/broker/broker.ts: layer log may import " +
      "base, host, config, metrics, wire, compress, record, not broker",
    ], source);
    deepStrictEqual(lint("core/log/a_test.ts", source), [], source);
  }
  deepStrictEqual(
    lint("core/log/a.ts", `import { a } from "../base/bytes.ts";`),
    [],
  );
  deepStrictEqual(lint("core/log/a.ts", `import fc from "fast-check";`), []);
});

Deno.test("kq/world bans what reaches the world, and names the replacement", () => {
  const cases: [source: string, message: RegExp][] = [
    ["Deno.exit(1);", /^kq\/world: Deno\.exit is banned here: take a Host/],
    ["let a: Deno.Conn;", /Deno\.Conn/],
    ["Date.now();", /Date\.now .*host\.clock\.wallMs\(\)/],
    ["new Date();", /Date\.now .*wallMs/],
    ["Date();", /Date\.now/],
    ["performance.now();", /monotonicMs/],
    ["setTimeout(run, 5);", /host\.clock\.after\(\) or sleep\(\)/],
    ["globalThis.setTimeout(run, 5);", /setTimeout/],
    ["setInterval(run, 5);", /again each time/],
    ["setImmediate(run);", /setImmediate/],
    ["AbortSignal.timeout(5);", /AbortSignal\.timeout/],
    ["Math.random();", /host\.random\(\)/],
    ["Math['random']();", /host\.random\(\)/],
    ["crypto.getRandomValues(a);", /randomBytes/],
    ["globalThis.crypto.getRandomValues(a);", /randomBytes/],
    ["crypto.randomUUID();", /randomBytes/],
    ["await fetch(a);", /fetch .*host\.net/],
    ["new WebSocket(a);", /host\.net/],
    ["process.env.HOME;", /process\.env .*take a Process/],
    ["console.log(1);", /only cli and commands print/],
    ["new CompressionStream('gzip');", /synchronous forms of node:zlib/],
    ["await crypto.subtle.digest(a, b);", /synchronous forms of node:crypto/],
    ["new Worker(a);", /work in slices/],
    ["import fs from 'node:fs';", /node:fs .*use host\.disk/],
    ["process.getBuiltinModule('node:net');", /node:net .*use host\.net/],
    ["const a = await import('node:child_process');", /starts no other/],
  ];
  for (const [source, message] of cases) {
    const messages = lint("core/log/a.ts", source);
    strictEqual(messages.length, 1, `${source}: ${messages.join("; ")}`);
    strictEqual(message.test(messages[0]), true, messages[0]);
    for (
      const exempt of [
        "core/log/a_test.ts",
        "core/log/a_bench.ts",
        "core/testing/a.ts",
        "scripts/a.ts",
      ]
    ) {
      deepStrictEqual(lint(exempt, source), [], `${source} in ${exempt}`);
    }
  }
});

Deno.test("kq/world leaves pure things and own names alone", () => {
  for (
    const source of [
      "new Date(5).toISOString();",
      "Math.max(1, 2);",
      "function fetch(a: string) { return a; } fetch('x');",
      "import { fetch } from './fetch.ts'; fetch('x');",
      "import { a as fetch } from './fetch.ts'; fetch('x');",
      "function run(process: Process) { return process.env('HOME'); }",
      "class A { fetch() {} run() { this.fetch(); } }",
      "client.fetch(a);",
      "const zlib = process.getBuiltinModule('node:zlib');",
      "let zlib: typeof import('node:zlib');",
      "import type { Stats } from 'node:fs';",
    ]
  ) {
    deepStrictEqual(lint("core/log/a.ts", source), [], source);
  }
});

Deno.test("kq/world lets the host, main.ts, cli and commands do their part", () => {
  deepStrictEqual(lint("core/host/deno_disk.ts", "Deno.openSync(a);"), []);
  deepStrictEqual(lint("core/host/host.ts", "Deno.openSync(a);").length, 1);
  deepStrictEqual(lint("main.ts", "Deno.exit(await run(Deno.args));"), []);
  deepStrictEqual(lint("commands/topic.ts", "console.log(1);"), []);
  deepStrictEqual(lint("commands/topic.ts", "Deno.exit(1);").length, 1);
  deepStrictEqual(lint("core/cli/output.ts", "console.log(1);"), []);
  deepStrictEqual(lint("core/cli/output.ts", "Date.now();").length, 1);
});

Deno.test("kq/cost refuses static imports that slow down every start", () => {
  deepStrictEqual(lint("core/log/a.ts", `import { crc32 } from "node:zlib";`), [
    "kq/cost: A static import of node:zlib slows down every start: use " +
    'process.getBuiltinModule("node:zlib") when it is needed',
  ]);
  deepStrictEqual(
    lint("core/log/a.ts", `import type { Zlib } from "node:zlib";`),
    [],
  );
});

Deno.test("kq/tidy refuses index.ts and marks of unfinished work", () => {
  deepStrictEqual(lint("core/log/index.ts", "export {};"), [
    "kq/tidy: index.ts says nothing: name the file after its export",
  ]);
  const mark = "FIX" + "ME";
  deepStrictEqual(lint("core/log/a.ts", `// ${mark}: later\nexport {};`), [
    "kq/tidy: Finish it, or say in a sentence what is not there",
  ]);
  deepStrictEqual(lint("core/log/offset_index.ts", "export {};"), []);
});
