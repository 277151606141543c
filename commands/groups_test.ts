// Groups and their offsets, as whole command lines against a broker in this
// process.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createGroupConsumer } from "../core/client/group_consumer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import {
  startTestBroker,
  type TestBroker,
} from "../core/testing/command_world.ts";

interface Scene {
  readonly broker: TestBroker;
  readonly directory: string;
  /** Standard output of a command that has to succeed. */
  kq(argv: string, stdin?: string): Promise<string>;
  /** Rows of a command that has to succeed. */
  // deno-lint-ignore no-explicit-any -- tests know what is printed
  rows(argv: string): Promise<any[]>;
}

async function withGroups(use: (scene: Scene) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-groups-" });
  const broker = await startTestBroker(`${directory}/data`, [
    "--override",
    "group.initial.rebalance.delay.ms=0",
    "--override",
    "offsets.topic.num.partitions=3",
  ]);
  const kq = async (argv: string, stdin?: string) => {
    const words = argv.split(" ");
    const { exitCode, stdout, stderr } = await broker.kq(words, { stdin });
    equal(exitCode, 0, `${argv}: ${stderr}`);
    return stdout;
  };
  try {
    await use({
      broker,
      directory,
      kq,
      rows: async (argv) => JSON.parse(await kq(`${argv} -o json`)),
    });
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Records with times 1000, 2000 and so on, all in partition 0. */
function timed(count: number): string {
  return Array.from(
    { length: count },
    (_, i) =>
      JSON.stringify({
        value: `${i}`,
        partition: 0,
        timestamp: 1000 * (i + 1),
      }),
  ).join("\n");
}

/** Joins a group from this process, until `use` ends. */
async function withMember(
  { broker }: Scene,
  group: string,
  use: (polling: { readonly values: string[] }) => Promise<void>,
): Promise<void> {
  const consumer = createGroupConsumer(denoHost(), {
    "bootstrap.servers": broker.address,
    "group.id": group,
    "client.id": "holder",
    "auto.offset.reset": "earliest",
    "auto.commit.interval.ms": "50",
    "heartbeat.interval.ms": "100",
  });
  const values: string[] = [];
  let isOver = false;
  consumer.subscribe(["t"]);
  const polling = (async () => {
    while (!isOver) {
      for (const { records } of await consumer.poll(50)) {
        for (const { value } of records) {
          values.push(new TextDecoder().decode(value!));
        }
      }
    }
  })();
  try {
    await use({ values });
  } finally {
    isOver = true;
    await polling;
    await consumer.close();
  }
}

Deno.test("a group goes on where it was left, and where it was sought", () =>
  withGroups(async ({ kq, broker }) => {
    await kq("produce t -p 0", "a\nb\nc\nd\n");
    equal(
      await kq("consume t --group g --from-offset earliest -n 2"),
      "a\nb\n",
    );
    await kq("offset seek g t:0 2 --execute");
    equal(await kq("consume t --group g -n 1"), "c\n");
    equal(await kq("offset export g"), "t,0,3\n");
    // From where the group stands, whatever else was said of the beginning.
    equal(await kq("consume t -g g -s earliest --until-end"), "d\n");
    equal(await kq("consume t -g g --until-end"), "");
    equal(await kq("consume t:0 -g by-hand -s 1 -n 1"), "b\n");
    equal(await kq("consume t:0 -g by-hand -n 1"), "c\n");
    equal(await kq("consume t -g new -s -1 -n 1"), "d\n");
    equal(await kq("consume t -g cut -e 2"), "a\nb\n");
    equal(await kq("offset export cut"), "t,0,2\n");
    const idle = await broker.kq(
      "consume t -g g --idle-timeout 50ms".split(" "),
    );
    deepEqual([idle.exitCode, idle.stdout], [5, ""]);
  }));

Deno.test("consume --group commits no more than it has printed when its output breaks off", () =>
  withGroups(async ({ kq, broker }) => {
    const lines = Array.from({ length: 2000 }, (_, i) => `${i}`.padStart(99));
    await kq("produce t -p 0", lines.join("\n"));
    const cut = await broker.kq("consume t -g g".split(" "), {
      stdoutCapacityBytes: 120_000,
    });
    equal(cut.exitCode, 0, cut.stderr);
    const printedCount = Math.floor(cut.stdout.length / 100);
    const [, , offset] = (await kq("offset export g")).trim().split(",");
    ok(Number(offset) <= printedCount, `${offset} of ${printedCount}`);
    ok(Number(offset) > 0);
    const rest = await kq("consume t -g g --until-end");
    equal(rest.split("\n")[0], lines[Number(offset)]);
    equal(rest.trim().split("\n").length, 2000 - Number(offset));
  }));

Deno.test("offset reset knows every scenario, and takes what is out of range to the ends", () =>
  withGroups(async (scene) => {
    const { kq, rows, broker, directory } = scene;
    await kq("topic create t -p 2");
    await kq("produce t -i ndjson", timed(10));
    await kq("offset seek g t:0 4 --execute");
    const cases: [flags: string, offset: number, note?: RegExp][] = [
      ["--to-earliest", 0],
      ["--to-latest", 10],
      ["--to-current", 4],
      ["--to-offset 7", 7],
      ["--to-offset -3", 7],
      ["--to-offset 99", 10, /g t:0: 99 is after the last record, taken to 10/],
      ["--to-datetime 1970-01-01T00:00:03", 2],
      ["--to-datetime 1970-01-02", 10],
      ["--by-duration P1D", 10],
      ["--by-duration 36500d", 0],
      ["--shift-by 2", 6],
      ["--shift-by -9", 0, /-5 is before the first record, taken to 0/],
    ];
    for (const [flags, offset, note] of cases) {
      const argv = `offset reset g --topic t:0 ${flags}`;
      const planned = await broker.kq(`${argv} -o json`.split(" "));
      const [row] = JSON.parse(planned.stdout);
      deepEqual(
        [row.old, row.new, row.difference, row.changed],
        [4, offset, offset - 4, false],
        flags,
      );
      match(planned.stderr, /nothing has been changed: --execute does it/);
      if (note !== undefined) match(planned.stderr, note);
      equal(await kq(`${argv} --export`), `t,0,${offset}\n`);
    }
    equal(await kq("offset export g"), "t,0,4\n", "a plan changes nothing");
    const done = await rows("offset reset g --topic t --to-latest --execute");
    deepEqual(done.map(({ new: to, changed }) => [to, changed]), [
      [10, true],
      [0, true],
    ]);
    await kq("offset reset g --all-topics --to-offset 3 --execute");
    equal(await kq("offset export g"), "t,0,3\nt,1,0\n");
    Deno.writeTextFileSync(`${directory}/o.csv`, "g,t,0,5\nh,t,1,0\n");
    await kq(`offset reset g h --from-file ${directory}/o.csv --execute`);
    equal(await kq("offset export g h"), "g,t,0,5\ng,t,1,0\nh,t,1,0\n");
    await kq("offset import - h --execute", "t,0,6\n");
    await kq("offset copy --from h --to i --execute");
    equal(await kq("offset export i --with-group"), "i,t,0,6\ni,t,1,0\n");
    deepEqual((await rows("offset list g --topic t:0"))[0].offset, 5);
    for (
      const [argv, code, why] of [
        ["offset reset g --topic t", 2, /say where to/],
        ["offset reset g --to-latest", 2, /say which topics/],
        ["offset reset g --topic none --to-latest", 4, /does not exist/],
        ["offset reset g --topic t:7 --to-latest", 4, /no partition 7/],
        ["offset reset new --topic t --shift-by 1", 2, /none is committed/],
        ["offset import /none g", 2, /none/],
        ["offset list none", 4, /no such group/],
      ] as const
    ) {
      const { exitCode, stderr } = await broker.kq(argv.split(" "));
      equal(exitCode, code, `${argv}: ${stderr}`);
      match(stderr, why);
    }
  }));

Deno.test("an active group is refused by name of its members, and moved with --live", () =>
  withGroups(async (scene) => {
    const { kq, rows, broker } = scene;
    await kq("produce t -p 0", "a\nb\nc\n");
    await withMember(scene, "g", async ({ values }) => {
      await kq("wait group g --stable --for 10s");
      await kq("wait group g --lag 0 --for 10s");
      const [group] = await rows("group describe g");
      deepEqual(
        [group.state, group.memberCount, group.lag, group.lagSeconds],
        ["Stable", 1, 0, 0],
      );
      deepEqual(group.members[0].partitions, ["t:0"]);
      match(group.partitions[0].member, /^holder\/127\.0\.0\.1/);
      const argv = "offset reset g --topic t --to-earliest --execute";
      const refused = await broker.kq(argv.split(" "));
      equal(refused.exitCode, 3, refused.stderr);
      match(refused.stderr, /active \(Stable\), held by holder\/\S+ \(t:0\)/);
      equal((await broker.kq(["group", "delete", "g", "--yes"])).exitCode, 3);
      // What cannot be done at all fences nobody.
      const [{ memberId }] = group.members;
      await kq("topic create unread");
      const undone =
        "offset reset g --topic unread --shift-by 1 --execute --live";
      equal((await broker.kq(undone.split(" "))).exitCode, 2);
      const [same] = await rows("group describe g");
      deepEqual([same.state, same.members[0].memberId], ["Stable", memberId]);
      const timedOut = await broker.kq(
        "wait group g --empty --for 50ms".split(" "),
      );
      equal(timedOut.exitCode, 5, timedOut.stderr);
      deepEqual(values, ["a", "b", "c"]);
      await kq(`${argv} --live`);
      while (values.length < 6) await new Promise((r) => setTimeout(r, 10));
      deepEqual(values.slice(3), ["a", "b", "c"]);
    });
    await kq("wait group g --empty --for 10s");
    deepEqual(
      (await rows("group list --state Empty")).map(({ group }) => group),
      ["g"],
    );
    await kq("group delete g --yes");
    const missing = await broker.kq(["group", "describe", "g"]);
    equal(missing.exitCode, 4, missing.stderr);
    deepEqual(await rows("group list"), []);
  }));

Deno.test("group describe tells the lag in records and in seconds", () =>
  withGroups(async ({ kq, rows }) => {
    const tenSecondsAgo = Date.now() - 10_000;
    await kq(
      "produce t -i ndjson",
      [tenSecondsAgo - 5000, tenSecondsAgo, tenSecondsAgo + 5000]
        .map((timestamp) => JSON.stringify({ value: "v", timestamp }))
        .join("\n"),
    );
    await kq("offset seek g t:0 1 --execute");
    const [group] = await rows("group describe g");
    equal(group.lag, 2);
    ok(group.lagSeconds >= 10 && group.lagSeconds < 30, group.lagSeconds);
    deepEqual(group.drainSeconds, null);
    const [sampled] = await rows("group describe g --sample 50ms");
    deepEqual([sampled.isDraining, sampled.consumedPerSecond], [false, 0]);
    match(await kq("group describe g --state --sample 50ms"), /never/);
    await kq("offset reset g --all-topics --to-latest --execute");
    equal((await rows("group describe g"))[0].lag, 0);
  }));

Deno.test("wait topic sees topics come and go", () =>
  withGroups(async ({ kq, broker }) => {
    const coming = kq(
      "wait topic late --partitions 2 --for 10s --interval 20ms",
    );
    await kq("topic create late -p 2");
    await coming;
    const gone = kq("wait topic late --deleted --for 10s --interval 20ms");
    await kq("topic delete late --yes");
    await gone;
    const late = await broker.kq("wait topic none --timeout 2s".split(" "));
    equal(late.exitCode, 5, late.stderr);
    const never = await broker.kq("wait topic none --for 30ms".split(" "));
    deepEqual([never.exitCode, never.stderr], [
      5,
      "kq wait topic: topic none does not exist, after 0.03 s\n",
    ]);
  }));

Deno.test("offset delete forgets what no member reads, after a yes", () =>
  withGroups(async (scene) => {
    const { kq, rows, broker } = scene;
    await kq("topic create u");
    await kq("produce t -p 0", "a\nb\n");
    await kq("offset reset g h --topic t --topic u --to-latest --execute");
    const run = (argv: string) => broker.kq(argv.split(" "));
    for (
      const [argv, code, why] of [
        ["offset delete g", 2, /say which topics/],
        ["offset delete g --topic t", 2, /--yes/],
        ["offset delete g --topic none --yes", 4, /no offset is committed/],
        ["offset delete none --topic t --yes", 4, /no such group/],
      ] as const
    ) {
      const { exitCode, stderr } = await run(argv);
      equal(exitCode, code, `${argv}: ${stderr}`);
      match(stderr, why);
    }
    const planned = await rows("offset delete g --topic t:0 --dry-run");
    deepEqual(planned, [
      { group: "g", topic: "t", partition: 0, offset: 2, deleted: false },
    ]);
    const deleted = await rows("offset delete g h --topic t:0 --yes");
    deepEqual(deleted.map(({ deleted }) => deleted), [true, true]);
    const left = (await rows("offset list g")).map(({ topic, partition }) =>
      `${topic}:${partition}`
    );
    ok(!left.includes("t:0") && left.includes("u:0"), left.join());
    await withMember(scene, "g", async () => {
      await kq("wait group g --stable --for 10s");
      const held = await run("offset delete g --topic t --yes -o json");
      equal(held.exitCode, 3, held.stderr);
      match(held.stderr, /members of the group read the topic/);
      ok(
        JSON.parse(held.stdout).every(({ error }: { error: string }) => error),
      );
      await kq("offset delete g --topic u --yes");
    });
  }));

Deno.test("config defaults --since gives one file, or one for each scope", () =>
  withGroups(async ({ kq, rows }) => {
    const whole = await kq("config defaults --since 0.10");
    for (
      const line of [
        "session.timeout.ms=10000",
        "request.timeout.ms=305000",
        "acks=1",
        "unclean.leader.election.enable=true",
      ]
    ) ok(whole.split("\n").includes(line), line);
    const consumer = await kq("config defaults consumer --since 0.10");
    ok(!consumer.includes("acks="));
    deepEqual(await rows("config defaults producer acks --since 0.10"), [
      { scope: "producer", name: "acks", value: "1" },
    ]);
  }));

Deno.test("consume --group reads as a member by either protocol", () =>
  withGroups(async ({ kq, rows }) => {
    await kq("produce t -p 0", "a\nb\nc\nd\n");
    const argv = "consume t --group g -X group.protocol=consumer";
    equal(await kq(`${argv} -n 2`), "a\nb\n");
    equal((await rows("group list"))[0].type, "consumer");
    await kq("offset seek g t:0 3 --execute");
    equal(await kq(`${argv} --until-end`), "d\n");
    equal((await rows("group describe g"))[0].lag, 0);
  }));

Deno.test("consume --group with a pattern takes in topics that come later", () =>
  withGroups(async ({ kq }) => {
    await kq("produce t -p 0", "a\n");
    const protocols = ["consumer", "classic"];
    await Promise.all(protocols.map(async (protocol) => {
      const reading = kq(
        `consume -r t ${protocol}-.* --group ${protocol} -n 2 ` +
          `-X group.protocol=${protocol} -X metadata.max.age.ms=300`,
      );
      await kq(`wait group ${protocol} --stable --for 10s`);
      await kq(`topic create ${protocol}-later`);
      await kq(`produce ${protocol}-later`, "b\n");
      equal(await reading, "a\nb\n");
    }));
  }));
