// Whether a log directory can be used. One disk error that leaves its content in
// doubt ends that, for all logs in it, until the next start: what the page cache
// shows after a failed write or fsync proves nothing about the disk.

import { HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

/** What is told of a failed directory. */
export type FailureListener = (path: string, error: Error) => void;

/** The health of one log directory, shared by its logs. */
export class LogDirectoryState {
  readonly path: string;
  #failure: Error | null = null;
  readonly #onFailure: FailureListener;

  constructor(path: string, onFailure: FailureListener = () => {}) {
    this.path = path;
    this.#onFailure = onFailure;
  }

  get isOnline(): boolean {
    return this.#failure === null;
  }

  /** Why it is offline; `null` while it is not. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Takes the directory offline; only the first reason counts. */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#onFailure(this.path, error);
  }

  /** @throws {KafkaError} KAFKA_STORAGE_ERROR where the directory is offline. */
  assertOnline(): void {
    if (this.#failure !== null) throw this.#refusal(this.#failure);
  }

  /**
   * Runs what works on the disk.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed, which takes
   * the directory offline.
   */
  guard<T>(run: () => T): T {
    this.assertOnline();
    try {
      return run();
    } catch (error) {
      throw this.taken(error);
    }
  }

  /** What to throw for an error of the disk, which takes the directory offline; other errors as they are. */
  taken(error: unknown): unknown {
    if (!(error instanceof HostError)) return error;
    this.fail(error);
    return this.#refusal(error);
  }

  #refusal(error: Error): KafkaError {
    return new KafkaError(
      "KAFKA_STORAGE_ERROR",
      `Log directory "${this.path}" is offline: ${error.message}`,
    );
  }
}
