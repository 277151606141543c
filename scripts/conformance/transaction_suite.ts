// The features of transactions, for every client that has them: what is committed
// is read, by every client, and what is aborted by none; offsets move with the
// records; who is fenced or late does not get in.
//
// The clients run at once, each with topics and ids of its own; then each reads what
// all have written.

import { apiKeys } from "../../core/wire/kafka/apis.ts";
import {
  kafkaClassPath,
  NEWER_CLIENTS_VERSION,
  newerClientsClassPath,
  toolArgs,
} from "./apache_kafka.ts";
import {
  type ClientKind,
  UnavailableError,
  UnsupportedError,
} from "./client.ts";
import { Feeder, settles } from "./feeder.ts";
import { withProgram } from "./java_program.ts";
import type { Cell } from "./suite.ts";
import type {
  CommittedRecord,
  TransactionClient,
} from "./transaction_client.ts";
import { WorkerClient } from "./worker_client.ts";

/** What the features' names begin with. */
export const TRANSACTIONS = "transactions";
const NEWER_JAVA = `Java client ${NEWER_CLIENTS_VERSION}`;
const END = "end";
const RECORDS = 20;
const COPIED = 60;
const TIMEOUT_MS = 20_000;
const SHORT_TIMEOUT_MS = 1000;

/** A client with the name of its column. */
export interface NamedTransactionClient {
  readonly name: string;
  readonly client: TransactionClient;
}

/** A topic that a client has filled, and what is committed of it. */
interface Written {
  readonly writer: string;
  readonly topic: string;
  readonly values: readonly string[];
}

export interface TransactionSuiteOptions {
  readonly bootstrap: string;
  readonly kinds: readonly ClientKind[];
  readonly progress: (text: string) => void;
}

const range = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

/** A client that is `clients/Transactions.java`. */
export async function javaTransactions(
  name: string,
  classPath: string,
  bootstrap: string,
): Promise<WorkerClient> {
  const program = "Transactions";
  const programPath = await withProgram(classPath, program);
  const args = toolArgs(programPath, program, [bootstrap]);
  return new WorkerClient(name, "java", args);
}

/** Java's clients, which the suite's other features know through their tools only. */
export const javaTransactionKinds: readonly ClientKind[] = [
  ["Java client 3.9.1", kafkaClassPath],
  [NEWER_JAVA, newerClientsClassPath],
].map(([name, find]) => ({
  name: name as string,
  open: async (bootstrap) => {
    const classPath = await (find as typeof kafkaClassPath)();
    if (classPath === null) {
      throw new UnavailableError("needs Java 17, and Maven for the first run");
    }
    return await javaTransactions(name as string, classPath, bootstrap);
  },
}));

/** Fails where a call does not fail, or for another reason. */
async function fails(
  call: () => Promise<unknown>,
  reason: RegExp,
  what: string,
): Promise<void> {
  const error: Error | null = await call().then(() => null, (error) => error);
  if (error === null) throw new Error(`${what} is taken`);
  if (error instanceof UnsupportedError) throw error;
  if (!reason.test(error.message)) {
    throw new Error(`${what} fails with ${error.message}`);
  }
}

function expectRead(
  read: readonly CommittedRecord[],
  wanted: readonly string[],
  what = "what is read",
): void {
  const got = read.map(([, value]) => value).join();
  if (got === [...wanted, END].join()) return;
  throw new Error(`${what}: ${got}, expected ${wanted},${END}`);
}

/** One client's features on one broker. */
class ClientRun {
  readonly cells: Cell[] = [];
  readonly written: Written[] = [];
  readonly #name: string;
  readonly #client: TransactionClient;
  readonly #feeder: Feeder;
  readonly #progress: (text: string) => void;
  readonly #prefix: string;
  readonly #open = new Set<string>();

  constructor(
    { name, client }: NamedTransactionClient,
    feeder: Feeder,
    progress: (text: string) => void,
  ) {
    this.#name = name;
    this.#client = client;
    this.#feeder = feeder;
    this.#progress = progress;
    this.#prefix = "txn-" + name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
  }

  async run(): Promise<void> {
    await this.#feature("commit and abort", () => this.#commitAndAbort());
    await this.#feature("offsets with the records", () => this.#offsets());
    await this.#feature(
      "copy in a group",
      () => this.#copy(),
    );
    await this.#feature("fenced by the next producer", () => this.#fence());
    await this.#feature("abort of who is late", () => this.#beLate());
    if (!this.#name.startsWith("Java")) return;
    await this.#feature(
      "fenced by group generation and member",
      () => this.#sendStaleOffsets(),
    );
    if (this.#name !== NEWER_JAVA) return;
    await this.#feature(
      "a new epoch for each",
      () => this.#expectNewEpochs(),
    );
  }

  /** Reads what all have written. */
  async read(all: readonly Written[]): Promise<void> {
    await this.#feature("read committed", async () => {
      for (const { writer, topic, values } of all) {
        const read = await this.#client.askTransaction("readCommitted", {
          topic,
          until: END,
        });
        expectRead(read, values, `from ${writer}`);
      }
    });
  }

  async #feature(name: string, check: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    const feature = `${TRANSACTIONS}: ${name}`;
    let cell: Cell;
    try {
      await check();
      cell = { client: this.#name, feature, outcome: "pass", reason: "" };
    } catch (error) {
      cell = {
        client: this.#name,
        feature,
        outcome: error instanceof UnsupportedError ? "skip" : "fail",
        reason: (error as Error).message.replaceAll(/\s+/g, " ").slice(0, 300),
      };
    }
    for (const producer of [...this.#open]) {
      this.#open.delete(producer);
      await this.#client.askTransaction("closeProducer", { producer })
        .catch(() => {});
    }
    this.cells.push(cell);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    this.#progress(
      `  ${cell.outcome} ${this.#name}: ${feature} (${seconds} s) ${cell.reason}`,
    );
  }

  async #init(
    producer: string,
    transactionalId: string,
    timeoutMs = TIMEOUT_MS,
  ): Promise<void> {
    await this.#client.askTransaction("initTransactions", {
      producer,
      transactionalId,
      timeoutMs,
    });
    this.#open.add(producer);
  }

  /** Begins a transaction that writes some values. */
  async #begin(
    producer: string,
    topic: string,
    values: readonly string[],
  ): Promise<void> {
    await this.#client.askTransaction("beginTransaction", { producer });
    await this.#client.askTransaction("sendInTransaction", {
      producer,
      topic,
      values,
    });
  }

  async #transact(
    producer: string,
    topic: string,
    values: readonly string[],
    end: "commitTransaction" | "abortTransaction" = "commitTransaction",
  ): Promise<void> {
    await this.#begin(producer, topic, values);
    await this.#client.askTransaction(end, { producer });
  }

  /** Committed, aborted, and again both; the end comes without a transaction. */
  async #commitAndAbort(): Promise<void> {
    const topic = `${this.#prefix}-ends`;
    const ledger = await this.#feeder.topic(topic, 1);
    await this.#init("ends", topic);
    const committed: string[] = [];
    for (const round of [1, 2, 3]) {
      const values = range(`committed-${round}`, RECORDS);
      await this.#transact("ends", topic, values);
      committed.push(...values);
      const aborted = range(`aborted-${round}`, RECORDS);
      await this.#transact("ends", topic, aborted, "abortTransaction");
    }
    await ledger.end(END);
    this.written.push({ writer: this.#name, topic, values: committed });
  }

  async #offsets(): Promise<void> {
    const topic = `${this.#prefix}-offsets`;
    await this.#feeder.topic(topic, 1);
    await this.#init("offsets", topic);
    const place = { topic, partition: 0 };
    const committed = async () => {
      const [{ error, value }] = await this.#feeder.admin.listGroupOffsets([
        { group: topic, partitions: [place] },
      ]);
      if (error !== null) throw error;
      return value?.[0]?.offset ?? -1;
    };
    const expect = (wanted: number, what: string) =>
      settles(committed, (offset) => offset === wanted, what);
    const step = async (offset: number, isCommit: boolean, before: number) => {
      await this.#begin("offsets", topic, [String(offset)]);
      await this.#client.askTransaction("sendOffsets", {
        producer: "offsets",
        group: topic,
        topic,
        offset,
      });
      const pending = await committed();
      if (pending !== before) {
        throw new Error(`within the transaction the offset is ${pending}`);
      }
      const end = isCommit ? "commitTransaction" : "abortTransaction";
      await this.#client.askTransaction(end, { producer: "offsets" });
      const after = isCommit ? offset : before;
      await expect(after, isCommit ? "the commit" : "the abort");
    };
    // Some clients do not wait for a coordinator that is just being made.
    await expect(-1, "the offset of a new group");
    await step(3, false, -1);
    await step(5, true, -1);
    await step(7, false, 5);
    await step(9, true, 5);
  }

  async #copy(): Promise<void> {
    const [from, to] = [`${this.#prefix}-from`, `${this.#prefix}-to`];
    const source = await this.#feeder.topic(from, 1);
    const target = await this.#feeder.topic(to, 1);
    await source.feed(COPIED);
    const aborted = await this.#client.askTransaction("copyInTransactions", {
      transactionalId: to,
      group: to,
      from,
      to,
      count: COPIED,
    });
    if (aborted === 0) throw new Error("no transaction was aborted");
    await target.end(END);
    const values = source.values(0);
    this.written.push({ writer: `${this.#name}'s copy`, topic: to, values });
    const [{ value }] = await this.#feeder.admin.listGroupOffsets([
      { group: to, partitions: [{ topic: from, partition: 0 }] },
    ]);
    if (value?.[0]?.offset !== COPIED) {
      throw new Error(`the group is at ${value?.[0]?.offset}`);
    }
  }

  async #fence(): Promise<void> {
    const topic = `${this.#prefix}-fenced`;
    const ledger = await this.#feeder.topic(topic, 1);
    await this.#init("old", topic);
    await this.#begin("old", topic, ["fenced"]);
    await this.#init("new", topic);
    const producer = "old";
    await fails(
      () => this.#client.askTransaction("commitTransaction", { producer }),
      /fenced|epoch|newer/i,
      "the commit of the old producer",
    );
    await this.#transact("new", topic, ["new"]);
    await ledger.end(END);
    this.written.push({ writer: this.#name, topic, values: ["new"] });
    const read = await this.#client.askTransaction("readCommitted", {
      topic,
      until: END,
    });
    expectRead(read, ["new"]);
  }

  /** The coordinator aborts what has lasted too long, and the producer is told. */
  async #beLate(): Promise<void> {
    const topic = `${this.#prefix}-late`;
    const ledger = await this.#feeder.topic(topic, 1);
    await this.#init("late", topic, SHORT_TIMEOUT_MS);
    await this.#begin("late", topic, ["late"]);
    await ledger.end(END);
    // Nobody gets there before the transaction has ended.
    const read = await this.#client.askTransaction("readCommitted", {
      topic,
      until: END,
    });
    expectRead(read, []);
    await fails(
      () =>
        this.#client.askTransaction("commitTransaction", { producer: "late" }),
      /fenced|epoch|newer|invalid.?(txn|transaction)|timed|mapping/i,
      "the late commit",
    );
    await this.#init("next", topic);
    await this.#transact("next", topic, ["next"]);
  }

  /** Where client and broker both know transaction.version 2, no two transactions share an epoch. */
  async #expectNewEpochs(): Promise<void> {
    if (await this.#feeder.newestVersion(apiKeys.EndTxn) < 5) {
      throw new UnsupportedError("the broker has no transaction.version 2");
    }
    const topic = `${this.#prefix}-epochs`;
    await this.#feeder.topic(topic, 1);
    await this.#init("epochs", topic);
    const epochs: number[] = [];
    const look = async () => {
      const [{ error, value }] = await this.#feeder.admin
        .describeTransactions([topic]);
      if (error !== null) throw error;
      epochs.push(value!.producerEpoch);
    };
    await look();
    for (const value of ["first", "second"]) {
      await this.#transact("epochs", topic, [value]);
      await look();
    }
    const [first, ...next] = epochs;
    if (next.join() !== [first + 1, first + 2].join()) {
      throw new Error(`the epochs are ${epochs}`);
    }
  }

  async #sendStaleOffsets(): Promise<void> {
    const topic = `${this.#prefix}-stale`;
    await this.#feeder.topic(topic, 1);
    const answer = await this.#client.askTransaction("sendStaleOffsets", {
      transactionalId: topic,
      group: topic,
      topic,
    });
    if (answer !== "refused") throw new Error(answer);
  }
}

/** Runs all features of transactions with all clients at once. */
export async function runTransactionFeatures(
  { bootstrap, kinds, progress }: TransactionSuiteOptions,
): Promise<Cell[]> {
  const feeder = new Feeder(bootstrap);
  const opened: WorkerClient[] = [];
  const cells: Cell[] = [];
  try {
    const runs: ClientRun[] = [];
    for (const { name, open } of kinds) {
      try {
        const client = await open(bootstrap);
        // kcat and Java's tools have transactions of their own kind.
        if (!(client instanceof WorkerClient)) {
          await client.close();
          continue;
        }
        opened.push(client);
        runs.push(new ClientRun({ name, client }, feeder, progress));
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const feature = TRANSACTIONS;
        const reason = error.message;
        cells.push({ client: name, feature, outcome: "skip", reason });
      }
    }
    await Promise.all(runs.map((run) => run.run()));
    const written = runs.flatMap((run) => run.written);
    await Promise.all(runs.map((run) => run.read(written)));
    return [...cells, ...runs.flatMap((run) => run.cells)];
  } finally {
    for (const client of opened) await client.close();
    await feeder.close();
  }
}
