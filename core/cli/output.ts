// Standard output: collected into large writes, quiet when its reader has gone.

import { HostError, type Process } from "../host/host.ts";
import { BrokenPipeError } from "./usage_error.ts";

/** What is collected before it is written. */
const BUFFER_BYTES = 64 * 1024;

/** Writes data to standard output. */
export class Output {
  readonly #process: Process;
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(BUFFER_BYTES);
  #sizeBytes = 0;

  constructor(process: Process) {
    this.#process = process;
  }

  /** True where a person looks at it. */
  get isTerminal(): boolean {
    return this.#process.stdoutIsTerminal;
  }

  /** Adds text and the end of the line. */
  async line(text: string): Promise<void> {
    await this.bytes(this.#encoder.encode(`${text}\n`));
  }

  async text(text: string): Promise<void> {
    await this.bytes(this.#encoder.encode(text));
  }

  /**
   * Adds bytes, and writes what has come together once it is much.
   *
   * @throws {BrokenPipeError} Where the reader has gone.
   */
  async bytes(bytes: Uint8Array): Promise<void> {
    if (this.#sizeBytes + bytes.length > BUFFER_BYTES) await this.flush();
    if (bytes.length > BUFFER_BYTES) {
      await this.#write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#sizeBytes);
    this.#sizeBytes += bytes.length;
  }

  /** Writes what has been collected. */
  async flush(): Promise<void> {
    if (this.#sizeBytes === 0) return;
    const bytes = this.#buffer.subarray(0, this.#sizeBytes);
    this.#sizeBytes = 0;
    await this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#process.writeStdout(bytes);
    } catch (error) {
      if (error instanceof HostError && error.kind === "closed") {
        throw new BrokenPipeError("the reader of standard output has gone");
      }
      throw error;
    }
  }
}
