// A client in another language: a process that takes one JSON request a line on
// its standard input and answers each with one JSON line on its output.
//
//   request: {"operation": NAME, "argument": {…}}
//   answer:  {"result": …} or {"error": TEXT} or {"unsupported": TEXT}

import {
  type Client,
  type OperationName,
  type Operations,
  UnsupportedError,
} from "./client.ts";
import type {
  GroupClient,
  GroupOperationName,
  GroupOperations,
} from "./group_client.ts";
import type {
  TransactionClient,
  TransactionOperationName,
  TransactionOperations,
} from "./transaction_client.ts";

/** Longer than any operation takes on a busy machine. */
const CALL_TIMEOUT_MS = 90_000;

/** A process that answers lines; also what Java's tools run in. */
export class LineProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;
  readonly #name: string;
  #stderr = "";

  constructor(name: string, command: string, args: readonly string[]) {
    this.#name = name;
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = readLines(this.#child.stdout);
    this.#collectStderr();
  }

  /** Sends one line, waits for one. */
  async ask(line: string): Promise<string> {
    await this.#writer.write(new TextEncoder().encode(line + "\n"));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.#name}: no answer in time`)),
        CALL_TIMEOUT_MS,
      );
    });
    try {
      const next = await Promise.race([this.#lines.next(), late]);
      if (!next.done) return next.value;
      const lastLines = this.#stderr.trim().split("\n").slice(-5).join(" | ");
      throw new Error(`${this.#name} ended: ${lastLines}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await this.#child.status;
    clearTimeout(killer);
  }

  async #collectStderr(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#stderr = (this.#stderr + decoder.decode(chunk)).slice(-20_000);
    }
  }
}

async function* readLines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    for (const piece of pieces.slice(0, -1)) {
      parts.push(piece);
      yield parts.join("");
      parts = [];
    }
    parts.push(pieces[pieces.length - 1]);
  }
}

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
  readonly unsupported?: string;
}

/** A client behind a `LineProcess` that knows the operations themselves. */
export class WorkerClient implements Client, GroupClient, TransactionClient {
  readonly #process: LineProcess;

  constructor(name: string, command: string, args: readonly string[]) {
    this.#process = new LineProcess(name, command, args);
  }

  async call<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name][0],
  ): Promise<Operations[Name][1]> {
    return await this.#ask(operation, argument) as Operations[Name][1];
  }

  async askGroup<Name extends GroupOperationName>(
    operation: Name,
    argument: GroupOperations[Name][0],
  ): Promise<GroupOperations[Name][1]> {
    return await this.#ask(operation, argument) as GroupOperations[Name][1];
  }

  async askTransaction<Name extends TransactionOperationName>(
    operation: Name,
    argument: TransactionOperations[Name][0],
  ): Promise<TransactionOperations[Name][1]> {
    const answer = await this.#ask(operation, argument);
    return answer as TransactionOperations[Name][1];
  }

  async #ask(operation: string, argument: unknown): Promise<unknown> {
    const line = await this.#process.ask(
      JSON.stringify({ operation, argument }),
    );
    const answer: Answer = JSON.parse(line);
    if (answer.unsupported !== undefined) {
      throw new UnsupportedError(answer.unsupported);
    }
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}
