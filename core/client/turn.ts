// Calls of an application that exclude each other, each of which it waits for no
// longer than it likes: the call goes on, and the same call waits for it again.

import type { Clock } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

interface Call {
  readonly name: string;
  readonly outcome: Promise<void>;
  hasFailed: boolean;
}

export class Turn {
  readonly #clock: Clock;
  readonly #options: { readonly owner: string; readonly blockMaxMs: number };
  /** The call under way, or one whose outcome nobody has seen. */
  #call: Call | null = null;

  /** @param options `owner`: whose calls they are, for errors. */
  constructor(
    clock: Clock,
    options: { readonly owner: string; readonly blockMaxMs: number },
  ) {
    this.#clock = clock;
    this.#options = options;
  }

  /** True where no outcome is open. */
  get isFree(): boolean {
    return this.#call === null;
  }

  /**
   * Starts a call, or goes on waiting for one that took too long before.
   *
   * @throws {KafkaError} `REQUEST_TIMED_OUT` where it takes longer than
   * `blockMaxMs`; `INVALID_TXN_STATE` where another call's outcome is open.
   */
  async run(name: string, start: () => Promise<void>): Promise<void> {
    this.refuseDuring(name);
    if (this.#call === null) {
      const outcome = start();
      const started: Call = { name, outcome, hasFailed: false };
      outcome.catch(() => started.hasFailed = true);
      this.#call = started;
    }
    const call = this.#call;
    if (await this.#isOverInTime(call)) {
      if (this.#call === call) this.#call = null;
      return await call.outcome;
    }
    const { owner, blockMaxMs } = this.#options;
    throw new KafkaError(
      "REQUEST_TIMED_OUT",
      `${name} of ${owner} has not ended within ${blockMaxMs} ms; call it ` +
        "again to wait on",
    );
  }

  /** Waits for the call under way, whatever comes of it. */
  async settled(): Promise<void> {
    if (this.#call !== null) await this.#isOverInTime(this.#call);
  }

  /** @throws {KafkaError} As `refusalDuring`. */
  refuseDuring(name: string): void {
    const refusal = this.refusalDuring(name);
    if (refusal !== null) throw refusal;
  }

  /** Why a call cannot be made while another's outcome is open. */
  refusalDuring(name: string): KafkaError | null {
    const call = this.#call;
    if (call === null || call.name === name) return null;
    if (call.hasFailed) {
      this.#call = null;
      return null;
    }
    return new KafkaError(
      "INVALID_TXN_STATE",
      `Cannot ${name} for ${this.#options.owner}: ${call.name} was called ` +
        "before, and has to be waited for; call it again where it took too long",
    );
  }

  async #isOverInTime(call: Call): Promise<boolean> {
    let cancel = () => {};
    const timeout = new Promise<boolean>((resolve) => {
      cancel = this.#clock.after(
        this.#options.blockMaxMs,
        () => resolve(false),
      );
    });
    const isOver = () => true;
    const isInTime = await Promise.race([
      call.outcome.then(isOver, isOver),
      timeout,
    ]);
    cancel();
    return isInTime;
  }
}
