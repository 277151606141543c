// ConsoleConsumer and ConsumerPerformance as members of groups.

import { javaTools } from "./java_client.ts";
import { fill, type GroupRun, makeTopic, same, until } from "./group_run.ts";

const CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance";
const GROUP_COMMAND =
  "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const PARTITIONS = 4;
const PER_PARTITION = 50;
/** Enough for several fetches. */
const PERFORMANCE_RECORDS = 20_000;

function linesOf(first: number, count: number): string[] {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from(
      { length: count },
      (_, i) => `Partition:${partition}\tOffset:${first + i}\t${first + i}`,
    )).flat().toSorted();
}

const lines = (out: string) => out.split("\n").slice(0, -1).toSorted();

/** The total lag of a group, and how many of its partitions have an owner. */
async function lagOf(
  { tools, bootstrap }: GroupRun,
  group: string,
): Promise<{ rows: number; lag: number; members: number }> {
  const { out } = await tools.answer(GROUP_COMMAND, [
    ...["--bootstrap-server", bootstrap, "--describe", "--group", group],
  ]);
  const rows = out.split("\n").filter((row) => row.startsWith(`${group} `))
    .map((row) => row.trim().split(/\s+/));
  return {
    rows: rows.length,
    lag: rows.reduce((sum, row) => sum + Number(row[5]), 0),
    members: new Set(rows.map((row) => row[6]).filter((id) => id !== "-")).size,
  };
}

/** All features of the two tools, for the classic protocol and the newer one. */
export async function consoleConsumerFeatures(run: GroupRun): Promise<void> {
  for (const protocol of ["classic", "consumer"] as const) {
    await shareAndGoOn(run, protocol);
  }
  await measure(run);
}

async function shareAndGoOn(
  run: GroupRun,
  protocol: "classic" | "consumer",
): Promise<void> {
  const { tools, bootstrap } = run;
  const topic = `group-console-${protocol}`;
  const group = `console-${protocol}`;
  const suffix = protocol === "classic" ? "" : ", newer protocol";
  const start = (name: string) =>
    tools.start(name, CONSOLE_CONSUMER, [
      ...["--bootstrap-server", bootstrap, "--topic", topic],
      ...["--group", group, "--from-beginning"],
      ...["--consumer-property", `group.protocol=${protocol}`],
      ...["--consumer-property", "metadata.max.age.ms=1000"],
      ...["--property", "print.partition=true"],
      ...["--property", "print.offset=true"],
    ]);
  const written = async (names: readonly string[]) => {
    const all: string[] = [];
    for (const name of names) all.push(...lines((await tools.look(name)).out));
    return all.toSorted();
  };
  const more = async (first: number) => {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await fill(run, topic, partition, { first, count: PER_PARTITION });
    }
  };
  const names = [`${group}-1`, `${group}-2`];
  await run.feature(
    javaTools.name,
    `group: two members share${suffix} (ConsoleConsumer)`,
    async () => {
      await makeTopic(run, topic, PARTITIONS);
      await more(0);
      for (const name of names) await start(name);
      try {
        // All is read and committed by whoever joined first; then both get half.
        await until(
          () => lagOf(run, group),
          ({ rows, lag, members }) =>
            rows === PARTITIONS && lag === 0 && members === 2,
          "the group",
        );
        await more(PER_PARTITION);
        await until(
          () => written(names),
          (all) => all.length >= PARTITIONS * 2 * PER_PARTITION,
          "what both have read",
        );
        const all = await written(names);
        same(all, linesOf(0, 2 * PER_PARTITION), "what both have read");
      } finally {
        for (const name of names) await tools.stop(name);
      }
      const { rows, lag, members } = await lagOf(run, group);
      same([rows, lag, members], [PARTITIONS, 0, 0], "the group afterwards");
    },
  );
  await run.feature(
    javaTools.name,
    `group: goes on where it stopped${suffix} (ConsoleConsumer)`,
    async () => {
      await more(2 * PER_PARTITION);
      const name = `${group}-3`;
      await start(name);
      try {
        await until(
          () => written([name]),
          (all) => all.length >= PARTITIONS * PER_PARTITION,
          "what was read",
        );
      } finally {
        const { out } = await tools.stop(name);
        const wanted = linesOf(2 * PER_PARTITION, PER_PARTITION);
        same(lines(out), wanted, "what was read");
      }
    },
  );
}

async function measure(run: GroupRun): Promise<void> {
  const { tools, bootstrap } = run;
  const [topic, group] = ["group-performance", "performance"];
  await run.feature(
    javaTools.name,
    "group: benchmark (ConsumerPerformance)",
    async () => {
      await makeTopic(run, topic, 1);
      await fill(run, topic, 0, { count: PERFORMANCE_RECORDS });
      const out = await tools.run(CONSUMER_PERFORMANCE, [
        ...["--bootstrap-server", bootstrap, "--topic", topic],
        ...["--group", group, "--messages", String(PERFORMANCE_RECORDS)],
        ...["--timeout", "20000"],
      ]);
      const [header, row] = out.trim().split("\n").slice(-2).map((line) =>
        line.split(", ")
      );
      const count = Number(row[header.indexOf("data.consumed.in.nMsg")]);
      same(count, PERFORMANCE_RECORDS, "the number of records");
      const { rows, lag } = await lagOf(run, group);
      same([rows, lag], [1, 0], "the group's partitions and lag");
    },
  );
}
