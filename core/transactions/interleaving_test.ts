// Random requests of producers old and new, late ones among them, against a
// coordinator whose log, partitions and clock misbehave. Whatever happens:
//
//   - what the log says of an id follows the states' diagram, its epochs never go
//     back, and a producer id whose epochs ran out never returns
//   - no marker is written before what it tells is durable
//   - a transaction is complete only when every partition has acknowledged
//   - each partition hears of one outcome of a transaction, which is the log's
//   - an end that was answered is in the log, and a partition whose adding was
//     answered is in the transaction that follows
//   - the log, read again, is the memory

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type Host, sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import {
  openTestTransactions,
  replayTransactions,
  type TestTransactions,
} from "../testing/transaction_fixture.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { MarkerToWrite, TopicPartition } from "./marker_writer.ts";
import type { ClientVersion, ProducerIdAndEpoch } from "./requests.ts";
import type { TransactionRecord } from "./transaction_record.ts";
import {
  isPrepared,
  listPartitions,
  noPartitions,
  type TransactionState,
} from "./transaction_state.ts";

/** Whose identity a request carries: the `back`-th before the latest that was given out. */
interface Who {
  readonly id: string;
  readonly back: number;
}

type Action =
  | { readonly do: "init"; readonly id: string; readonly goesOn: boolean }
  | Who & {
    readonly do: "add";
    readonly partition: number;
    readonly version: ClientVersion;
  }
  | Who & {
    readonly do: "end";
    readonly isCommit: boolean;
    readonly version: ClientVersion;
  }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "world"; readonly world: World }
  | { readonly do: "restart" };

/** How the world behaves from now on. */
interface World {
  /** Appends until one is refused; 0 refuses none. */
  readonly refusedAppend: number;
  /** How long an append takes to be durable; 0 is no time at all. */
  readonly durableMs: number;
  /** Whether it is found not to be, in the end. */
  readonly isLost: boolean;
  readonly markerMs: number;
  /** What the partitions answer, by turns. */
  readonly codes: readonly number[];
}

const FINE: World = {
  refusedAppend: 0,
  durableMs: 0,
  isLost: false,
  markerMs: 0,
  codes: [ErrorCode.NONE],
};

const IDLE: Omit<
  TransactionState,
  "transactionalId" | "producerId" | "producerEpoch"
> = {
  previousProducerId: -1,
  nextProducerId: -1,
  lastProducerEpoch: -1,
  timeoutMs: 1_000,
  status: "CompleteCommit",
  partitions: noPartitions,
  startTimeMs: 0,
  updateTimeMs: 0,
  clientVersion: 2,
};

const TIMEOUT_MS = 4_000;
const id = fc.constantFrom("x", "y");
const back = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  fc.nat(3),
);
const version = fc.constantFrom<ClientVersion[]>(0, 2, 2);
const world: fc.Arbitrary<World> = fc.record({
  refusedAppend: fc.nat(3),
  durableMs: fc.constantFrom(0, 0, 5, 40),
  isLost: fc.nat(5).map((n) => n === 0),
  markerMs: fc.constantFrom(0, 0, 10, 100),
  codes: fc.array(
    fc.constantFrom(
      ErrorCode.NONE,
      ErrorCode.NONE,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.NOT_ENOUGH_REPLICAS,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ),
    { minLength: 1, maxLength: 4 },
  ),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("init" as const),
      id,
      goesOn: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      id,
      back,
      partition: fc.nat(3),
      version,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      id,
      back,
      isCommit: fc.boolean(),
      version,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 8, 60, 700, 15_000),
    }),
  },
  fc.record({ do: fc.constant("world" as const), world }),
  fc.record({ do: fc.constant("restart" as const) }),
);

/** What has happened to one id, in the order in which it did. */
interface Seen {
  /** What its log says, latest last. */
  readonly states: TransactionState[];
  /** All that were given to its producers. */
  readonly given: ProducerIdAndEpoch[];
}

class Run {
  readonly #host: Host;
  readonly #seen = new Map<string, Seen>();
  /** Acknowledged markers: by producer, epoch and partition, whether it committed. */
  readonly #outcomes = new Map<string, boolean>();
  #world = FINE;
  #appendCount = 0;
  #codeIndex = 0;
  /** Appends that are not durable yet, of this life of the log. */
  #pending = new Set<number>();
  #lastDurable = Promise.resolve();
  /** The number of the append that a state came with. */
  readonly #appendOf = new WeakMap<TransactionState, number>();
  #test: TestTransactions | null = null;
  /** What was wrong where the coordinator takes it for a failure that may pass. */
  #wrong: unknown[] = [];
  #requests: Promise<void>[] = [];

  readonly #initialStates: TransactionState[] = [];

  /** @param firstEpoch Of the first producer of each id; `null` where there was none. */
  constructor(host: Host, firstEpoch: number | null) {
    this.#host = host;
    if (firstEpoch === null) return;
    for (const [i, transactionalId] of ["x", "y"].entries()) {
      const first = { producerId: 10 + i, producerEpoch: firstEpoch };
      const state = { ...IDLE, transactionalId, ...first };
      this.#initialStates.push(state);
      this.seen(transactionalId).states.push(state);
      this.seen(transactionalId).given.push(first);
    }
  }

  get test(): TestTransactions {
    return this.#test!;
  }

  async open(): Promise<void> {
    this.#test = await openTestTransactions(this.#host, {
      config: {
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
      },
      initialStates: this.#initialStates,
      firstProducerId: 1000 + 100_000 * this.#appendCount,
      beforeAppend: () => this.#beforeAppend(),
      durable: () => this.#durable(),
      onAppended: (record) => this.#noted(() => this.#appended(record)),
      answerMarkers: (marker, partitions) =>
        this.#noted(() => this.#answerMarkers(marker, partitions)),
    });
  }

  #noted<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.#wrong.push(error);
      throw error;
    }
  }

  async restart(): Promise<void> {
    await this.test.close();
    this.#pending = new Set();
    await this.open();
  }

  seen(transactionalId: string): Seen {
    const seen = this.#seen.get(transactionalId) ?? { states: [], given: [] };
    this.#seen.set(transactionalId, seen);
    return seen;
  }

  #beforeAppend(): void {
    this.#appendCount++;
    const { refusedAppend } = this.#world;
    if (refusedAppend === 0) return;
    this.#world = { ...this.#world, refusedAppend: refusedAppend - 1 };
    if (refusedAppend === 1) throw new KafkaError("NOT_ENOUGH_REPLICAS");
  }

  #durable(): Promise<void> | null {
    const { durableMs, isLost } = this.#world;
    // What is behind another append is not durable before that.
    if (durableMs === 0 && this.#pending.size === 0) return null;
    const append = this.#appendCount;
    const pending = this.#pending;
    pending.add(append);
    if (isLost) this.#world = { ...this.#world, isLost: false };
    const before = this.#lastDurable;
    this.#lastDurable = sleep(this.#host.clock, durableMs).then(() => before)
      .then(() => {
        pending.delete(append);
      });
    return this.#lastDurable.then(() => {
      if (isLost) throw new KafkaError("REQUEST_TIMED_OUT");
    });
  }

  /** The transition is one of the diagram. */
  #appended({ transactionalId, state }: TransactionRecord): void {
    ok(state !== null, "nothing is silent for long enough");
    const { states } = this.seen(transactionalId);
    const before = states.at(-1);
    states.push(state);
    this.#appendOf.set(state, this.#appendCount);
    if (before === undefined) {
      strictEqual(state.status, "Empty");
      return;
    }
    const allowed: Record<string, readonly string[]> = {
      Empty: ["Empty", "Ongoing", "CompleteAbort"],
      Ongoing: ["Ongoing", "PrepareCommit", "PrepareAbort"],
      PrepareCommit: ["CompleteCommit"],
      PrepareAbort: ["CompleteAbort"],
      CompleteCommit: ["Empty", "Ongoing", "CompleteAbort"],
      CompleteAbort: ["Empty", "Ongoing", "CompleteAbort"],
    };
    const step = `${before.status} to ${state.status}`;
    ok(allowed[before.status].includes(state.status), step);
    if (state.producerId === before.producerId) {
      ok(state.producerEpoch >= before.producerEpoch, "the epoch goes back");
    } else {
      ok(before.producerEpoch >= 32766, "there were epochs left");
      strictEqual(state.producerEpoch, 0);
      ok(
        states.every((each) =>
          each === state || each.producerId !== state.producerId
        ),
        "the producer id comes back",
      );
    }
    if (isPrepared(state)) this.#forgetOutcomes(state);
    if (before.status === "Ongoing") {
      const partitions = new Set(key(state));
      ok(key(before).every((each) => partitions.has(each)), "one is left out");
    }
    if (isPrepared(before)) {
      const { producerId, producerEpoch } = before;
      for (const partition of key(before)) {
        strictEqual(
          this.#outcomes.get(`${producerId} ${producerEpoch} ${partition}`),
          before.status === "PrepareCommit",
          `${step}: ${partition} has not acknowledged`,
        );
      }
      if (before.nextProducerId >= 0) {
        strictEqual(state.producerId, before.nextProducerId);
      } else strictEqual(state.producerEpoch, producerEpoch);
    }
  }

  /** An older client has one epoch for many transactions. */
  #forgetOutcomes(state: TransactionState): void {
    if (state.clientVersion === 2) return;
    for (const partition of key(state)) {
      const { producerId, producerEpoch } = state;
      this.#outcomes.delete(`${producerId} ${producerEpoch} ${partition}`);
    }
  }

  #answerMarkers(
    { producerId, producerEpoch, isCommit }: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): readonly number[] | Promise<readonly number[]> {
    const [{ states }] = [...this.#seen.values()].filter(({ states }) =>
      states.at(-1)?.producerId === producerId
    );
    const decided = states.at(-1)!;
    strictEqual(
      decided.status,
      isCommit ? "PrepareCommit" : "PrepareAbort",
      "a marker without a decision",
    );
    strictEqual(decided.producerEpoch, producerEpoch);
    const appendOfDecision = this.#appendOf.get(decided)!;
    ok(
      [...this.#pending].every((append) => append > appendOfDecision),
      "the decision is not durable",
    );
    const { codes, markerMs } = this.#world;
    const answer = () =>
      partitions.map(({ topic, partition }) => {
        const code = codes[this.#codeIndex++ % codes.length];
        if (code !== ErrorCode.NONE) return code;
        const name = `${producerId} ${producerEpoch} ${topic}-${partition}`;
        const before = this.#outcomes.get(name);
        ok(before === undefined || before === isCommit, `two ends: ${name}`);
        this.#outcomes.set(name, isCommit);
        return code;
      });
    return markerMs === 0
      ? answer()
      : sleep(this.#host.clock, markerMs).then(() => this.#noted(answer));
  }

  /** Starts what an action is; requests go on by themselves. */
  act(action: Action): Promise<void> | void {
    switch (action.do) {
      case "wait":
        return sleep(this.#host.clock, action.ms);
      case "restart":
        return this.restart();
      case "world":
        this.#world = action.world;
        return;
      default:
        this.#requests.push(this.#request(action));
    }
  }

  async #request(
    action: Exclude<Action, { do: "wait" | "restart" | "world" }>,
  ): Promise<void> {
    const { states, given } = this.seen(action.id);
    const { coordinator } = this.test;
    const back = action.do === "init" ? 0 : action.back;
    const producer = given.at(-1 - back) ??
      { producerId: -1, producerEpoch: -1 };
    const request = { transactionalId: action.id, ...producer };
    try {
      if (action.do === "init") {
        const next = await coordinator.initProducerId({
          transactionalId: action.id,
          transactionTimeoutMs: TIMEOUT_MS,
          ...(action.goesOn ? producer : { producerId: -1, producerEpoch: -1 }),
        });
        given.push(next);
        ok(next.producerEpoch < 32767, "nobody could fence it");
        ok(states.some((each) => isOf(each, next) && each.status === "Empty"));
      } else if (action.do === "add") {
        const added = { topic: "t", partition: action.partition };
        await coordinator.addPartitions({
          ...request,
          partitions: [added],
          clientVersion: action.version,
        });
        ok(
          states.some((each) =>
            isOf(each, producer) && each.status === "Ongoing" &&
            key(each).includes(`t-${action.partition}`)
          ),
          "what was answered is in the log",
        );
      } else {
        const next = await coordinator.endTransaction({
          ...request,
          isCommit: action.isCommit,
          clientVersion: action.version,
        });
        given.push(next);
        assertEnded(states, producer, next, action);
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }

  /** All is well again: everything that was decided comes to its end. */
  async settle(): Promise<void> {
    this.#world = FINE;
    await sleep(this.#host.clock, 30_000);
    await Promise.all(this.#requests);
    if (this.#wrong.length > 0) throw this.#wrong[0];
    strictEqual(this.#pending.size, 0);
    const { coordinator, shardLog } = this.test;
    const replayed = await replayTransactions(this.#host, shardLog);
    strictEqual(coordinator.list().length, replayed.size);
    for (const [transactionalId, state] of replayed) {
      ok(!isPrepared(state), `${transactionalId} is left in ${state.status}`);
      ok(state.status !== "Ongoing", "it timed out");
      const found = coordinator.describe(transactionalId);
      deepStrictEqual(found, {
        transactionalId,
        producerId: state.producerId,
        producerEpoch: state.producerEpoch,
        state: state.status,
        timeoutMs: state.timeoutMs,
        startTimeMs: state.startTimeMs,
        partitions: listPartitions(state.partitions),
      });
      const last = this.seen(transactionalId).states.at(-1)!;
      deepStrictEqual({ ...state }, { ...last }, "nothing was lost");
    }
  }
}

/** The partitions of a state, as text. */
function key({ partitions }: TransactionState): string[] {
  return listPartitions(partitions).map(({ topic, partition }) =>
    `${topic}-${partition}`
  );
}

function isOf(
  { producerId, producerEpoch }: TransactionState,
  producer: ProducerIdAndEpoch,
): boolean {
  return producerId === producer.producerId &&
    producerEpoch === producer.producerEpoch;
}

/** The log has this very end: of the transaction that this producer meant. */
function assertEnded(
  states: readonly TransactionState[],
  producer: ProducerIdAndEpoch,
  next: ProducerIdAndEpoch,
  { isCommit, version }: { isCommit: boolean; version: ClientVersion },
): void {
  const isLast = version === 2 && producer.producerEpoch === 32766;
  if (isLast) {
    ok(next.producerId !== producer.producerId);
    strictEqual(next.producerEpoch, 0);
  } else {
    strictEqual(next.producerId, producer.producerId);
    const raised = version === 2 ? 1 : 0;
    strictEqual(next.producerEpoch, producer.producerEpoch + raised);
  }
  const isEnd = (each: TransactionState) =>
    isOf(each, next) ||
    (isLast && isPrepared(each) && each.nextProducerId === next.producerId);
  const statuses = isCommit
    ? ["PrepareCommit", "CompleteCommit"]
    : ["PrepareAbort", "CompleteAbort"];
  ok(
    states.some((each) => isEnd(each) && statuses.includes(each.status)),
    "an end that was answered is in the log",
  );
  if (version === 0) return;
  const others = isCommit ? "PrepareAbort" : "PrepareCommit";
  ok(
    !states.some((each) => isEnd(each) && each.status === others),
    "and no other is",
  );
}

Deno.test("whatever comes between, every transaction has one end, and the log is right", async () => {
  let seed = 950;
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 10, maxLength: 60 }),
      // The last so near to the end that nearly every run gets there.
      fc.constantFrom(null, 0, 32_762, 32_765),
      async (actions, firstEpoch) => {
        const sim = simHost(seed++);
        await sim.run(async () => {
          const run = new Run(sim.host, firstEpoch);
          await run.open();
          for (const each of actions) await run.act(each);
          await run.settle();
          for (const { states } of [run.seen("x"), run.seen("y")]) {
            for (const { status, nextProducerId } of states) {
              reached.add(status);
              if (nextProducerId >= 0) reached.add("next producer id");
            }
          }
          await run.test.close();
        });
      },
    ),
    { numRuns: 300 },
  );
  deepStrictEqual([...reached].sort(), [
    "CompleteAbort",
    "CompleteCommit",
    "Empty",
    "Ongoing",
    "PrepareAbort",
    "PrepareCommit",
    "next producer id",
  ]);
});
