// This process: its environment, standard streams and signals.

import { errorKind, hostError } from "./deno_error.ts";
import {
  type ChildProcess,
  HostError,
  type Process,
  type SignalName,
} from "./host.ts";

class DenoProcess implements Process {
  readonly id = Deno.pid;

  env(name: string): string | undefined {
    return Deno.env.get(name);
  }

  get workingDirectory(): string {
    return Deno.cwd();
  }

  get stdinIsTerminal(): boolean {
    return Deno.stdin.isTerminal();
  }

  get stdoutIsTerminal(): boolean {
    return Deno.stdout.isTerminal();
  }

  get stderrIsTerminal(): boolean {
    return Deno.stderr.isTerminal();
  }

  async readStdin(target: Uint8Array): Promise<number | null> {
    try {
      return await Deno.stdin.read(target);
    } catch (error) {
      throw hostError("read standard input", error);
    }
  }

  async writeStdout(bytes: Uint8Array): Promise<void> {
    let count = 0;
    while (count < bytes.length) {
      try {
        count += await Deno.stdout.write(
          count === 0 ? bytes : bytes.subarray(count),
        );
      } catch (error) {
        throw outputError(error);
      }
    }
  }

  writeStderr(bytes: Uint8Array): void {
    let count = 0;
    while (count < bytes.length) {
      try {
        count += Deno.stderr.writeSync(bytes.subarray(count));
      } catch {
        // Nobody reads diagnostics, or the reader is slower than we may wait:
        // there is no other place to say so.
        return;
      }
    }
  }

  onSignal(name: SignalName, run: () => void): () => void {
    Deno.addSignalListener(name, run);
    return () => Deno.removeSignalListener(name, run);
  }

  residentBytes(): number {
    return Deno.memoryUsage().rss;
  }

  startAnother(
    words: readonly string[],
    onLine: (line: string) => void,
  ): ChildProcess {
    try {
      return startChild(words, onLine);
    } catch (error) {
      throw hostError("start another process", error);
    }
  }
}

/** A bundle brings all that it needs; the source finds it by its configuration. */
const RUN_BUNDLE = [
  ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"],
  ...["--no-remote", "--no-npm", "-A"],
];
const RUN_SOURCE = ["run", "--quiet", "--no-prompt", "--cached-only", "-A"];

function startChild(
  words: readonly string[],
  onLine: (line: string) => void,
): ChildProcess {
  const main = Deno.mainModule;
  const run = main.endsWith(".js") ? RUN_BUNDLE : RUN_SOURCE;
  const child = new Deno.Command(Deno.execPath(), {
    args: Deno.build.standalone ? [...words] : [...run, main, ...words],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // Ctrl-C is for this process, which then tells the others.
    detached: true,
  }).spawn();
  const streams = [child.stdout, child.stderr];
  const read = Promise.all(streams.map((stream) => readLines(stream, onLine)));
  return {
    id: child.pid,
    ended: child.status.then(async ({ code }) => {
      await read;
      return code;
    }),
    signal: (name) => {
      try {
        child.kill(name);
      } catch (error) {
        // It has ended in the meantime.
        if (!(error instanceof TypeError)) throw error;
      }
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) onLine(line);
  }
  if (text !== "") onLine(text);
}

/** A reader that has gone is `closed`, whatever the system calls it. */
function outputError(error: unknown): HostError {
  if (error instanceof Error && errorKind(error) === "reset") {
    return new HostError(
      "closed",
      "Cannot write to standard output: its reader has gone",
      { cause: error },
    );
  }
  return hostError("write to standard output", error);
}

/** The process that runs this. */
export function denoProcess(): Process {
  return new DenoProcess();
}
