// This process: its environment, standard streams and signals.

import { errorKind, hostError } from "./deno_error.ts";
import { HostError, type Process, type SignalName } from "./host.ts";

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
