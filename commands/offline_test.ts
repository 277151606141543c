// Commands that need no cluster, and a cluster that is not there.

import { deepEqual, equal, match } from "node:assert/strict";
import { runCommand } from "../core/testing/command_world.ts";
import { commands } from "./mod.ts";

Deno.test("every command helps, with an example of itself", async () => {
  for (const { name, summary } of commands) {
    const { exitCode, stdout } = await runCommand([
      ...name.split(" "),
      "--help",
    ]);
    equal(exitCode, 0);
    equal(
      stdout.startsWith(`${summary}\n\nUsage:\n  kq ${name}`),
      true,
      stdout,
    );
    const examples = stdout.split(/Examples?:\n/)[1].trim().split("\n");
    const isOwn = examples.some((line) => line.includes(`kq ${name}`));
    equal(isOwn, true, `${name}: ${examples}`);
  }
});

Deno.test("a cluster that is down exits with 7 and the addresses, in time", async () => {
  const argvs = [
    ["topic", "list"],
    ["cluster", "info"],
    ["consume", "t"],
    ["produce", "t"],
  ];
  for (const argv of argvs) {
    const start = performance.now();
    const { exitCode, stderr, stdout } = await runCommand(
      [...argv, "-b", "127.0.0.1:1,127.0.0.1:2", "--timeout", "300ms"],
      { stdin: "a\n" },
    );
    equal(exitCode, 7, stderr);
    match(stderr, /127\.0\.0\.1:\d.*127\.0\.0\.1:\d.*within \d+ ms/);
    equal(/\n\s+at /.test(stderr), false);
    equal(stdout, "");
    equal(performance.now() - start < 3000, true);
  }
});

Deno.test("version says how it was built", async () => {
  const { stdout } = await runCommand(["version"]);
  match(stdout, /^kq \d+\.\d+\.\d+ \(source\)\n$/);
  const { stdout: json } = await runCommand(["version", "-o", "json"]);
  equal(JSON.parse(json).kind, "source");
});

Deno.test("completion scripts are accepted by their shells", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout, exitCode } = await runCommand(["completion", shell]);
    equal(exitCode, 0);
    match(stdout, /topic/);
    match(stdout, /from-offset/);
    let checked: Deno.CommandOutput;
    try {
      const child = new Deno.Command(shell, {
        args: ["-n"],
        stdin: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdout));
      await writer.close();
      checked = await child.output();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    equal(new TextDecoder().decode(checked.stderr), "", shell);
  }
  const { exitCode, stderr } = await runCommand(["completion", "tcsh"]);
  equal(exitCode, 2);
  match(stderr, /expected bash, zsh, fish, got "tcsh"/);
});

Deno.test("bash completes commands, flags and choices", async () => {
  const { stdout } = await runCommand(["completion", "bash"]);
  const complete = async (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(" ");
    const { stdout: out } = await new Deno.Command("bash", {
      args: [
        "-c",
        `kq() { echo orders; }\n${stdout}\nCOMP_WORDS=(${list}); COMP_CWORD=${
          words.length - 1
        }; _kq; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
    }).output();
    return new TextDecoder().decode(out).trim().split("\n");
  };
  deepEqual(await complete("kq", "to"), ["topic"]);
  deepEqual(await complete("kq", "topic", "de"), ["describe", "delete"]);
  deepEqual(await complete("kq", "topic", "create", "--part"), [
    "--partitions",
  ]);
  deepEqual(await complete("kq", "consume", "--unt"), ["--until-end"]);
  deepEqual(await complete("kq", "topic", "list", "-o", "js"), ["json"]);
  deepEqual(await complete("kq", "consume", "or"), ["orders"]);
});

Deno.test("config defaults lists keys, and finds those that were meant", async () => {
  const { stdout } = await runCommand([
    "config",
    "defaults",
    "topic",
    "segment.bytes",
    "-o",
    "json",
  ]);
  const [row] = JSON.parse(stdout);
  deepEqual([row.name, row.default, row.type], [
    "segment.bytes",
    "1073741824",
    "int",
  ]);
  const { exitCode, stderr } = await runCommand([
    "config",
    "defaults",
    "topic",
    "segment.byte",
  ]);
  equal(exitCode, 4);
  match(stderr, /did you mean "segment\.bytes"/);
});

Deno.test("log dump and verify tell of damage", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const missing = await runCommand(["log", "dump", `${folder}/none`]);
    equal(missing.exitCode, 4);
    const empty = await runCommand(["log", "verify", folder]);
    deepEqual([empty.exitCode, /has no partition/.test(empty.stderr)], [
      4,
      true,
    ]);
    await Deno.mkdir(`${folder}/t-0`);
    const log = `${folder}/t-0/00000000000000000000.log`;
    await Deno.writeFile(log, new Uint8Array(100).fill(1));
    const torn = await runCommand(["log", "dump", log, "-o", "json"]);
    equal(torn.exitCode, 1);
    equal(JSON.parse(torn.stdout)[0].kind, "fault");
    const verified = await runCommand(["log", "verify", folder, "-o", "json"]);
    equal(verified.exitCode, 1);
    equal(JSON.parse(verified.stdout).length > 0, true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
