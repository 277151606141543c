// Runs commands in this process, on the real host, against a broker that was
// started the same way: for tests of whole command lines.

import { commands } from "../../commands/mod.ts";
import { run } from "../cli/run.ts";
import { denoHost } from "../host/deno_host.ts";
import { FakeProcess, type FakeProcessOptions } from "./fake_process.ts";

/** What a command line did. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line to its end. */
export async function runCommand(
  argv: readonly string[],
  options: FakeProcessOptions = {},
): Promise<CommandResult> {
  const process = new FakeProcess(options);
  const exitCode = await run(argv, {
    host: denoHost(),
    process,
    table: commands,
  });
  return { exitCode, stdout: process.stdout, stderr: process.stderr };
}

/** A broker that runs until it is stopped. */
export interface TestBroker {
  /** `host:port` of its listener. */
  readonly address: string;
  readonly process: FakeProcess;
  /** Runs a command against it. */
  kq(
    argv: readonly string[],
    options?: FakeProcessOptions,
  ): Promise<CommandResult>;
  /** Sends SIGTERM; @returns the exit code. */
  stop(): Promise<number>;
}

const READY = /ready on \w+:\/\/(\S+?),/;

/** Starts a broker on a free port, with its data in `directory`. */
export async function startTestBroker(
  directory: string,
  argv: readonly string[] = [],
): Promise<TestBroker> {
  const process = new FakeProcess();
  const words = ["broker", "start", ...argv];
  for (
    const override of [
      "listeners=PLAINTEXT://127.0.0.1:0",
      `log.dirs=${directory}`,
    ]
  ) words.push("--override", override);
  const host = denoHost();
  const running = run(words, { host, process, table: commands });
  let ended: number | null = null;
  running.then((exitCode) => ended = exitCode);
  while (!READY.test(process.stderr)) {
    if (ended !== null) {
      throw new Error(`The broker ended with ${ended}: ${process.stderr}`);
    }
    await new Promise<void>((done) => host.clock.after(5, done));
  }
  const address = READY.exec(process.stderr)![1];
  return {
    address,
    process,
    kq: (argv, options = {}) =>
      runCommand(argv, {
        ...options,
        env: { KQ_BOOTSTRAP_SERVER: address, ...options.env },
      }),
    stop: () => {
      process.signal("SIGTERM");
      return running;
    },
  };
}
