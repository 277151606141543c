// Lets the requests of each connection through one after another, where some have
// to wait before they may do their work and none may overtake them. Where nobody
// waits it costs a look-up.

import type { ClientConnection } from "./context.ts";

export class Turnstile {
  /** What the next request of a connection waits for. */
  readonly #waiting = new WeakMap<ClientConnection, Promise<void>>();

  /**
   * Runs `prepare`, then `work`, with no other request of the connection in between;
   * at once where nothing is to be waited for.
   *
   * @param work What it does before its first wait is in order; the rest is not.
   */
  pass<P, R>(
    connection: ClientConnection,
    prepare: () => P | Promise<P>,
    work: (prepared: P) => R | Promise<R>,
  ): R | Promise<R> {
    const before = this.#waiting.get(connection);
    const prepared = before === undefined ? prepare() : before.then(prepare);
    if (!(prepared instanceof Promise)) return work(prepared);
    const result = prepared.then(work);
    // Runs after `work` has, since that was asked for first.
    const passed = prepared.then(() => {}, () => {});
    this.#waiting.set(connection, passed);
    void passed.then(() => {
      if (this.#waiting.get(connection) === passed) {
        this.#waiting.delete(connection);
      }
    });
    return result;
  }
}
