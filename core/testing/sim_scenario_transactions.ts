// Transactions on a whole broker that crashes again and again: power cuts in the
// middle of disk calls, kills, failing calls, broken connections. Producers of both
// protocols write, commit offsets, end their transactions, leave them open, and
// come back with epochs that are not theirs any more.
//
//   the history   holds for every checker (history_checks.ts)
//   offsets       of a transaction are there if, and only if, its records are
//   the end       no transaction stays open, and no offset stays pending
//
// What it writes to disk is read again at the end, by another start.

import { type Consumer, createConsumer } from "../client/consumer.ts";
import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import { HostError, sleep } from "../host/host.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../wire/kafka/messages/offset_fetch.ts";
import type { TestBroker } from "./broker_fixture.ts";
import { HistoryWriter, type Operation, readHistory } from "./history.ts";
import { judgeHistory } from "./history_checks.ts";
import {
  type BrokerStage,
  BrokerSupervisor,
  within,
} from "./sim_broker_lives.ts";
import { simHost } from "./sim_host.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";
import { check, type Scenario } from "./sim_scenario.ts";
import {
  INPUT_TOPIC,
  SimTransactionProducer,
} from "./sim_transaction_producer.ts";
import { SimWireCaller } from "./sim_wire_caller.ts";

const TOPIC = "t";
const PARTITION_COUNT = 3;
const PRODUCER_COUNT = 4;
const TROUBLE_COUNT = 10;
const ADDRESS = { host: "broker", port: 9092 };
const LIMIT_MS = 3_600_000;
/** Producers go on for so long after the last fault. */
const CALM_MS = 5000;
/** The longest transaction time-out of any producer. */
const TIMEOUT_MAX_MS = 20_000;

const FETCH_OFFSETS = [offsetFetchRequest, offsetFetchResponse] as const;
const LIST_OFFSETS = [listOffsetsRequest, listOffsetsResponse] as const;

const BROKER = {
  "auto.create.topics.enable": "false",
  "log.cleaner.backoff.ms": 1000,
  "log.flush.interval.messages": 1,
  "log.segment.bytes": 3000,
  "offsets.topic.num.partitions": 2,
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
  "transaction.state.log.num.partitions": 2,
  "transaction.state.log.segment.bytes": 5000,
};

export const transactionScenario: Scenario = {
  name: "transactions",
  shows: "transactions are whole or not there, and all of them end",
  async run(run) {
    const { seed, random } = run;
    const loop = new SimLoop();
    const net = new SimNet(loop, new SimRandom(seed + 1));
    const server = simHost(seed, {
      name: "broker",
      loop,
      net,
      disk: { syncDelayMs: random.pick([[0.1, 3], [0.1, 40]]) },
    });
    const client = simHost(seed + 2, { name: "client", loop, net });
    await client.run(() => new Story({ ...run, server, client, net }).run(), {
      limitMs: LIMIT_MS,
    });
  },
};

class Story {
  readonly #stage: BrokerStage;
  readonly #random: SimRandom;
  readonly #lines: string[] = [];
  readonly #seenOffsets: { group: string; offset: number }[] = [];
  #isOver = false;
  #haveReadersEnded = false;

  constructor(stage: BrokerStage) {
    this.#stage = stage;
    this.#random = stage.random.fork();
  }

  async run(): Promise<void> {
    const stage = this.#stage;
    const supervisor = new BrokerSupervisor(stage, BROKER);
    await supervisor.begin(makeTopics);
    const producers = Array.from(
      { length: PRODUCER_COUNT },
      (_, i) => this.#producer(`p${i}`),
    );
    const running = Promise.all(producers.map((each) => each.run()));
    const reading = Promise.all([
      this.#read("reader"),
      this.#watchEnds("ends"),
      ...producers.map((_, i) => this.#watchOffset(`p${i}`)),
    ]);
    const trouble = (async () => {
      await supervisor.makeTrouble(TROUBLE_COUNT);
      if (supervisor.failure !== null) throw supervisor.failure;
      stage.trace(`healed at ${Math.round(stage.client.loop.nowMs)} ms`);
      await sleep(stage.client.host.clock, CALM_MS);
      this.#isOver = true;
    })();
    await Promise.race([Promise.all([trouble, running]), never(reading)]);
    await within(stage, this.#settle(), "transactions are open still");
    this.#haveReadersEnded = true;
    await within(stage, reading, "readers still wait");
    await within(stage, this.#readAll("last"), "not all could be read");
    const counts = producers.map(({ counts: each }) => JSON.stringify(each));
    stage.trace(counts.join(" "));
    this.#judge(await this.#offsets());
    await supervisor.end();
    await this.#startAgain();
  }

  #producer(name: string): SimTransactionProducer {
    const { client, trace } = this.#stage;
    return new SimTransactionProducer({
      host: client.host,
      address: ADDRESS,
      random: this.#random.fork(),
      transactionalId: name,
      group: groupOf(name),
      topic: TOPIC,
      partitionCount: PARTITION_COUNT,
      isOver: () => this.#isOver,
      historyOf: (process) => this.#historyOf(process),
      trace,
    });
  }

  #historyOf(process: string): HistoryWriter {
    return new HistoryWriter(
      process,
      () => this.#stage.client.loop.nowMs,
      (line) => this.#lines.push(line),
    );
  }

  #caller(): SimWireCaller {
    const { client } = this.#stage;
    return new SimWireCaller(client.host, ADDRESS, this.#random.fork());
  }

  /** Reads what is committed, from the start, for as long as producers are at work. */
  async #read(process: string): Promise<void> {
    const random = this.#random.fork();
    const history = this.#historyOf(process);
    for (let session = 0; !this.#haveReadersEnded; session++) {
      const consumer = this.#consumer();
      while (!this.#haveReadersEnded && !random.chance(0.005)) {
        await pollInto(consumer, history, `${session}`);
        await sleep(this.#stage.client.host.clock, random.between(0, 200));
      }
      await consumer.close();
    }
  }

  /** Reads everything that is committed now. */
  async #readAll(process: string): Promise<void> {
    const history = this.#historyOf(process);
    const consumer = this.#consumer();
    const ends = await consumer.endOffsets(PARTITIONS);
    const isDone = () =>
      PARTITIONS.every((each, i) =>
        (consumer.currentPosition(each) ?? 0) >= (ends[i].value?.offset ?? 1e9)
      );
    while (!isDone()) await pollInto(consumer, history, "last");
    await consumer.close();
  }

  #consumer(): Consumer {
    const consumer = createConsumer(this.#stage.client.host, {
      "bootstrap.servers": "broker:9092",
      "auto.offset.reset": "earliest",
      "check.crcs": "true",
      "isolation.level": "read_committed",
      "request.timeout.ms": "3000",
      "fetch.max.wait.ms": "200",
    });
    consumer.assign(PARTITIONS);
    consumer.seekToBeginning();
    return consumer;
  }

  /** Looks at the ends of partitions again and again. */
  async #watchEnds(process: string): Promise<void> {
    const caller = this.#caller();
    const history = this.#historyOf(process);
    while (!this.#haveReadersEnded) {
      for (const { partition } of PARTITIONS) {
        const lastStable = await endOf(caller, partition, 1);
        const highWatermark = await endOf(caller, partition, 0);
        history.note({
          kind: "ends",
          topic: TOPIC,
          partition,
          lastStable,
          highWatermark,
          logEnd: -1,
        });
      }
      await sleep(this.#stage.client.host.clock, 200);
    }
    caller.close();
  }

  async #watchOffset(name: string): Promise<void> {
    const random = this.#random.fork();
    const caller = this.#caller();
    const history = this.#historyOf(`offsets of ${name}`);
    while (!this.#haveReadersEnded) {
      const group = groupOf(name);
      const atMs = this.#stage.client.loop.nowMs;
      // Who does not ask for stable offsets may be told one from before.
      const isStable = random.chance(0.5);
      const offset = await offsetOf(caller, group, isStable);
      const committed = {
        kind: "committed",
        topic: INPUT_TOPIC,
        partition: 0,
        group,
        offset,
        atMs,
      } as const;
      if (isStable) history.note(committed);
      else this.#seenOffsets.push({ group, offset });
      await sleep(this.#stage.client.host.clock, random.between(0, 400));
    }
    caller.close();
  }

  /** Waits until no transaction is open. */
  async #settle(): Promise<void> {
    const { client } = this.#stage;
    const caller = this.#caller();
    const startMs = client.loop.nowMs;
    for (const { partition } of PARTITIONS) {
      for (;;) {
        const lastStable = await endOf(caller, partition, 1);
        const end = await endOf(caller, partition, 0);
        if (lastStable === end) break;
        check(
          client.loop.nowMs - startMs < 2 * TIMEOUT_MAX_MS,
          `${TOPIC}-${partition} has a transaction open at ${lastStable} of ${end}`,
        );
        await sleep(client.host.clock, 100);
      }
    }
    caller.close();
  }

  /** The committed offset of each producer's group, pending ones being waited for. */
  async #offsets(): Promise<ReadonlyMap<string, number>> {
    const caller = this.#caller();
    const offsets = new Map<string, number>();
    for (let i = 0; i < PRODUCER_COUNT; i++) {
      const group = groupOf(`p${i}`);
      offsets.set(
        group,
        await within(
          this.#stage,
          offsetOf(caller, group, true),
          `${group} has pending offsets`,
        ),
      );
    }
    caller.close();
    return offsets;
  }

  #judge(offsets: ReadonlyMap<string, number>): void {
    const operations = readHistory(this.#lines);
    const { counts, examples, tally } = judgeHistory(operations, {
      isComplete: true,
    });
    this.#stage.trace(JSON.stringify(tally));
    check(counts.size === 0, examples.join("\n"));
    check(
      tally.committedCount > 0 && tally.abortedCount > 0 && tally.readCount > 0,
      "The scenario did not do what it is for",
    );
    checkOffsets(operations, offsets, this.#seenOffsets);
  }

  /** What the last life has left is what the next one finds. */
  async #startAgain(): Promise<void> {
    const supervisor = new BrokerSupervisor(this.#stage, BROKER);
    const before = this.#lines.length;
    await supervisor.begin(async ({ broker }: TestBroker) => {
      await within(this.#stage, this.#settle(), "it does not load");
      for (const { state, transactionalId } of broker.transactions.list({})) {
        check(
          /^(Empty|Complete)/.test(state),
          `${transactionalId} is ${state} after everything has ended`,
        );
      }
    });
    await within(this.#stage, this.#readAll("again"), "not all can be read");
    check(this.#lines.length > before, "Nothing is left");
    this.#judge(await this.#offsets());
    await supervisor.end();
  }
}

const PARTITIONS = Array.from(
  { length: PARTITION_COUNT },
  (_, partition) => ({ topic: TOPIC, partition }),
);

function groupOf(producer: string): string {
  return `group of ${producer}`;
}

async function makeTopics(broker: TestBroker): Promise<void> {
  await broker.createTopic(TOPIC, { partitionCount: PARTITION_COUNT });
  await broker.createTopic(INPUT_TOPIC);
  await broker.broker.offsetsTopic.ensure();
  await broker.broker.transactionsTopic.ensure();
  const { topics } = broker.broker.cluster.image;
  check(
    topics.has(OFFSETS_TOPIC) && topics.has(TRANSACTIONS_TOPIC),
    "No topics",
  );
}

/** Waits for no result: only for a failure. */
async function never(running: Promise<unknown>): Promise<never> {
  await running;
  return new Promise(() => {});
}

async function pollInto(
  consumer: Consumer,
  history: HistoryWriter,
  session: string,
): Promise<void> {
  try {
    for (const { topic, partition, records } of await consumer.poll(200)) {
      history.note({
        kind: "poll",
        topic,
        partition,
        isolation: "read_committed",
        session,
        group: null,
        offsets: records.map(({ offset }) => offset),
        values: records.map(({ value }) => new TextDecoder().decode(value!)),
      });
    }
  } catch (error) {
    const isFault = error instanceof KafkaError || error instanceof HostError;
    if (!isFault) throw error;
  }
}

/** @param isolationLevel 0: the high watermark; 1: the last stable offset. */
async function endOf(
  caller: SimWireCaller,
  partition: number,
  isolationLevel: number,
): Promise<number> {
  const { answer, code } = await caller.ask(LIST_OFFSETS, 7, {
    replicaId: -1,
    isolationLevel,
    topics: [{
      name: TOPIC,
      partitions: [{ partitionIndex: partition, timestamp: -1 }],
    }],
  }, ({ topics: [{ partitions }] }) => partitions[0].errorCode);
  check(code === 0, `ListOffsets: ${code}`);
  return answer.topics[0].partitions[0].offset;
}

async function offsetOf(
  caller: SimWireCaller,
  group: string,
  requireStable: boolean,
): Promise<number> {
  const { answer, code } = await caller.ask(
    FETCH_OFFSETS,
    8,
    {
      groups: [{
        groupId: group,
        topics: [{ name: INPUT_TOPIC, partitionIndexes: [0] }],
      }],
      requireStable,
    },
    ({ groups: [{ errorCode, topics }] }) =>
      errorCode || topics[0].partitions[0].errorCode,
  );
  check(code === 0, `OffsetFetch: ${code}`);
  return answer.groups[0].topics[0].partitions[0].committedOffset;
}

/** A transaction's offset holds if, and only if, its records can be read. */
function checkOffsets(
  operations: readonly Operation[],
  offsets: ReadonlyMap<string, number>,
  seenOffsets: readonly { readonly group: string; readonly offset: number }[],
): void {
  const kept = keptTransactions(operations);
  const readings = [
    ...operations.filter((each) => each.kind === "committed"),
    ...seenOffsets,
    ...Array.from(offsets, ([group, offset]) => ({ group, offset })),
  ];
  const seen = new Set(
    readings.map(({ group, offset }) => `${group} ${offset}`),
  );
  for (const each of operations) {
    if (each.kind !== "commit" || each.transaction === null) continue;
    const { group, offset, transaction, outcome } = each;
    const last = offsets.get(group)!;
    const isKept = kept.has(transaction);
    check(
      isKept || !seen.has(`${group} ${offset}`),
      `${group} was at ${offset} by ${transaction}, whose records are not there`,
    );
    check(
      !isKept || outcome !== "ok" || last >= offset,
      `${group} is at ${last}; ${transaction}, whose records are there, committed ${offset}`,
    );
  }
}

/** Transactions of which readers saw records. */
function keptTransactions(operations: readonly Operation[]): Set<string> {
  const transactions = new Map<string, string>();
  for (const each of operations) {
    if (each.kind !== "send" || each.transaction === null) continue;
    for (const value of each.values) transactions.set(value, each.transaction);
  }
  const kept = new Set<string>();
  for (const each of operations) {
    if (each.kind !== "poll") continue;
    for (const value of each.values) kept.add(transactions.get(value)!);
  }
  return kept;
}
