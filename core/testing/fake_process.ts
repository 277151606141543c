// A process for tests of commands: standard streams in memory.

import {
  type ChildProcess,
  HostError,
  type Process,
  type SignalName,
} from "../host/host.ts";

export interface FakeProcessOptions {
  readonly stdin?: string | Uint8Array;
  /** Standard input does not end after what it gives. */
  readonly stdinStaysOpen?: boolean;
  readonly env?: { readonly [name: string]: string };
  readonly workingDirectory?: string;
  readonly stdinIsTerminal?: boolean;
  readonly stdoutIsTerminal?: boolean;
  /** Bytes of standard output after which its reader has gone. */
  readonly stdoutCapacityBytes?: number;
}

/** Standard streams, environment and signals under a test's control. */
export class FakeProcess implements Process {
  readonly id = 4242;
  readonly workingDirectory: string;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal = false;
  readonly #env: { readonly [name: string]: string };
  readonly #stdin: Uint8Array;
  readonly #stdinStaysOpen: boolean;
  readonly #capacityBytes: number;
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  readonly #listeners = new Map<SignalName, Set<() => void>>();
  #stdinPosition = 0;
  #stdoutBytes = 0;

  constructor(options: FakeProcessOptions = {}) {
    const { stdin = "" } = options;
    this.#stdin = typeof stdin === "string"
      ? new TextEncoder().encode(stdin)
      : stdin;
    this.#stdinStaysOpen = options.stdinStaysOpen ?? false;
    this.#env = options.env ?? {};
    this.#capacityBytes = options.stdoutCapacityBytes ?? Infinity;
    this.workingDirectory = options.workingDirectory ?? "/home/kq";
    this.stdinIsTerminal = options.stdinIsTerminal ?? false;
    this.stdoutIsTerminal = options.stdoutIsTerminal ?? false;
  }

  env(name: string): string | undefined {
    return this.#env[name];
  }

  readStdin(target: Uint8Array): Promise<number | null> {
    const rest = this.#stdin.subarray(this.#stdinPosition);
    if (rest.length === 0) {
      return this.#stdinStaysOpen
        ? new Promise(() => {})
        : Promise.resolve(null);
    }
    const chunk = rest.subarray(0, target.length);
    target.set(chunk);
    this.#stdinPosition += chunk.length;
    return Promise.resolve(chunk.length);
  }

  writeStdout(bytes: Uint8Array): Promise<void> {
    this.#stdoutBytes += bytes.length;
    if (this.#stdoutBytes > this.#capacityBytes) {
      return Promise.reject(
        new HostError("closed", "Cannot write to standard output"),
      );
    }
    this.#stdout.push(bytes.slice());
    return Promise.resolve();
  }

  writeStderr(bytes: Uint8Array): void {
    this.#stderr.push(bytes.slice());
  }

  onSignal(name: SignalName, run: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(run));
    return () => listeners.delete(run);
  }

  residentBytes(): number {
    return 64 * 1024 * 1024;
  }

  startAnother(): ChildProcess {
    throw new HostError("other", "This process starts no others");
  }

  /** Sends a signal to whoever listens. */
  signal(name: SignalName): void {
    for (const run of [...this.#listeners.get(name) ?? []]) run();
  }

  /** What was written to standard output. */
  get stdout(): string {
    return new TextDecoder().decode(this.stdoutBytes);
  }

  get stdoutBytes(): Uint8Array {
    return joined(this.#stdout);
  }

  /** What was written to standard error. */
  get stderr(): string {
    return new TextDecoder().decode(joined(this.#stderr));
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  );
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}
