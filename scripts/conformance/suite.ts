// The features, and what each asks of a client. First all clients write, then all
// read what all have written.

import {
  type Client,
  type ClientKind,
  type OperationName,
  type TextRecord,
  UnavailableError,
  UnsupportedError,
} from "./client.ts";
import { runGroupFeatures } from "./group_suite.ts";
import { runMixedGroup } from "./mixed_group.ts";
import { WorkerClient } from "./worker_client.ts";
import {
  COMPRESSIONS,
  difference,
  largeRecords,
  plainRecords,
  shapedRecords,
} from "./dataset.ts";

export type Outcome = "pass" | "fail" | "skip";

/** One cell of the table. */
export interface Cell {
  readonly client: string;
  readonly feature: string;
  readonly outcome: Outcome;
  /** Why it failed or was skipped; empty where it passed. */
  readonly reason: string;
}

interface OpenClient {
  readonly kind: ClientKind;
  readonly client: Client;
  /** The name, fit for a topic. */
  readonly slug: string;
}

/** A topic that a client has filled. */
interface Written {
  readonly writer: string;
  /** Which topics are read together. */
  readonly group: string;
  readonly topic: string;
  readonly records: readonly TextRecord[];
}

const PERF_RECORDS = 5000;
/** Some answers follow their request only after a while, as in Kafka. */
const SETTLE_TRIES = 40;
const SETTLE_PAUSE_MS = 100;

function expectEqual(got: unknown, wanted: unknown, what: string): void {
  if (got !== wanted) throw new Error(`${what} is ${got}, expected ${wanted}`);
}

/** Asks again until the answer is what it must become. */
async function settles<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  what: string,
): Promise<void> {
  let answer: T;
  let tries = 0;
  do {
    if (tries > 0) {
      await new Promise((done) => setTimeout(done, SETTLE_PAUSE_MS));
    }
    answer = await ask();
  } while (!isRight(answer) && ++tries < SETTLE_TRIES);
  if (!isRight(answer)) throw new Error(`${what} stays ${answer}`);
}

/** Runs all features on one broker. */
export class Suite {
  readonly cells: Cell[] = [];
  readonly #open: OpenClient[] = [];
  readonly #written: Written[] = [];
  readonly #progress: (text: string) => void;
  #timesTopic: { topic: string; secondHalfMs: number } | null = null;

  constructor(progress: (text: string) => void) {
    this.#progress = progress;
  }

  async run(kinds: readonly ClientKind[], bootstrap: string): Promise<void> {
    for (const kind of kinds) await this.#openClient(kind, bootstrap);
    try {
      for (const each of this.#open) await this.#writeAll(each);
      for (const each of this.#open) await this.#administrate(each);
      await this.#writeTimes();
      for (const each of this.#open) await this.#readAll(each);
      await this.#shareAll(bootstrap);
    } finally {
      for (const { client } of this.#open) await client.close();
    }
  }

  async #openClient(kind: ClientKind, bootstrap: string): Promise<void> {
    this.#progress(`opening ${kind.name}`);
    try {
      const client = await kind.open(bootstrap);
      const slug = kind.name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
      this.#open.push({ kind, client, slug });
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#add(kind.name, "everything", "skip", error.message);
    }
  }

  #add(client: string, feature: string, outcome: Outcome, reason = ""): void {
    this.cells.push({ client, feature, outcome, reason });
    if (outcome !== "pass") {
      this.#progress(`  ${outcome} ${feature}: ${reason}`);
    }
  }

  /** One feature: what `check` throws is the cell. */
  async #feature(
    { kind }: OpenClient,
    name: string,
    operation: OperationName,
    check: () => Promise<void>,
  ): Promise<boolean> {
    const tool = kind.tools?.[operation];
    const feature = tool === undefined ? name : `${name} (${tool})`;
    try {
      await check();
      this.#add(kind.name, feature, "pass");
      return true;
    } catch (error) {
      const isSkip = error instanceof UnsupportedError;
      const text = (error as Error).message.replaceAll(/\s+/g, " ");
      this.#add(
        kind.name,
        feature,
        isSkip ? "skip" : "fail",
        text.slice(0, 300),
      );
      return false;
    }
  }

  /** Reads a topic back with the first client that can. */
  async #verify(
    topic: string,
    records: readonly TextRecord[],
  ): Promise<void> {
    const source = { topic, partition: 0, offset: 0, count: records.length };
    for (const { client } of this.#open) {
      try {
        const [read] = await client.call("consume", { sources: [source] });
        const found = difference(read, records);
        if (found !== null) throw new Error(`read back: ${found}`);
        return;
      } catch (error) {
        if (!(error instanceof UnsupportedError)) throw error;
      }
    }
    throw new UnsupportedError("no client here can read it back");
  }

  async #write(
    each: OpenClient,
    feature: string,
    group: string,
    records: readonly TextRecord[],
    settings: {
      readonly compression?: string;
      readonly acks?: "0" | "1" | "all";
      readonly isIdempotent?: boolean;
    } = {},
  ): Promise<void> {
    const topic = `${each.slug}-${group.replaceAll(" ", "-")}`;
    const passed = await this.#feature(each, feature, "produce", async () => {
      await each.client.call("produce", {
        topic,
        records,
        compression: settings.compression ?? "none",
        acks: settings.acks ?? "all",
        isIdempotent: settings.isIdempotent ?? false,
      });
      await this.#verify(topic, records);
    });
    if (!passed) return;
    this.#written.push({ writer: each.kind.name, group, topic, records });
  }

  async #writeAll(each: OpenClient): Promise<void> {
    this.#progress(`${each.kind.name} writes`);
    for (const compression of COMPRESSIONS) {
      const feature = `produce ${compression}`;
      await this.#write(each, feature, compression, plainRecords, {
        compression,
      });
    }
    await this.#write(
      each,
      "produce null keys, tombstones, headers, unicode, empty values",
      "shapes",
      shapedRecords,
    );
    await this.#write(each, "produce 10 MiB", "10 MiB", largeRecords);
    for (const acks of ["0", "1"] as const) {
      const feature = `produce with acks=${acks}`;
      await this.#write(each, feature, `acks ${acks}`, plainRecords, { acks });
    }
    await this.#write(
      each,
      "produce idempotently",
      "idempotent",
      plainRecords,
      {
        isIdempotent: true,
      },
    );
    if (each.kind.tools?.perfProduce === undefined) return;
    await this.#feature(each, "benchmark", "perfProduce", async () => {
      const count = await each.client.call("perfProduce", {
        topic: `${each.slug}-perf`,
        count: PERF_RECORDS,
      });
      expectEqual(count, PERF_RECORDS, "record count");
    });
  }

  async #administrate(each: OpenClient): Promise<void> {
    const { client, slug } = each;
    const topic = `${slug}-admin`;
    this.#progress(`${each.kind.name} administrates`);
    const canCreate = await this.#feature(
      each,
      "create a topic",
      "createTopic",
      async () => {
        await client.call("createTopic", {
          topic,
          partitions: 2,
          config: { "retention.ms": "86400000" },
        });
      },
    );
    const known = canCreate ? topic : `${slug}-none`;
    await this.#feature(each, "list topics", "listTopics", () =>
      settles(
        () => client.call("listTopics", {}),
        (names) => names.includes(known),
        "the list",
      ));
    await this.#feature(
      each,
      "describe a topic",
      "partitionCount",
      () =>
        settles(
          () => client.call("partitionCount", { topic: known }),
          (count) => count === (canCreate ? 2 : 1),
          "the number of partitions",
        ),
    );
    if (canCreate) await this.#changeTopic(each, topic);
    await this.#deleteRecords(each);
  }

  async #deleteRecords(each: OpenClient): Promise<void> {
    const { client } = each;
    const topic = `${each.slug}-trim`;
    await this.#feature(each, "delete records", "deleteRecords", async () => {
      await client.call("produce", {
        topic,
        records: plainRecords,
        compression: "none",
        acks: "all",
        isIdempotent: false,
      });
      await client.call("deleteRecords", { topic, before: 25 });
      const offsets = await client.call("offsets", { topic });
      expectEqual(offsets.earliest, 25, "the earliest offset");
      expectEqual(offsets.latest, 40, "the latest offset");
    });
  }

  async #changeTopic(each: OpenClient, topic: string): Promise<void> {
    const { client } = each;
    await this.#feature(
      each,
      "refuse a topic twice",
      "createTopic",
      async () => {
        const error: Error | null = await client
          .call("createTopic", { topic, partitions: 1, config: {} })
          .then(() => null, (error) => error);
        if (!/exist/i.test(error?.message ?? "")) {
          throw new Error(`the answer is ${error?.message ?? "no error"}`);
        }
      },
    );
    await this.#feature(each, "read a config", "getConfig", async () => {
      const value = await client.call("getConfig", {
        topic,
        key: "retention.ms",
      });
      expectEqual(String(value), "86400000", "retention.ms");
    });
    await this.#feature(each, "change a config", "setConfig", async () => {
      const key = "retention.ms";
      await client.call("setConfig", { topic, key, value: "3600000" });
      await settles(
        () => client.call("getConfig", { topic, key }),
        (value) => String(value) === "3600000",
        key,
      );
    });
    await this.#feature(each, "add partitions", "addPartitions", async () => {
      await client.call("addPartitions", { topic, total: 4 });
      await settles(
        () => client.call("partitionCount", { topic }),
        (count) => count === 4,
        "the number of partitions",
      );
    });
    await this.#feature(each, "delete a topic", "deleteTopic", async () => {
      await client.call("deleteTopic", { topic });
      await settles(
        () => client.call("listTopics", {}),
        (names) => !names.includes(topic),
        "the list",
      );
    });
  }

  /** A topic whose second half is later than its first, to look up times in. */
  async #writeTimes(): Promise<void> {
    const topic = "times";
    const half = plainRecords.length / 2;
    for (const { client } of this.#open) {
      try {
        const settings = {
          topic,
          compression: "none",
          acks: "all",
          isIdempotent: false,
        } as const;
        const parts = [plainRecords.slice(0, half), plainRecords.slice(half)];
        for (const records of parts) {
          await client.call("produce", { ...settings, records });
          await new Promise((done) => setTimeout(done, 50));
        }
        const source = { topic, partition: 0, offset: half, count: 1 };
        const [[record]] = await client.call("consume", { sources: [source] });
        this.#timesTopic = { topic, secondHalfMs: record.timestampMs };
        return;
      } catch {
        // The next client tries; a topic filled twice would spoil the offsets.
        if (this.#timesTopic !== null) return;
      }
    }
  }

  async #readAll(each: OpenClient): Promise<void> {
    this.#progress(`${each.kind.name} reads`);
    for (const compression of COMPRESSIONS) {
      await this.#read(each, `consume ${compression}`, compression);
    }
    await this.#read(
      each,
      "consume null keys, tombstones, headers, unicode, empty values",
      "shapes",
    );
    await this.#read(each, "consume 10 MiB", "10 MiB");
    const own = this.#written.find(({ group }) => group === "gzip");
    if (own !== undefined) {
      await this.#feature(
        each,
        "consume from an offset",
        "consume",
        async () => {
          const source = {
            topic: own.topic,
            partition: 0,
            offset: 33,
            count: 7,
          };
          const [read] = await each.client.call("consume", {
            sources: [source],
          });
          const found = difference(read, own.records.slice(33), 33);
          if (found !== null) throw new Error(found);
        },
      );
      await this.#feature(
        each,
        "first and last offset",
        "offsets",
        async () => {
          const { topic } = own;
          const { earliest, latest } = await each.client.call("offsets", {
            topic,
          });
          expectEqual(earliest, 0, "the earliest offset");
          expectEqual(latest, own.records.length, "the latest offset");
        },
      );
    }
    const times = this.#timesTopic;
    if (times === null) return;
    await this.#feature(
      each,
      "offset for a time",
      "offsetForTime",
      async () => {
        const half = plainRecords.length / 2;
        const offset = await each.client.call("offsetForTime", {
          topic: times.topic,
          timestampMs: times.secondHalfMs,
        });
        expectEqual(offset, half, "the offset");
      },
    );
  }

  /** Groups, of all clients at once. */
  async #shareAll(bootstrap: string): Promise<void> {
    this.#progress("all share topics in groups");
    const clients = this.#open.flatMap(({ kind: { name }, client }) =>
      client instanceof WorkerClient ? [{ name, client }] : []
    );
    const options = { bootstrap, clients, progress: this.#progress };
    this.cells.push(...await runGroupFeatures(options));
    this.cells.push(...await runMixedGroup(options));
  }

  /** Reads what every client wrote of a group, in one call. */
  async #read(each: OpenClient, feature: string, group: string): Promise<void> {
    const written = this.#written.filter((row) => row.group === group);
    if (written.length === 0) return;
    await this.#feature(each, feature, "consume", async () => {
      const all = await each.client.call("consume", {
        sources: written.map(({ topic, records }) => ({
          topic,
          partition: 0,
          offset: 0,
          count: records.length,
        })),
      });
      const problems = written.flatMap(({ writer, records }, i) => {
        const found = difference(all[i], records);
        return found === null ? [] : [`from ${writer}: ${found}`];
      });
      if (problems.length > 0) throw new Error(problems.join("; "));
    });
  }
}
