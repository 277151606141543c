// Shards of any content: here counts by name, which transactions may raise.

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { type Host, sleep } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import { openTestLogs, testTopicConfig } from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { partitionOfKey } from "./key_hash.ts";
import type { Shard } from "./shard.ts";
import { ShardBatch, writeRecord } from "./shard_batch.ts";
import type { ShardContent } from "./shard_content.ts";
import type { ShardLog } from "./shard_log.ts";
import { Shards } from "./shards.ts";

const PARTITION_COUNT = 3;

class Counts {
  readonly byName = new Map<string, number>();
  readonly held = new Map<number, string[]>();
  isAbandoned = false;

  add(name: string): void {
    this.byName.set(name, (this.byName.get(name) ?? 0) + 1);
  }
}

/** A record is a name, which counts once more. */
const content: ShardContent<Counts, string> = {
  name: "counts",
  newState: () => new Counts(),
  count: ({ byName }) => byName.size,
  apply: (state, name, transaction) => {
    if (transaction === null) return state.add(name);
    const held = state.held.get(transaction.producerId) ?? [];
    state.held.set(transaction.producerId, [...held, name]);
  },
  endTransaction: (state, producerId, isCommit) => {
    const held = state.held.get(producerId) ?? [];
    state.held.delete(producerId);
    if (isCommit) held.forEach((name) => state.add(name));
  },
  encode: (() => {
    const batches = new ShardBatch<string>((writer, name, offsetDelta) =>
      writeRecord(writer, encodeUtf8(name), null, offsetDelta)
    );
    return (...all) => batches.encode(...all);
  })(),
  decode: (key) => decodeUtf8(key),
  abandon: (state) => {
    state.isAbandoned = true;
  },
};

interface Test {
  readonly host: Host;
  readonly shards: Shards<Counts, string>;
  readonly loaded: Shard<Counts, string>[];
  readonly lines: string[];
  readonly logs: readonly ShardLog[];
}

function logOf(logDirs: LogDirs, partition: number): ShardLog {
  const config = testTopicConfig();
  const log = logDirs.log("c", partition) ?? logDirs.createLog({
    topic: "c",
    partition,
    topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    config,
  });
  return {
    partition,
    name: log.name,
    leaderEpoch: 4,
    log,
    append: (batch, nowMs) => {
      log.append(batch, {
        leaderEpoch: 4,
        nowMs,
        origin: "coordinator",
        isOwnWork: true,
      });
      return null;
    },
    committed: () => null,
  };
}

async function withShards(
  seed: number,
  run: (test: Test) => Promise<void> | void,
): Promise<void> {
  const sim = simHost(seed);
  await sim.run(async () => {
    const { host } = sim;
    const logDirs = await openTestLogs(host, {
      topicConfig: testTopicConfig(),
    });
    const loaded: Shard<Counts, string>[] = [];
    const lines: string[] = [];
    const shards = new Shards({
      host,
      content,
      partitionCount: () => PARTITION_COUNT,
      loadBufferBytes: () => 100,
      onLoaded: (shard) => loaded.push(shard),
      trace: (line) => lines.push(line),
    });
    const logs = [0, 1, 2].map((partition) => logOf(logDirs, partition));
    await run({ host, shards, loaded, lines, logs });
    shards.close();
    await logDirs.close({ brokerEpoch: 1 });
  });
}

const named = (name: string) => (error: unknown) =>
  error instanceof KafkaError && error.errorName === name;

Deno.test("a key is looked after where its partition is led, while it is led there", async () => {
  await withShards(860, async ({ shards, logs, loaded }) => {
    throws(() => shards.shardOf("a"), named("NOT_COORDINATOR"));
    const partition = partitionOfKey("a", PARTITION_COUNT);
    strictEqual(shards.partitionOf("a"), partition);
    await shards.lead(logs[partition]);
    shards.shardOf("a").append(["a"]);
    const loading = shards.lead(logs[partition]);
    throws(() => shards.shardOf("a"), named("COORDINATOR_LOAD_IN_PROGRESS"));
    await loading;
    const shard = shards.shardOf("a");
    strictEqual(loaded[1], shard);
    strictEqual(shard.leaderEpoch, 4);
    deepStrictEqual([...shards.all()], [shard]);
    shards.resign(partition);
    ok(shard.state.isAbandoned);
    throws(() => shards.shardOf("a"), named("NOT_COORDINATOR"));
    throws(() => shard.append(["a"]), named("NOT_COORDINATOR"));
    shards.close();
    await shards.lead(logs[partition]);
    strictEqual(shards.find(partition), undefined, "it is closed");
  });
});

Deno.test("what is decided is in the state, and in that of whoever leads next", async () => {
  await withShards(861, async ({ shards, logs, lines }) => {
    await shards.lead(logs[0]);
    const first = shards.find(0)!;
    for (let i = 0; i < 20; i++) {
      strictEqual(
        first.run(({ byName }) => ({
          records: ["a", i % 2 === 0 ? "b" : "c"],
          response: byName.get("a") ?? 0,
        })),
        i,
      );
    }
    const transaction = { producerId: 1, producerEpoch: 0 };
    first.run(() => ({ records: ["d"], transaction, response: null }));
    strictEqual(first.state.byName.get("d"), undefined);
    await shards.lead(logs[0]);
    const second = shards.find(0)!;
    ok(first !== second);
    deepStrictEqual(second.state.byName, first.state.byName);
    deepStrictEqual(second.state.held, new Map([[1, ["d"]]]));
    ok(
      lines.some((line) => line.startsWith("Loaded 3 counts from 41 records")),
    );
    second.endTransaction(1, true);
    strictEqual(second.state.byName.get("d"), 1);
    first.endTransaction(1, true);
    strictEqual(first.state.byName.get("d"), undefined, "it leads no more");
  });
});

Deno.test("a shard is abandoned where its append may be lost, and read anew", async () => {
  await withShards(862, async ({ host, shards, logs }) => {
    let isLost = false;
    await shards.lead({
      ...logs[0],
      append: (...given) => {
        logs[0].append(...given);
        return isLost
          ? sleep(host.clock, 10).then(() => {
            throw new KafkaError("NOT_ENOUGH_REPLICAS_AFTER_APPEND");
          })
          : null;
      },
    });
    const shard = shards.find(0)!;
    shard.append(["a"]);
    isLost = true;
    shard.append(["a"]);
    const told = await new Promise<KafkaError | null>((tell) =>
      shard.whenDurable(tell)
    );
    strictEqual(told?.errorName, "COORDINATOR_NOT_AVAILABLE");
    ok(shard.state.isAbandoned);
    throws(() => shard.assertActive(), named("COORDINATOR_NOT_AVAILABLE"));
    await sleep(host.clock, 200);
    const again = shards.find(0)!;
    ok(again !== shard && again.isActive);
    strictEqual(again.state.byName.get("a"), 2);
  });
});

Deno.test("partitionOfKey() finds what Java's brokers find", () => {
  // Its hash is the least number, which has no absolute value.
  strictEqual(partitionOfKey("polygenelubricants", 50), 0);
  strictEqual(partitionOfKey("golden-transactions", 50), 27);
  strictEqual(partitionOfKey("", 50), 0);
});
