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
   * Runs what reads, or what can be run again as a whole.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed; which takes
   * the directory offline, unless the failure may pass.
   */
  guard<T>(run: () => T): T {
    this.assertOnline();
    try {
      return run();
    } catch (error) {
      throw this.taken(error);
    }
  }

  /**
   * Runs what must not stop half-way: any failure takes the directory offline.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  guardWhole<T>(run: () => T): T {
    this.assertOnline();
    try {
      return run();
    } catch (error) {
      if (error instanceof HostError) this.fail(error);
      throw this.taken(error);
    }
  }

  /** What to throw for an error of the disk, having gone offline where it is no passing one; other errors as they are. */
  taken(error: unknown): unknown {
    if (!(error instanceof HostError)) return error;
    if (!mayPass(error)) this.fail(error);
    if (!this.isOnline) return this.#refusal(this.#failure!);
    return new KafkaError("KAFKA_STORAGE_ERROR", error.message);
  }

  #refusal(error: Error): KafkaError {
    return new KafkaError(
      "KAFKA_STORAGE_ERROR",
      `Log directory "${this.path}" is offline: ${error.message}`,
    );
  }
}

/**
 * Whether a failed call has changed nothing and may work later: a full disk, or
 * too many open files. Of a failed fsync this is never true (see `finalSync`).
 */
export function mayPass(error: unknown): boolean {
  return error instanceof HostError &&
    (error.kind === "noSpace" || error.kind === "tooManyFiles");
}
