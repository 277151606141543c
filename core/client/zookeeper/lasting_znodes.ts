// A coordinator that outlives connections and sessions: for brokers, which have
// nothing better to do without it than to wait for its return.
//
// What a broken connection left unanswered is asked again once there is another.
// A change may have been made the first time, so that whoever makes one has to
// see in NODE_EXISTS, BAD_VERSION or NO_NODE whether it was its own doing.
//
// An expired session is followed by a new one: `disconnected`, then `connected`
// with another `sessionId`. Ephemerals and watches of the former are gone; whoever
// had any makes them again.

import type {
  CreateMode,
  SessionState,
  ZnodeClient,
  ZnodeOperation,
  ZnodeResult,
  ZnodeStat,
  ZnodeWatcher,
} from "../../coordination/znode_client.ts";
import type { Clock } from "../../host/host.ts";
import { isZkError, ZkError } from "../../wire/zookeeper/errors.ts";

export interface LastingOptions {
  readonly clock: Clock;
  /** Begins a session; tried again for as long as it fails. */
  readonly open: () => Promise<ZnodeClient>;
  /** One line for what an operator should know. */
  readonly trace: (line: string) => void;
}

/** Between two tries to begin a session. */
const RETRY_MS = 500;
/** Before the same is asked again on a connection that holds. */
const PAUSE_MS = 50;

/**
 * Begins the first session.
 *
 * @throws What `open` throws.
 */
export async function lastingZnodes(
  options: LastingOptions,
): Promise<ZnodeClient> {
  return new LastingZnodes(options, await options.open());
}

class LastingZnodes implements ZnodeClient {
  readonly #options: LastingOptions;
  readonly #stateListeners = new Set<(state: SessionState) => void>();
  #session: ZnodeClient;
  #stopListening = () => {};
  #isConnected = true;
  #isClosed = false;
  /** Those who wait for a connection. */
  #waiting: (() => void)[] = [];

  constructor(options: LastingOptions, session: ZnodeClient) {
    this.#options = options;
    this.#session = session;
    this.#listen();
  }

  get sessionId(): bigint {
    return this.#session.sessionId;
  }

  get livesUntilMs(): number {
    return this.#session.livesUntilMs;
  }

  create(
    path: string,
    data: Uint8Array | null,
    mode: CreateMode,
  ): Promise<{ path: string; stat: ZnodeStat }> {
    return this.#ask((session) => session.create(path, data, mode));
  }

  get(path: string, watch?: ZnodeWatcher) {
    return this.#ask((session) => session.get(path, watch));
  }

  exists(path: string, watch?: ZnodeWatcher): Promise<ZnodeStat | null> {
    return this.#ask((session) => session.exists(path, watch));
  }

  set(
    path: string,
    data: Uint8Array | null,
    version: number,
  ): Promise<ZnodeStat> {
    return this.#ask((session) => session.set(path, data, version));
  }

  children(path: string, watch?: ZnodeWatcher) {
    return this.#ask((session) => session.children(path, watch));
  }

  delete(path: string, version: number): Promise<void> {
    return this.#ask((session) => session.delete(path, version));
  }

  multi(operations: readonly ZnodeOperation[]): Promise<ZnodeResult[]> {
    return this.#ask((session) => session.multi(operations));
  }

  onState(run: (state: SessionState) => void): () => void {
    this.#stateListeners.add(run);
    return () => this.#stateListeners.delete(run);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    for (const wake of this.#waiting.splice(0)) wake();
    await this.#session.close();
    this.#tell("closed");
  }

  async #ask<T>(run: (session: ZnodeClient) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#isClosed) {
        throw new ZkError(
          "SESSION_EXPIRED",
          `0x${this.sessionId.toString(16)}`,
        );
      }
      const session = this.#session;
      try {
        return await run(session);
      } catch (error) {
        if (this.#isClosed || !isPassing(error)) throw error;
      }
      if (session !== this.#session) continue;
      await new Promise<void>((wake) => {
        if (!this.#isConnected) this.#waiting.push(wake);
        else this.#options.clock.after(PAUSE_MS, wake);
      });
    }
  }

  #listen(): void {
    this.#stopListening = this.#session.onState((state) => {
      switch (state) {
        case "connected":
          return this.#connected();
        case "disconnected":
          this.#options.trace("The connection to the coordinator was lost");
          return this.#disconnected();
        case "expired":
        case "closed":
          this.#disconnected();
          this.#options.trace(
            "The session with the coordinator has expired; a new one begins",
          );
          void this.#renew();
      }
    });
  }

  async #renew(): Promise<void> {
    const { clock, open, trace } = this.#options;
    this.#stopListening();
    let lastProblem = "";
    while (!this.#isClosed) {
      try {
        const session = await open();
        if (this.#isClosed) return await session.close();
        this.#session = session;
        this.#listen();
        return this.#connected();
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== lastProblem) trace(problem);
        lastProblem = problem;
        await new Promise<void>((done) => clock.after(RETRY_MS, done));
      }
    }
  }

  #connected(): void {
    if (this.#isConnected) return;
    this.#options.trace("Connected to the coordinator again");
    this.#isConnected = true;
    for (const wake of this.#waiting.splice(0)) wake();
    this.#tell("connected");
  }

  #disconnected(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#tell("disconnected");
  }

  #tell(state: SessionState): void {
    for (const run of [...this.#stateListeners]) run(state);
  }
}

/** Whether another connection or another session may do better. */
function isPassing(error: unknown): boolean {
  return isZkError(
    error,
    "CONNECTION_LOSS",
    "SESSION_EXPIRED",
    "SESSION_MOVED",
    "OPERATION_TIMEOUT",
    "REQUEST_TIMEOUT",
    "THROTTLED_OP",
  );
}
