// A simulated client that asks a broker one thing after another, by the wire, and
// is never sure of an answer: connections break, brokers crash, links are cut.

import { type Address, type Host, HostError, sleep } from "../host/host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { TestClient } from "./broker_fixture.ts";
import type { SimRandom } from "./sim_random.ts";

type Keyed = MessageSchema & { readonly key: number };

/** Codes that say: ask again. What was asked may have been done all the same. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNSTABLE_OFFSET_COMMIT,
]);

/** Codes of which nothing has been done for certain. */
const CERTAIN: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.UNSTABLE_OFFSET_COMMIT,
]);

const TIMEOUT_MS = 3000;

/** A question that was not answered in time is lost, or dealt with, after this. */
const FORGOTTEN_MS = 15_000;

/** No answer came in time, or none can come any more. */
class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  /** Whether what was asked may be under way still. */
  readonly isUnderWay: boolean;

  constructor(message: string, isUnderWay: boolean) {
    super(message);
    this.isUnderWay = isUnderWay;
  }
}

/** An answer, after as many questions as it took. */
export interface Answered<T> {
  readonly answer: T;
  readonly code: number;
  /** False where an earlier question may have been acted on. */
  readonly isFirst: boolean;
}

export class SimWireCaller {
  readonly #host: Host;
  readonly #address: Address;
  readonly #random: SimRandom;
  #client: TestClient | null = null;

  constructor(host: Host, address: Address, random: SimRandom) {
    this.#host = host;
    this.#address = address;
    this.#random = random;
  }

  /**
   * Asks until there is an answer that is more than "ask again".
   *
   * @param isPatient Waits, before it asks again, until an earlier question cannot
   * come late and be acted on after the answer to the later one.
   */
  async ask<const Q extends Keyed, const R extends Keyed>(
    pair: readonly [Q, R],
    version: number,
    body: InferInput<Q>,
    codeOf: (answer: Infer<R>) => number,
    isPatient = false,
  ): Promise<Answered<Infer<R>>> {
    let isFirst = true;
    for (;;) {
      try {
        const answer = await this.#call(pair, version, body);
        const code = codeOf(answer);
        if (!RETRIABLE.has(code)) return { answer, code, isFirst };
        if (!CERTAIN.has(code)) isFirst = false;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        isFirst = false;
        if (isPatient && error.isUnderWay) {
          await sleep(this.#host.clock, FORGOTTEN_MS);
        }
      }
      await sleep(this.#host.clock, this.#random.between(5, 300));
    }
  }

  close(): void {
    this.#client?.io.close();
    this.#client = null;
  }

  /** @throws {NoAnswer} */
  async #call<const Q extends Keyed, const R extends Keyed>(
    pair: readonly [Q, R],
    version: number,
    body: InferInput<Q>,
  ): Promise<Infer<R>> {
    let isLate = false;
    const late = Promise.withResolvers<never>();
    const callOff = this.#host.clock.after(TIMEOUT_MS, () => {
      isLate = true;
      late.reject(new NoAnswer("late", true));
    });
    try {
      const asked = (async () => {
        const client = this.#client ??
          new TestClient(await this.#host.net.connect(this.#address));
        if (!isLate) this.#client = client;
        return await client.call(pair, version, body);
      })();
      asked.catch(() => {}); // Of a late one nobody hears.
      return await Promise.race([asked, late.promise]);
    } catch (error) {
      this.close();
      const isLost = error instanceof HostError ||
        /has closed/.test(String(error));
      if (error instanceof NoAnswer || !isLost) throw error;
      throw new NoAnswer(String(error), false);
    } finally {
      callOff();
    }
  }
}
