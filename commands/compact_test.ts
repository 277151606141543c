// kq compact and kq compact status, against a broker in this process.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { run } from "../core/cli/run.ts";
import {
  startTestBroker,
  type TestBroker,
} from "../core/testing/command_world.ts";
import { FakeCluster } from "../core/testing/fake_broker.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { simHost } from "../core/testing/sim_host.ts";
import { commands } from "./mod.ts";

async function withBroker(
  use: (broker: TestBroker, directory: string) => Promise<void>,
  overrides: readonly string[] = [],
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-compact-" });
  const broker = await startTestBroker(
    `${directory}/data`,
    overrides.flatMap((override) => ["--override", override]),
  );
  try {
    await use(broker, `${directory}/data`);
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function printed(
  broker: TestBroker,
  words: string,
  stdin?: string,
): Promise<string> {
  const { exitCode, stdout, stderr } = await broker.kq(words.split(" "), {
    stdin,
  });
  equal(exitCode, 0, `${words}: ${stderr}`);
  return stdout;
}

/** Updates of a few keys, as `kq produce` reads them. */
function updates(count: number, keyCount = 5): string {
  return Array.from(
    { length: count },
    (_, i) => JSON.stringify({ key: `k${i % keyCount}`, value: `v${i}` }),
  ).join("\n");
}

Deno.test("compact compacts now, and says what became of it", () =>
  withBroker(async (broker) => {
    await printed(broker, "topic create t -c cleanup.policy=compact");
    await printed(broker, "produce t -i ndjson", updates(100));
    const [before] = JSON.parse(
      await printed(broker, "compact status t -o json"),
    );
    equal(before.state, "idle");
    equal(before.lastRun, null);
    const [row] = JSON.parse(await printed(broker, "compact t -o json"));
    equal(row.topic, "t");
    equal(row.recordsBefore, 100);
    equal(row.recordsAfter, 5);
    ok(row.bytesAfter < row.bytesBefore);
    const left = await printed(broker, "consume t -s earliest --until-end");
    deepEqual(left.trim().split("\n"), ["v95", "v96", "v97", "v98", "v99"]);
    const [after] = JSON.parse(
      await printed(broker, "compact status t -o json"),
    );
    equal(after.recordsAfter, 5);
    equal(after.dirtyRatio, 0);
    ok(Date.parse(after.lastRun) > 0);
    const table = await printed(broker, "compact status");
    match(table, /^TOPIC +PARTITION +STATE +DIRTY RATIO.*\nt +0 +idle +0 /);
    // Once more, with nothing to do.
    const [again] = JSON.parse(await printed(broker, "compact t:0 -o json"));
    deepEqual([again.recordsBefore, again.recordsAfter], [5, 5]);
  }));

Deno.test("compact refuses what is not compacted, and names what is not there", () =>
  withBroker(async (broker) => {
    await printed(broker, "topic create plain");
    const plain = await broker.kq(["compact", "plain"]);
    equal(plain.exitCode, 3);
    match(plain.stderr, /plain:0: .*cleanup\.policy is "delete"/);
    equal((await broker.kq(["compact", "none"])).exitCode, 4);
    equal((await broker.kq(["compact", "plain:7"])).exitCode, 4);
    equal((await broker.kq(["compact"])).exitCode, 2);
    equal(await printed(broker, "compact status -o json"), "[]\n");
  }));

Deno.test("compact says that it goes on where it is not waited for", () =>
  withBroker(async (broker) => {
    await printed(broker, "topic create t -c cleanup.policy=compact");
    await printed(broker, "produce t -i ndjson", updates(2000));
    const { exitCode, stderr } = await broker.kq(
      ["compact", "t", "--for", "300ms"],
    );
    equal(exitCode, 5);
    match(stderr, /0 of 1 partitions compacted.*after 0\.3 s; it goes on/);
    // The rate is read anew while the cleaner waits for it.
    await printed(
      broker,
      "config set broker default log.cleaner.io.max.bytes.per.second=1e9",
    );
    await printed(broker, "compact t --for 20s");
  }, ["log.cleaner.io.max.bytes.per.second=100"]));

Deno.test("a damaged partition is set aside, shown, and told of by compact", () =>
  withBroker(async (broker, directory) => {
    await printed(broker, "topic create t -c cleanup.policy=compact");
    await printed(broker, "produce t -i ndjson", updates(100));
    const path = `${directory}/t-0/${"0".repeat(20)}.log`;
    const bytes = await Deno.readFile(path);
    bytes[90] ^= 1;
    await Deno.writeFile(path, bytes);
    const { exitCode, stderr } = await broker.kq(["compact", "t"]);
    equal(exitCode, 1);
    match(stderr, /^kq compact: t:0: .*0{20}\.log/);
    const [row] = JSON.parse(
      await printed(broker, "compact status --uncleanable -o json"),
    );
    equal(row.state, "uncleanable");
    match(row.reason, /0{20}\.log/);
    match(broker.process.stderr, /Cannot compact t-0: .*it is left as it is/);
  }));

Deno.test("committed offsets are there after their topic was compacted", () =>
  withBroker(async (broker, directory) => {
    await printed(broker, "topic create t");
    await printed(broker, "produce t -i ndjson", updates(50));
    for (let offset = 1; offset <= 20; offset++) {
      await printed(broker, `offset seek g t:0 ${offset} --execute`);
      await printed(broker, `offset seek gone t:0 ${offset} --execute`);
    }
    await printed(broker, "group delete gone --yes");
    const rows = JSON.parse(
      await printed(broker, "compact __consumer_offsets -o json"),
    ) as { recordsBefore: number; recordsAfter: number }[];
    const total = (field: "recordsBefore" | "recordsAfter") =>
      rows.reduce((sum, row) => sum + (row[field] ?? 0), 0);
    ok(total("recordsBefore") >= 40, `${total("recordsBefore")} before`);
    ok(total("recordsAfter") <= 6, `${total("recordsAfter")} after`);
    await broker.stop();
    const next = await startTestBroker(directory, []);
    const [row] = JSON.parse(await printed(next, "offset list g -o json"));
    equal(row.offset, 20);
    equal(await printed(next, "group list -o name"), "g\n");
    await next.stop();
  }, ["offsets.topic.num.partitions=3"]));

Deno.test("a broker that is not kq's is said to be none, with exit code 3", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const cluster = new FakeCluster(sim, 1);
    await cluster.start();
    cluster.state.createTopic("t", 1);
    for (const words of [["compact", "t"], ["compact", "status", "t"]]) {
      const process = new FakeProcess();
      const exitCode = await run(
        [...words, "-b", cluster.bootstrap],
        { host: sim.host, process, table: commands },
      );
      equal(exitCode, 3);
      match(process.stderr, /^kq compact.*no broker of kq.*\n$/);
    }
  });
});
