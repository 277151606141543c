// Transactions whose requests are held back for up to 30 s, past the start of the
// next transaction, of the next producer, of their time-out: a proxy delivers them
// at last, after what their clients have sent anew. Some writers share a
// transactional id, and fence each other.
//
//   lost, torn, aborted   the checkers of history_checks.ts find nothing
//   hanging               no last stable offset stands still for longer than the
//                         time-out of a transaction, and what the coordinator takes

import { sleep } from "../host/host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { TestBroker } from "./broker_fixture.ts";
import { EndWatch } from "./end_watch.ts";
import { HistoryWriter, readHistory } from "./history.ts";
import { judgeHistory } from "./history_checks.ts";
import { HoldingProxy } from "./holding_proxy.ts";
import { RecordedReader } from "./recorded_reader.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";
import { check, type Scenario, type ScenarioRun } from "./sim_scenario.ts";
import { TransactionWriter } from "./transaction_writer.ts";

const TOPIC = "t";
const PARTITION_COUNT = 3;
const WRITER_COUNT = 3;
const STORY_MS = 90_000;
const LIMIT_MS = 3_600_000;
const HOLD_MAX_MS = 30_000;
/** What the coordinator may take beyond the time-out of a transaction. */
const GRACE_MS = 10_000;

/** What is held: all that changes a transaction. */
export const HELD_APIS: ReadonlySet<number> = new Set([
  apiKeys.Produce,
  apiKeys.InitProducerId,
  apiKeys.AddPartitionsToTxn,
  apiKeys.AddOffsetsToTxn,
  apiKeys.TxnOffsetCommit,
  apiKeys.EndTxn,
  apiKeys.WriteTxnMarkers,
]);

/** Draws for how long a request is held. */
export function drawHold(
  random: SimRandom,
  { chance, maxMs }: { readonly chance: number; readonly maxMs: number },
): (apiKey: number) => number {
  return (apiKey) =>
    HELD_APIS.has(apiKey) && random.chance(chance)
      ? random.between(1, maxMs)
      : 0;
}

export const heldScenario: Scenario = {
  name: "held",
  shows: "requests that come too late neither tear, lose nor hang transactions",
  async run(run) {
    const { seed } = run;
    const loop = new SimLoop();
    const net = new SimNet(loop, new SimRandom(seed + 1));
    const [server, middle, client] = ["broker", "proxy", "client"].map(
      (name, index) => simHost(seed + 2 * index, { name, loop, net }),
    );
    await client.run(() => story({ ...run, server, middle, client }), {
      limitMs: LIMIT_MS,
    });
  },
};

interface Stage extends ScenarioRun {
  readonly server: SimHost;
  readonly middle: SimHost;
  readonly client: SimHost;
}

async function story(stage: Stage): Promise<void> {
  const { server, middle, random, trace } = stage;
  const broker = await TestBroker.start(server.host, {
    "listeners": "PLAINTEXT://broker:9092",
    "advertised.listeners": "PLAINTEXT://proxy:9092",
    "transaction.state.log.num.partitions": 3,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "log.segment.bytes": random.pick([3000, 1_000_000]),
  });
  await broker.createTopic(TOPIC, { partitionCount: PARTITION_COUNT });
  const proxy = await HoldingProxy.start(middle.host, {
    listen: { host: "proxy", port: 9092 },
    target: { host: "broker", port: 9092 },
    holdMs: drawHold(random.fork(), {
      chance: random.pick([0.02, 0.1, 0.3]),
      maxMs: random.pick([3000, HOLD_MAX_MS]),
    }),
  });
  const transactionTimeoutMs = random.pick([2000, 5000, 15_000]);
  const lines: string[] = [];
  const workload = new Workload(stage, lines, transactionTimeoutMs);
  await workload.run();
  proxy.close();
  const { heldCount, lateCount } = proxy.counts;
  trace(
    `${workload.endedCount} transactions ended, ${workload.replacedCount} producers replaced; ${heldCount} requests held, ${lateCount} of them past their client`,
  );
  for (const line of broker.lines) trace(`broker: ${line}`);
  const verdict = judgeHistory(readHistory(lines), { isComplete: true });
  check(
    verdict.counts.size === 0,
    `The history is wrong:\n${verdict.examples.join("\n")}`,
  );
  const { tally } = verdict;
  check(
    tally.committedCount > 0 && tally.abortedCount > 0 && heldCount > 0,
    "The scenario did not do what it is for",
  );
  await broker.stop();
}

/** Writers, a reader, and who looks at the ends. */
class Workload {
  readonly #stage: Stage;
  readonly #transactionTimeoutMs: number;
  readonly #writers: readonly TransactionWriter[];
  readonly #reader: RecordedReader;
  readonly #watch: EndWatch;
  #isWritten = false;
  #isOver = false;

  constructor(
    stage: Stage,
    lines: string[],
    transactionTimeoutMs: number,
  ) {
    const { client, random, trace } = stage;
    const { host } = client;
    const nowMs = () => host.clock.monotonicMs();
    const historyOf = (name: string) =>
      new HistoryWriter(name, nowMs, (line) => lines.push(line));
    const config = {
      "bootstrap.servers": "proxy:9092",
      "reconnect.backoff.max.ms": "500",
    };
    const partitions = Array.from(
      { length: PARTITION_COUNT },
      (_, partition) => ({ topic: TOPIC, partition }),
    );
    this.#stage = stage;
    this.#transactionTimeoutMs = transactionTimeoutMs;
    const sharesId = random.chance(0.3);
    this.#writers = Array.from({ length: WRITER_COUNT }, (_, index) => {
      const name = `w${index}`;
      return new TransactionWriter({
        host,
        name,
        transactionalId: sharesId && index > 0 ? "shared" : name,
        history: historyOf(name),
        random: random.fork(),
        config: {
          ...config,
          "transaction.timeout.ms": String(transactionTimeoutMs),
          "request.timeout.ms": random.pick(["500", "2000"]),
          "delivery.timeout.ms": random.pick(["2500", "10000"]),
          "max.block.ms": random.pick(["5000", "60000"]),
          "linger.ms": "0",
        },
        topic: TOPIC,
        partitionCount: PARTITION_COUNT,
        isOver: () => this.#isWritten,
        trace,
      });
    });
    this.#reader = new RecordedReader({
      host,
      config,
      partitions,
      history: historyOf("reader"),
      random: random.fork(),
      trace,
      backMax: 20,
      sessionMs: 10_000,
    });
    this.#watch = new EndWatch({
      host,
      config,
      partitions,
      history: historyOf("ends"),
      intervalMs: 500,
    });
  }

  get endedCount(): number {
    return this.#writers.reduce((sum, each) => sum + each.endedCount, 0);
  }

  get replacedCount(): number {
    return this.#writers.reduce((sum, each) => sum + each.replacedCount, 0);
  }

  async run(): Promise<void> {
    const { clock } = this.#stage.client.host;
    const graceMs = this.#transactionTimeoutMs + GRACE_MS;
    const watching = Promise.all([
      this.#reader.run(() => this.#isOver),
      this.#watch.run(() => this.#isOver),
    ]);
    const writing = Promise.all(this.#writers.map((writer) => writer.run()));
    await Promise.race([writing, watching, sleep(clock, STORY_MS)]);
    this.#isWritten = true;
    await Promise.race([writing, watching]);
    // What is held still comes, and may begin what nobody ends.
    await Promise.race([watching, sleep(clock, HOLD_MAX_MS + graceMs)]);
    check(this.#watch.isSettled, "A transaction hangs at the end");
    check(
      this.#watch.longestMs <= graceMs,
      `A last stable offset stood still for ${this.#watch.longestMs} ms, at ${this.#watch.longestPlace}, with transaction.timeout.ms=${this.#transactionTimeoutMs}`,
    );
    this.#isOver = true;
    await watching;
    await this.#reader.readAll();
  }
}
