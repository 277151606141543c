// Whole ensembles by the command line, in processes of their own: started and stopped
// together, one of them killed, others brought in and taken out.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { runCommand } from "../core/testing/command_world.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const RUN = ["run", "--quiet", "--no-prompt", "--cached-only", "-A", MAIN];

async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kq-ensemble-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A `kq` that runs until it is stopped. */
class Running {
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  output = "";

  constructor(argv: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...RUN, ...argv],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.#child;
    this.#read = Promise.all([stdout, stderr].map(async (stream) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) this.output += decoder.decode(chunk);
    }));
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const deadlineMs = performance.now() + 60_000;
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      ok(performance.now() < deadlineMs, `${pattern} in ${this.output}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }

  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }
}

async function statusOf(connect: string) {
  const result = await runCommand([
    ...["coordinator", "status", connect, "-o", "json"],
  ]);
  return JSON.parse(result.stdout);
}

/** Waits until so many voters serve. */
async function untilServing(connect: string, count: number) {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    const status = await statusOf(connect);
    if (status.servingVoters === count && status.leader !== null) return status;
    ok(performance.now() < deadlineMs, JSON.stringify(status));
    await new Promise((done) => setTimeout(done, 50));
  }
}

const CONNECT = /^(127\.0\.0\.1:\d+(?:,127\.0\.0\.1:\d+)+)$/m;

function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

Deno.test("an ensemble starts with one command, outlives a server, and stops with one signal", () =>
  withFolder(async (folder) => {
    const argv = ["coordinator", "start", "--ensemble", "3", "--data", folder];
    const first = new Running(argv);
    const [, connect] = await first.until(CONNECT);
    const { servers, hasQuorum, voters } = await untilServing(connect, 3);
    deepEqual([hasQuorum, voters, servers.length], [true, 3, 3]);
    const create = await runCommand([
      "zk",
      "create",
      "/a",
      "one",
      "-z",
      connect,
    ]);
    equal(create.exitCode, 0, create.stderr);

    const lock = await Deno.readTextFile(`${folder}/2/.lock`);
    const pid = Number(/\d+/.exec(lock)?.[0]);
    Deno.kill(pid, "SIGKILL");
    await first.until(
      /^2: ended with 137; kq coordinator start \S+\/2\/zoo\.cfg starts it$/m,
    );
    const left = await untilServing(connect, 2);
    equal(left.hasQuorum, true);
    const get = await runCommand(["zk", "get", "/a", "-z", connect]);
    equal(get.stdout.trim(), "one");
    equal(await first.stop(), 0);
    match(first.output, /ensemble stopped\n$/);

    const again = new Running(argv);
    equal((await again.until(CONNECT))[1], connect, "the same ensemble");
    await untilServing(connect, 3);
    equal(await again.stop(), 0);
    const other = await runCommand([
      ...["coordinator", "start", "--ensemble", "5", "--data", folder],
    ]);
    equal(other.exitCode, 2);
    match(other.stderr, /holds an ensemble of 3, not of 5/);
  }));

Deno.test("servers come into a running ensemble and leave it, one at a time", () =>
  withFolder(async (folder) => {
    const keys = ["reconfigEnabled=true", "skipACL=yes"];
    const three = new Running([
      ...["coordinator", "start", "--ensemble", "3", "--data", folder],
      ...keys,
    ]);
    const [, connect] = await three.until(CONNECT);
    await untilServing(connect, 3);
    const [quorum, election, client] = freePorts(3);
    const line = `4=127.0.0.1:${quorum}:${election};127.0.0.1:${client}`;
    const kq = (...argv: string[]) => runCommand(["coordinator", ...argv]);

    const early = await kq("grow", connect, "--server", line, "--execute");
    equal(early.exitCode, 3, early.stderr);
    match(early.stderr, /server\.4 at \S+ does not serve: .*; start it first/);
    const planned = await kq("grow", connect, "--server", line, "-o", "json");
    const [start, change] = JSON.parse(planned.stdout);
    deepEqual([start.action, change.action], ["start", "reconfigure"]);
    const servers = [...start.what.matchAll(/--server '([^']+)'/g)].flatMap((
      [, server],
    ) => ["--server", server]);

    const fourth = new Running([
      ...["coordinator", "start", "--id", "4", "--data", `${folder}/four`],
      ...servers,
      ...["admin.serverPort=0", ...keys],
    ]);
    await fourth.until(/ready on/);
    const grown = await kq("grow", connect, "--server", line, "--execute");
    equal(grown.exitCode, 0, grown.stderr);
    const { voters } = await untilServing(connect, 4);
    equal(voters, 4);

    const shrunk = await kq("shrink", connect, "--remove", "4", "--execute");
    equal(shrunk.exitCode, 0, shrunk.stderr);
    equal((await untilServing(connect, 3)).voters, 3);
    equal(await fourth.stop(), 0);
    equal(await three.stop(), 0);
  }));
