// What the features of groups of kcat and Java's tools share: topics with numbered
// records, and waiting for what must come.

import type { JavaTools } from "./java_client.ts";
import type { Cell } from "./suite.ts";

const SETTLE_TIMEOUT_MS = 80_000;
const SETTLE_PAUSE_MS = 100;

/** What the features of one run have at hand. */
export interface GroupRun {
  readonly bootstrap: string;
  /** Makes topics and fills them, whoever reads them. */
  readonly tools: JavaTools;
  /** Runs one feature: what it throws is its cell. */
  feature(
    client: string,
    name: string,
    check: () => Promise<void>,
  ): Promise<void>;
}

/** Runs features, each of which becomes a cell. */
export function featuresInto(
  cells: Cell[],
  progress: (text: string) => void,
): GroupRun["feature"] {
  return async (client, feature, check) => {
    try {
      await check();
      cells.push({ client, feature, outcome: "pass", reason: "" });
    } catch (error) {
      const text = (error as Error).message.replaceAll(/\s+/g, " ");
      const reason = text.slice(0, 300);
      cells.push({ client, feature, outcome: "fail", reason });
      progress(`  fail ${feature}: ${reason}`);
    }
  };
}

/** Asks until the answer is what it must become; fails with the last one. */
export async function until<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  what: string,
): Promise<T> {
  const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > deadlineMs) {
      throw new Error(`${what} stays ${JSON.stringify(answer)}`.slice(-280));
    }
    await new Promise((done) => setTimeout(done, SETTLE_PAUSE_MS));
  }
}

/** Fails with both where two values are not the same. */
export function same(got: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left}, expected ${right}`);
}

/** Makes a topic with as many partitions as it has counts, filled with numbers from 0 on. */
export async function makeTopic(
  { tools, bootstrap }: GroupRun,
  topic: string,
  partitions: number,
): Promise<void> {
  await tools.run("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", bootstrap, "--create", "--topic", topic],
    ...["--partitions", String(partitions), "--config", "retention.ms=-1"],
  ]);
}

/** Writes the numbers `first` … `first + count - 1` into one partition. */
export async function fill(
  { tools, bootstrap }: GroupRun,
  topic: string,
  partition: number,
  { first = 0, count, timestampMs = Date.now() }: {
    readonly first?: number;
    readonly count: number;
    readonly timestampMs?: number;
  },
): Promise<void> {
  const numbers = [partition, first, count, timestampMs].map(String);
  await tools.run("JavaTools$Fill", [bootstrap, topic, ...numbers]);
}
