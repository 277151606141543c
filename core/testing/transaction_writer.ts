// A transactional producer that goes on whatever happens to it, and notes all it
// does in a history: transactions over some partitions, of which some are aborted
// on purpose. Where its producer is beyond use, it makes another one.

import { asError } from "../client/client_error.ts";
import { createProducer, type Producer } from "../client/producer.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "../client/transaction_errors.ts";
import { type Host, HostError, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { HistoryWriter } from "./history.ts";
import type { SimRandom } from "./sim_random.ts";

export interface TransactionWriterOptions {
  readonly host: Host;
  /** Its name in the history. */
  readonly name: string;
  readonly transactionalId: string;
  readonly history: HistoryWriter;
  readonly random: SimRandom;
  readonly config: { readonly [key: string]: string };
  readonly topic: string;
  readonly partitionCount: number;
  readonly isOver: () => boolean;
  readonly trace: (line: string) => void;
}

const RECORDS_MAX = 5;
const ABORT_CHANCE = 0.25;
/** Between two transactions, and between the parts of one. */
const PAUSE_MAX_MS = 200;
/** Before another producer is made. */
const REST_MS = 100;

export class TransactionWriter {
  readonly #options: TransactionWriterOptions;
  /** Transactions that are known to have ended as they should. */
  endedCount = 0;
  /** Producers that were beyond use. */
  replacedCount = 0;
  #nextNumber = 0;

  constructor(options: TransactionWriterOptions) {
    this.#options = options;
  }

  /** Writes until it is over. @throws What no fault of the world explains. */
  async run(): Promise<void> {
    const { host, name, transactionalId, config, isOver, trace } = this
      .#options;
    while (!isOver()) {
      const producer = createProducer(host, {
        ...config,
        "transactional.id": transactionalId,
      });
      try {
        await producer.initTransactions();
        while (!isOver()) {
          await this.#transact(producer);
          await this.#pause();
        }
      } catch (error) {
        if (!isExpected(error)) throw error;
        this.replacedCount++;
        trace(`${name}: ${describe(error)}`);
        await sleep(host.clock, REST_MS);
      } finally {
        await producer.close({ timeoutMs: 0 });
      }
    }
  }

  async #transact(producer: Producer): Promise<void> {
    const { name, history, random, trace } = this.#options;
    const transaction = `${name}/${this.#nextNumber++}`;
    producer.beginTransaction();
    const count = 1 + random.below(3);
    for (let i = 0; i < count; i++) {
      this.#send(producer, transaction, i);
      await this.#pause();
    }
    const isCommit = !random.chance(ABORT_CHANCE);
    const id = history.begin({ kind: "end", transaction, isCommit });
    try {
      if (isCommit) await producer.commitTransaction();
      else await producer.abortTransaction();
      history.end(id, "ok");
      this.endedCount++;
    } catch (error) {
      if (!(error instanceof AbortableTransactionError)) throw error;
      trace(`${transaction}: ${describe(error)}`);
      await producer.abortTransaction();
      history.end(id, "fail");
    }
  }

  #send(producer: Producer, transaction: string, part: number): void {
    const { history, random, topic, partitionCount } = this.#options;
    const partition = random.below(partitionCount);
    const values = Array.from(
      { length: 1 + random.below(RECORDS_MAX) },
      (_, i) => `${transaction}.${part}.${i}`,
    );
    const id = history.begin({
      kind: "send",
      topic,
      partition,
      transaction,
      values,
      offsets: [],
    });
    const sending = values.map((value) =>
      producer.send({ topic, partition, value })
    );
    Promise.all(sending).then(
      (places) =>
        history.end(id, "ok", { offsets: places.map(({ offset }) => offset) }),
      // It may be in the log, or come there yet; the transaction's end decides.
      () => history.end(id, "info"),
    );
  }

  #pause(): Promise<void> {
    const { host, random } = this.#options;
    const delayMs = random.chance(0.5) ? 0 : random.between(0, PAUSE_MAX_MS);
    return sleep(host.clock, delayMs);
  }
}

/** True where a producer may end so without having done wrong. */
function isExpected(error: unknown): boolean {
  return error instanceof KafkaError || error instanceof HostError ||
    error instanceof FatalTransactionError;
}

function describe(error: unknown): string {
  const { name, message } = asError(error);
  return `${name}: ${message}`;
}
