import { deepEqual, equal, match } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import {
  FakeProcess,
  type FakeProcessOptions,
} from "../testing/fake_process.ts";
import { simHost } from "../testing/sim_host.ts";
import {
  type AnyCommand,
  command,
  type CommandContext,
  type CommandTable,
} from "./command.ts";
import { ConfigError } from "../config/config_error.ts";
import { exitCodeOfItems } from "./exit_code.ts";
import { run } from "./run.ts";
import { ExitError, UsageError } from "./usage_error.ts";

type Body = (context: CommandContext) => Promise<number | void>;

function tableOf(body: Body, options: Partial<AnyCommand> = {}): CommandTable {
  const definition = command({
    args: [{ name: "THING", doc: "a thing", optional: true }],
    flags: { size: { kind: "whole", short: "n", doc: "How large" } },
    examples: ["kq thing do -n 5"],
    ...options,
    run: body,
  });
  const load = () => Promise.resolve({ default: definition });
  return [
    { name: "thing do", summary: "Do it", load },
    { name: "version", summary: "Show the version", load },
  ];
}

async function runWith(
  argv: string[],
  body: Body = () => Promise.resolve(),
  options: { command?: Partial<AnyCommand>; process?: FakeProcessOptions } = {},
) {
  const process = new FakeProcess(options.process);
  const exitCode = await run(argv, {
    host: simHost(1).host,
    process,
    table: tableOf(body, options.command),
  });
  return { exitCode, stdout: process.stdout, stderr: process.stderr };
}

Deno.test("run() maps what a command throws to a code and one line", async () => {
  const protocolError = Object.assign(new Error("Topic 'a' is there"), {
    errorName: "TOPIC_ALREADY_EXISTS",
  });
  const missing = Object.assign(new Error("no such topic"), {
    errorName: "UNKNOWN_TOPIC_OR_PARTITION",
  });
  const unreachable = Object.assign(
    new HostError("refused", "Cannot reach a Kafka broker at h:1"),
    { addresses: ["h:1"] },
  );
  const slow = Object.assign(new Error("late"), {
    errorName: "REQUEST_TIMED_OUT",
  });
  const cases: [error: Error, code: number, stderr: string][] = [
    [
      new UsageError("no\n  way"),
      2,
      "kq thing do: no way (kq thing do --help)\n",
    ],
    [
      new ConfigError("k: bad", { position: { source: "f", line: 3 } }),
      2,
      "f:3 k: bad\n",
    ],
    [protocolError, 3, "kq thing do: Topic 'a' is there\n"],
    [missing, 4, "kq thing do: no such topic\n"],
    [slow, 5, "kq thing do: late\n"],
    [unreachable, 7, "kq thing do: Cannot reach a Kafka broker at h:1\n"],
    [new HostError("io", "disk"), 1, "kq thing do: disk\n"],
    [new ExitError(6), 6, ""],
    [new Error("odd"), 1, "kq thing do: odd\n"],
  ];
  for (const [error, code, stderr] of cases) {
    const result = await runWith(["thing", "do"], () => Promise.reject(error));
    deepEqual([result.exitCode, result.stderr, result.stdout], [
      code,
      stderr,
      "",
    ]);
  }
});

Deno.test("run() shows a stack only when asked", async () => {
  const body = () => Promise.reject(new Error("odd"));
  const { stderr } = await runWith(["thing", "do", "--verbose"], body);
  match(stderr, /^kq thing do: odd\nError: odd\n\s+at /);
});

Deno.test("run() helps: all commands, a group, one command", async () => {
  const all = await runWith(["--help"]);
  equal(all.exitCode, 0);
  match(all.stdout, /thing do {2}Do it/);
  const nothing = await runWith([]);
  equal(nothing.exitCode, 2);
  const group = await runWith(["thing"]);
  match(group.stdout, /kq thing COMMAND/);
  for (
    const argv of [
      ["thing", "do", "--help"],
      ["thing", "do", "-h", "-n", "x"],
      ["help", "thing", "do"],
    ]
  ) {
    const { stdout, exitCode } = await runWith(argv);
    equal(exitCode, 0);
    match(stdout, /Usage:\n {2}kq thing do \[THING\] \[flags\]/);
    match(stdout, /-n, --size N\s+How large/);
    match(stdout, /Example:\n {2}kq thing do -n 5/);
  }
});

Deno.test("run() refuses unknown commands with the likely one", async () => {
  const cases: [argv: string[], stderr: string][] = [
    [
      ["thong"],
      'kq: unknown command "thong", did you mean "thing"? (kq --help lists all)\n',
    ],
    [
      ["thing", "dop"],
      'kq: unknown command "thing dop", did you mean "thing do"? (kq --help lists all)\n',
    ],
    [["-x"], 'kq: unknown command "-x" (kq --help lists all)\n'],
  ];
  for (const [argv, stderr] of cases) {
    const result = await runWith(argv);
    deepEqual([result.exitCode, result.stderr], [2, stderr]);
  }
});

Deno.test("run() ends quietly when the reader has gone", async () => {
  const body: Body = async ({ out }) => {
    for (;;) await out.line("x".repeat(1000));
  };
  const result = await runWith(["thing", "do"], body, {
    process: { stdoutCapacityBytes: 200_000 },
  });
  deepEqual([result.exitCode, result.stderr], [0, ""]);
});

Deno.test("run() ends with 130 on Ctrl-C, at once or when the command has finished", async () => {
  const never: Body = () => new Promise(() => {});
  const finishing: Body = ({ interrupted }) =>
    new Promise((done) =>
      interrupted.addEventListener("abort", () => done(130))
    );
  const cases: [body: Body, finishesItself: boolean, signals: number][] = [
    [never, false, 1],
    [finishing, true, 1],
    [never, true, 2],
  ];
  for (const [body, finishesItself, signals] of cases) {
    const process = new FakeProcess();
    const running = run(["thing", "do"], {
      host: simHost(1).host,
      process,
      table: tableOf(body, { finishesItself }),
    });
    await new Promise((done) => setTimeout(done, 5));
    for (let i = 0; i < signals; i++) process.signal("SIGINT");
    equal(await running, 130);
  }
});

Deno.test("exitCodeOfItems() is theirs where all failed alike, else 1", () => {
  const missing = Object.assign(new Error(), {
    errorName: "UNKNOWN_TOPIC_OR_PARTITION",
  });
  const exists = Object.assign(new Error(), {
    errorName: "TOPIC_ALREADY_EXISTS",
  });
  equal(exitCodeOfItems([]), 0);
  equal(exitCodeOfItems([null, null]), 0);
  equal(exitCodeOfItems([missing, missing]), 4);
  equal(exitCodeOfItems([missing, null]), 1);
  equal(exitCodeOfItems([missing, exists]), 1);
});
