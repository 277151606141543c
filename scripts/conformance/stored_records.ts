// Sends the same bytes to kq and to Apache Kafka, and compares what each
// answers, what it stored, and what it gives to clients of magic 0 and 1: see
// scripts/conformance/records.

import { decodeUtf8 } from "../../core/base/bytes.ts";
import { createAdmin } from "../../core/client/admin.ts";
import { compressions } from "../../core/compress/codecs.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import {
  readBatchHeader,
  type Record as KafkaRecord,
} from "../../core/record/record_batch.ts";
import { readMessage } from "../../core/record/message_set.ts";
import {
  batchesIn,
  type BatchSpan,
  recordsOfBatch,
} from "../../core/record/record_stream.ts";
import { KafkaConnection } from "../../core/rpc/client.ts";
import { exchange } from "../../core/rpc/exchange.ts";
import { errorByCode } from "../../core/wire/kafka/errors.ts";
import {
  fetchRequest,
  fetchResponse,
} from "../../core/wire/kafka/messages/fetch.ts";
import {
  produceRequest,
  produceResponse,
} from "../../core/wire/kafka/messages/produce.ts";
import {
  freePort,
  type RunningBroker,
  startKafka,
  startKq,
} from "./brokers.ts";
import { countDumped } from "./dumped_records.ts";
import { type RecordCase, recordCases } from "./record_cases.ts";

const PRODUCE = exchange(produceRequest, produceResponse);
const FETCH = exchange(fetchRequest, fetchResponse);
/** Of the last client for magic 0, 1 and 2. */
const FETCH_VERSIONS = [1, 3, 11];
const NOT_YET = ["NOT_LEADER_OR_FOLLOWER", "UNKNOWN_TOPIC_OR_PARTITION"];
/** A new topic takes its time to have a leader. */
const TRIES = 100;
const RECORD_LIMIT = "within [";

const host = denoHost();
const startedMs = Date.now();

/** Times that the broker set differ from run to run. */
function time(ms: number): string | number {
  return ms >= startedMs ? "now" : ms;
}

function recordLine(record: KafkaRecord): string {
  const text = (bytes: Uint8Array | null) =>
    bytes === null ? "null" : decodeUtf8(bytes);
  const headers = record.headers.map(({ key, value }) =>
    `${key}=${text(value)}`
  );
  return [
    record.offset,
    time(record.timestampMs),
    text(record.key),
    text(record.value),
    ...headers,
  ].join(" ");
}

function readLines(bytes: Uint8Array, span: BatchSpan): string[] {
  try {
    return recordsOfBatch(bytes, span).map(recordLine);
  } catch (error) {
    return [`unreadable: ${(error as Error).message}`];
  }
}

/** What stands in an answer to a fetch, sizes left out: no two codecs pack alike. */
function describeBatches(bytes: Uint8Array): string[] {
  return [...batchesIn(bytes)].flatMap((span) => {
    const { position, magic } = span;
    const lines = readLines(bytes, span);
    if (magic < 2) {
      const message = readMessage(bytes, position);
      return [
        `magic ${magic} attributes ${message.attributes} at ${message.offset}` +
        ` time ${time(message.timestampMs)}`,
        ...lines,
      ];
    }
    const header = readBatchHeader(bytes, position);
    return [
      `magic 2 ${compressions[header.compressionId].name} ` +
      `${header.timestampType} ${header.baseOffset} to ${header.lastOffset} ` +
      `count ${header.recordCount} base ${time(header.baseTimestampMs)} ` +
      `max ${
        time(header.maxTimestampMs)
      } epoch ${header.partitionLeaderEpoch} ` +
      `attributes ${header.attributes}`,
      ...lines,
    ];
  });
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, 20));
}

async function fetchAs(
  connection: KafkaConnection,
  topic: string,
  version: number,
): Promise<string[]> {
  for (let tries = 0;; tries++) {
    const answer = await connection.sendAs(FETCH, version, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{
        topic,
        partitions: [{
          partition: 0,
          fetchOffset: 0,
          partitionMaxBytes: 1_000_000,
        }],
      }],
    });
    const { errorCode, records } = answer.responses[0].partitions[0];
    const { name } = errorByCode(errorCode);
    if (NOT_YET.includes(name) && tries < TRIES) {
      await pause();
      continue;
    }
    if (errorCode !== 0) return [`fetch: ${name}`];
    return records instanceof Uint8Array ? describeBatches(records) : [];
  }
}

/** Waits for the leader of a topic that is new. */
async function produceOnce(
  connection: KafkaConnection,
  topic: string,
  version: number,
  bytes: Uint8Array,
) {
  for (let tries = 0;; tries++) {
    const produced = await connection.sendAs(PRODUCE, version, {
      acks: 1,
      timeoutMs: 10_000,
      topicData: [{
        name: topic,
        partitionData: [{ index: 0, records: bytes.slice() }],
      }],
    }, { timeoutMs: 15_000 });
    const answer = produced.responses[0].partitionResponses[0];
    const { name } = errorByCode(answer.errorCode);
    if (!NOT_YET.includes(name) || tries === TRIES) return answer;
    await pause();
  }
}

/** All that can be seen of one case on one broker, a line a thing. */
async function observe(
  connection: KafkaConnection,
  topic: string,
  { bytes, version }: RecordCase,
): Promise<string[]> {
  let answer;
  try {
    answer = await produceOnce(connection, topic, version, bytes);
  } catch (error) {
    return [`no answer: ${(error as { errorName?: string }).errorName}`];
  }

  const lines = [
    `${errorByCode(answer.errorCode).name} base ${answer.baseOffset}` +
    ` time ${time(answer.logAppendTimeMs)} start ${answer.logStartOffset}`,
    ...(answer.recordErrors ?? []).map((each) =>
      `record ${each.batchIndex}: ${withoutTimes(each.batchIndexErrorMessage)}`
    ),
  ];
  for (const each of FETCH_VERSIONS) {
    lines.push(...await fetchAs(connection, topic, each));
  }
  return lines;
}

/** The range depends on the moment, the topic on the run; Java shows its objects. */
function withoutTimes(message: string | null): string {
  const text = (message ?? "")
    .replace(/ in topic partition \S+/, "")
    .replace(/ message \w+\(.*\)\./, " message.");
  const at = text.indexOf(RECORD_LIMIT);
  return at < 0 ? text : text.slice(0, at);
}

async function observeAll(broker: RunningBroker): Promise<string[][]> {
  const admin = createAdmin(host, {
    "bootstrap.servers": `127.0.0.1:${broker.port}`,
  });
  const connection = await KafkaConnection.open(
    host,
    { host: "127.0.0.1", port: broker.port },
    { clientId: "cases" },
  );
  const seen: string[][] = [];
  for (const [i, each] of recordCases.entries()) {
    const [created] = await admin.createTopics([{
      name: `case-${i}`,
      partitionCount: 1,
      replicationFactor: 1,
      configs: each.config,
    }]);
    if (created.error !== null) throw created.error;
    seen.push(await observe(connection, `case-${i}`, each));
  }
  connection.close();
  admin.close();
  return seen;
}

/** Whether Java finds in kq's files what kq says is there; gives the cases where it does not. */
async function unreadToJava(
  directory: string,
  seen: readonly (readonly string[])[],
): Promise<string[]> {
  const dumped = await countDumped(directory);
  return recordCases.filter((_, i) => {
    const stored = seen[i].join("\n").match(/^magic 2 .* count (\d+)/m);
    return dumped.get(`case-${i}`) !== Number(stored?.[1] ?? 0);
  }).map(({ name }) => name);
}

function report(kq: string[][], kafka: string[][]): number {
  let surprises = 0;
  recordCases.forEach(({ name, differs }, i) => {
    const [ours, theirs] = [kq[i].join("\n"), kafka[i].join("\n")];
    const isAlike = ours === theirs;
    const isExpected = isAlike === (differs === undefined);
    if (!isExpected) surprises++;
    if (isExpected && !Deno.args.includes("--all")) return;
    console.log(
      `${isExpected ? "ok  " : "FAIL"} ${name}: ${
        isAlike ? `alike, ${kq[i][0]}` : differs ?? "differs"
      }`,
    );
    if (isAlike) return;
    const lines = (mine: string[], other: string[]) =>
      mine.filter((line) => !other.includes(line)).slice(0, 4);
    for (const line of lines(kq[i], kafka[i])) {
      console.log(`     kq     ${line}`);
    }
    for (const line of lines(kafka[i], kq[i])) {
      console.log(`     kafka  ${line}`);
    }
  });
  return surprises;
}

const work = await Deno.makeTempDir({ prefix: "kq-records-" });
const brokers: RunningBroker[] = [];
try {
  for (const start of [startKq, startKafka]) {
    brokers.push(await start({ work, port: freePort(), settings: {} }));
  }
  const [kq, kafka] = [
    await observeAll(brokers[0]),
    await observeAll(brokers[1]),
  ];
  const surprises = report(kq, kafka);
  const known = recordCases.filter(({ differs }) => differs !== undefined);
  console.log(
    `${recordCases.length} cases, ${surprises} not as expected; kq means to differ in ${known.length}`,
  );
  const unread = await unreadToJava(brokers[0].dataDirectory, kq);
  for (const name of unread) console.log(`FAIL ${name}: Java does not read it`);
  console.log(
    `DumpLogSegments finds all records of kq in ${
      recordCases.length - unread.length
    } topics`,
  );
  if (surprises + unread.length > 0) Deno.exitCode = 1;
} finally {
  for (const broker of brokers) await broker.stop();
  await Deno.remove(work, { recursive: true });
}
