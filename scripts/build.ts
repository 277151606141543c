// Makes dist/kq: see scripts/build, which finds the pinned Deno and calls this.
//
// The bundle comes first in both ways, so that what `deno compile` embeds and
// what unpacks itself is the same one file without an import left in it.

import { packPayload, writeSelfExtracting } from "./self_extracting.ts";

const OUTPUT = "dist/kq";
/** A folder of this build's own, so that two at once do not take each other's files. */
await Deno.mkdir("dist", { recursive: true });
const WORK = await Deno.makeTempDir({ dir: "dist", prefix: "work-" });
const MADE = `${WORK}/kq`;
const BUNDLE = `${WORK}/kq.js`;

type Kind = "deno compile" | "self-extracting file";

async function run(
  command: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<Deno.CommandOutput> {
  return await new Deno.Command(command, {
    stdout: "piped",
    stderr: "piped",
    ...options,
    args,
  }).output();
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim();
}

function fail(message: string): never {
  console.error(`build: ${message}`);
  Deno.exit(1);
}

async function commit(): Promise<string> {
  const { success, stdout } = await run("git", [
    "describe",
    "--always",
    "--dirty",
  ]).catch(() => ({ success: false, stdout: new Uint8Array() }));
  return success ? text(stdout) : "unknown";
}

/**
 * Takes out the import of `node:module` that the bundler puts first: it costs 10
 * to 20 ms at every start, and the CommonJS packages inside need only built-ins.
 */
function withoutModuleImport(program: string): string {
  const parts: [found: RegExp, replacement: string][] = [
    [/^import \{ createRequire as (\w+) \} from "node:module";\n/m, ""],
    [
      /var __require = \w*createRequire\w*\(import\.meta\.url\);/i,
      "var __require = (name) => process.getBuiltinModule(name);",
    ],
  ];
  if (!parts.every(([found]) => found.test(program))) return program;
  return parts.reduce(
    (text, [found, replacement]) => text.replace(found, replacement),
    program,
  );
}

/** Bundles the program, with what `kq version` prints set before its first line. */
async function bundle(kind: Kind): Promise<void> {
  const made = await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform",
    "deno",
    "-o",
    BUNDLE,
    "main.ts",
  ]);
  if (!made.success) fail(`deno bundle: ${text(made.stderr)}`);
  const build = { kind, commit: await commit(), deno: Deno.version.deno };
  const program = withoutModuleImport(await Deno.readTextFile(BUNDLE));
  await Deno.writeTextFile(
    BUNDLE,
    `globalThis.KQ_BUILD=${JSON.stringify(build)};\n${program}`,
  );
}

/** @returns Why it could not be done, or `null`. */
async function compile(): Promise<string | null> {
  await bundle("deno compile");
  const made = await run(Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-config",
    "--no-lock",
    "-A",
    "-o",
    MADE,
    BUNDLE,
  ]);
  if (made.success) return null;
  // The innermost cause says more than the outer ones and the stack below it.
  const causes = text(made.stderr).split("Stack backtrace")[0];
  return causes.trim().split("\n").at(-1)!.trim();
}

async function selfExtracting(): Promise<void> {
  await bundle("self-extracting file");
  await Deno.copyFile(Deno.execPath(), `${WORK}/deno`);
  await writeSelfExtracting(MADE, await packPayload(WORK));
}

let kind: Kind = "self-extracting file";
if (!Deno.args.includes("--self-extracting")) {
  const problem = await compile();
  if (problem === null) kind = "deno compile";
  else {
    console.error(`build: deno compile is not possible here (${problem})`);
  }
}
if (kind === "self-extracting file") await selfExtracting();
await Deno.rename(MADE, OUTPUT);
await Deno.remove(WORK, { recursive: true });
const { size } = await Deno.stat(OUTPUT);
console.error(
  `build: ${OUTPUT} as ${kind}, ${(size / 2 ** 20).toFixed(1)} MiB`,
);
