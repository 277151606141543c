// Runs the suite on kq and on Apache Kafka: see scripts/conformance/run.

import { parseArgs } from "node:util";
import {
  freePort,
  type RunningBroker,
  startKafka,
  startKq,
  type StartOptions,
} from "./brokers.ts";
import type { ClientKind } from "./client.ts";
import { clientKinds } from "./client_kinds.ts";
import { LOG_CLEANER, runCompaction } from "./compaction.ts";
import { DIRECTORIES, runDirectories } from "./coordinator_directories.ts";
import { javaTools } from "./java_client.ts";
import { runJavaGroupFeatures } from "./java_group_tools.ts";
import { KAFKA_GO, kafkaGoSuite } from "./kafka_go.ts";
import { matrixLines } from "./matrix.ts";
import {
  type Par,
  parOf,
  parWithin,
  reportLines,
  type SuiteResult,
  withFeatures,
} from "./report.ts";
import { RETENTION, runRetention } from "./retention.ts";
import { checkSegments } from "./segments.ts";
import { checkTransactionLogs } from "./transaction_logs.ts";
import { runTransactionTools } from "./transaction_tools.ts";
import { runStreams, STREAMS } from "./streams.ts";
import { type Cell, Suite } from "./suite.ts";
import {
  javaTransactionKinds,
  runTransactionFeatures,
  TRANSACTIONS,
} from "./transaction_suite.ts";

/** Both protocols of groups, and timers as short as both brokers let them be. */
const SETTINGS: Readonly<Record<string, string>> = {
  // Lets values of 10 MiB in.
  "message.max.bytes": "12582912",
  "group.coordinator.rebalance.protocols": "classic,consumer",
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.min.session.timeout.ms": "6000",
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.min.heartbeat.interval.ms": "500",
  "group.consumer.heartbeat.interval.ms": "500",
  // Who is late with a transaction is not waited for long.
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
  // Logs of small segments are cleaned at once.
  "log.cleaner.backoff.ms": "500",
};
const PAR_FILE = new URL(
  "../../testdata/conformance/par.json",
  import.meta.url,
);
const KAFKA = "Apache Kafka 3.9.1";

function say(text: string): void {
  console.error(text);
}

/** What of the suite was asked for. */
interface Asked {
  readonly kinds: readonly ClientKind[];
  readonly transactionKinds: readonly ClientKind[];
  readonly hasStreams: boolean;
}

async function runOn(
  name: string,
  start: (options: StartOptions) => Promise<RunningBroker>,
  { kinds, transactionKinds, hasStreams }: Asked,
  work: string,
): Promise<Cell[]> {
  say(`== ${name}`);
  const startMs = performance.now();
  const suite = new Suite(say);
  const cells: Cell[] = [];
  const broker = await start({ work, port: freePort(), settings: SETTINGS });
  try {
    const bootstrap = `127.0.0.1:${broker.port}`;
    await suite.run(kinds, bootstrap);
    cells.push(
      ...suite.cells,
      // Either waits more than it works.
      ...(await Promise.all([
        runTransactionFeatures({
          kinds: transactionKinds,
          bootstrap,
          progress: say,
        }),
        runTransactionTools({
          kinds: transactionKinds,
          bootstrap,
          progress: say,
          isReference: name === KAFKA,
        }),
      ])).flat(),
      ...hasStreams ? await runStreams({ bootstrap, work, progress: say }) : [],
      ...await runJavaGroupFeatures({
        kinds,
        bootstrap,
        progress: say,
        isReference: name === KAFKA,
      }),
    );
  } finally {
    await broker.stop();
  }
  if (kinds.includes(javaTools)) {
    cells.push(...await checkSegments(broker.dataDirectory));
  }
  if (transactionKinds.includes(javaTools)) {
    cells.push(...await checkTransactionLogs(broker.dataDirectory));
  }
  say(`== ${name}: ${Math.round((performance.now() - startMs) / 1000)} s`);
  return cells;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      broker: { type: "string" },
      client: { type: "string", multiple: true, default: [] },
    },
  });
  const asked = values.client.map((name) => name.toLowerCase());
  const isAsked = (name: string) =>
    asked.length === 0 ||
    asked.some((text) => name.toLowerCase().includes(text));
  const kinds = clientKinds.filter(({ name }) => isAsked(name));
  const transactionKinds = [...javaTransactionKinds, ...clientKinds].filter(
    ({ name }) => isAsked(name) || asked.includes(TRANSACTIONS),
  );
  const hasStreams = isAsked(STREAMS);
  const wanted: Asked = { kinds, transactionKinds, hasStreams };
  const work = await Deno.makeTempDir({ prefix: "kq-conformance-" });
  try {
    let par: Par = JSON.parse(
      await Deno.readTextFile(PAR_FILE).catch(() =>
        JSON.stringify({ broker: KAFKA, cells: {} })
      ),
    );
    const hasClients = transactionKinds.length > 0 || hasStreams;
    if (!values.quick && values.broker !== "kq" && hasClients) {
      const { cells } = parOf(
        KAFKA,
        await runOn(KAFKA, startKafka, wanted, work),
      );
      // Clients and features that were not asked keep what they have.
      const kept = asked.length === 0 ? {} : par.cells;
      par = { broker: KAFKA, cells: withFeatures(kept, cells) };
      const text = JSON.stringify(par, null, 1) + "\n";
      await Deno.writeTextFile(PAR_FILE, text);
    }
    const cells = values.broker === "kafka" || !hasClients
      ? []
      : await runOn("kq", startKq, wanted, work);
    if (isAsked(LOG_CLEANER) && !values.quick && values.broker === undefined) {
      const { record: isRecording } = values;
      const directory = `${work}/compaction`;
      await Deno.mkdir(directory);
      cells.push(
        ...await runCompaction({
          work: directory,
          progress: say,
          isRecording,
        }),
      );
    }
    if (isAsked(RETENTION) && !values.quick && values.broker === undefined) {
      const directory = `${work}/retention`;
      await Deno.mkdir(directory);
      cells.push(...await runRetention({ work: directory, progress: say }));
    }
    if (isAsked(DIRECTORIES) && values.broker === undefined) {
      const directory = `${work}/directories`;
      cells.push(...await runDirectories({ work: directory, progress: say }));
    }
    const suites: SuiteResult[] = [];
    if (isAsked(KAFKA_GO) && values.broker !== "kafka") {
      say(`== ${KAFKA_GO}`);
      const isQuick = values.quick || values.broker === "kq";
      const result = await kafkaGoSuite(work, { isQuick });
      if ("outcome" in result) cells.push(result);
      else suites.push(result);
    }
    par = parWithin(
      par,
      (client, feature) =>
        kinds.some(({ name }) => name === client) ||
        !transactionKinds.some(({ name }) => name === client) ||
        feature.startsWith(TRANSACTIONS),
    );
    const { lines, failed } = values.broker === "kafka"
      ? { lines: parLines(par), failed: 0 }
      : reportLines(cells, par, suites);
    if (values.markdown) {
      for (const line of matrixLines(cells, par)) console.log(line);
    }
    for (const line of lines) console.log(line);
    return failed === 0 ? 0 : 1;
  } finally {
    if (values.keep) say(`The work directory is ${work}`);
    else await Deno.remove(work, { recursive: true });
  }
}

/** Kafka's column alone. */
function parLines(par: Par): string[] {
  return Object.entries(par.cells).flatMap(([client, features]) =>
    Object.entries(features).map(([feature, outcome]) =>
      `${client}: ${feature}: ${outcome}`
    )
  );
}

Deno.exit(await main());
