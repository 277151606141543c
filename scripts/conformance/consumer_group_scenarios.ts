// The scenarios of ConsumerGroupCommand, all of them: list, describe, reset, export,
// import, delete. Topics and groups of theirs have names that start with `cmd-`.

import { CommandRun, type Transcripts } from "./consumer_group_command.ts";
import { fill, type GroupRun, makeTopic, same } from "./group_run.ts";

const CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const DAY_MS = 24 * 3600 * 1000;
const OURS = "cmd-";

const group = (...names: string[]) =>
  names.flatMap((name) => ["--group", `${OURS}${name}`]);
const reset = (...args: string[]) => ["--reset-offsets", ...args];
const describe = (...names: string[]) => ["--describe", ...group(...names)];

async function prepare(run: GroupRun, nowMs: number): Promise<void> {
  await makeTopic(run, "cmd-a", 2);
  await makeTopic(run, "cmd-b", 1);
  for (const [index, ageDays] of [2, 1, 0].entries()) {
    const timestampMs = nowMs - ageDays * DAY_MS;
    for (const [partition, count] of [10, 5].entries()) {
      const first = index * count;
      await fill(run, "cmd-a", partition, { first, count, timestampMs });
    }
  }
  await fill(run, "cmd-b", 0, { count: 8 });
  for (
    const [name, topic, count] of [["one", "cmd-a", 45], ["two", "cmd-b", 8]]
  ) {
    await run.tools.run(CONSOLE_CONSUMER, [
      ...["--bootstrap-server", run.bootstrap, "--topic", String(topic)],
      ...["--group", `${OURS}${name}`, "--from-beginning"],
      ...["--max-messages", String(count)],
    ]);
  }
}

/** Members, of the classic protocol (static ones) and of the newer one. */
const MEMBERS = [
  ["live", "first", ["group.instance.id=first", "session.timeout.ms=6000"]],
  ["live", "second", ["group.instance.id=second", "session.timeout.ms=6000"]],
  ["newer", "third", ["group.protocol=consumer"]],
] as const;

async function startMembers({ tools, bootstrap }: GroupRun): Promise<void> {
  for (const [name, id, properties] of MEMBERS) {
    await tools.start(`${OURS}${id}`, CONSOLE_CONSUMER, [
      ...["--bootstrap-server", bootstrap, "--topic", "cmd-a"],
      ...["--group", `${OURS}${name}`, "--from-beginning"],
      ...[`client.id=${id}`, "auto.commit.interval.ms=100", ...properties]
        .flatMap((property) => ["--consumer-property", property]),
    ]);
  }
}

/** All features of the tool. Comes last: it resets and deletes all groups. */
export async function commandFeatures(
  run: GroupRun,
  expected: Transcripts | null,
  transcripts: Transcripts,
): Promise<void> {
  const command = new CommandRun(run, expected, transcripts);
  const nowMs = Date.now();
  await command.ignoreOthers();
  try {
    await command.feature("groups to act on", async () => {
      await prepare(run, nowMs);
      await startMembers(run);
      await command.until(describe("live"), [
        /^cmd-live cmd-a 0 30 30 0 first-/,
        /^cmd-live cmd-a 1 15 15 0 second-/,
      ]);
      await command.until(describe("newer"), [
        /^cmd-newer cmd-a 0 30 30 0 UUID/,
        /^cmd-newer cmd-a 1 15 15 0 UUID/,
      ]);
    });
    await listFeatures(command);
    await describeFeatures(command);
    await refusals(command);
  } finally {
    for (const [, id] of MEMBERS) await run.tools.stop(`${OURS}${id}`);
  }
  await resetFeatures(command, nowMs);
  // Static members stay until their session has timed out.
  await command.feature("groups that their members have left", async () => {
    const state = ["--list", "--state"];
    await command.until(state, [/^cmd-newer Empty$/, /^cmd-live Empty$/]);
    await command.says(state, /^cmd-live Empty$/);
  });
  await scopeFeatures(command);
  await fileFeatures(command);
  await deleteFeatures(command);
}

async function listFeatures(command: CommandRun): Promise<void> {
  await command.feature("list", async () => {
    await command.says(["--list"], /^cmd-one$/);
  });
  await command.feature("list by state", async () => {
    await command.says(["--list", "--state"], /^cmd-live Stable$/);
    await command.says(["--list", "--state", "Empty"], /^cmd-one Empty$/);
    const two = ["--list", "--state", "stable,empty"];
    await command.says(two, /^cmd-newer Stable$/);
  });
  await command.feature("list by type", async () => {
    await command.says(["--list", "--type"], /^cmd-newer Consumer$/);
    await command.says(["--list", "--type", "classic"], /^cmd-one Classic$/);
    await command.says(
      ["--list", "--type", "consumer"],
      /^cmd-newer Consumer$/,
    );
    await command.says(
      ["--list", "--type", "classic,consumer", "--state", "Stable"],
      /^cmd-live Classic Stable$/,
    );
  });
}

async function describeFeatures(command: CommandRun): Promise<void> {
  await command.feature("describe offsets", async () => {
    await command.says(describe("one"), /^cmd-one cmd-a 0 30 30 0 - - -$/);
    await command.says(
      [...describe("live"), "--offsets", "--verbose"],
      /^cmd-live cmd-a 0 30 30 0 first-UUID \/127.0.0.1 first$/,
    );
    await command.says(
      describe("newer"),
      /^cmd-newer cmd-a 1 15 15 0 UUID \/127.0.0.1 third$/,
    );
    await command.says(describe("none"), /does not exist/);
  });
  await command.feature("describe members", async () => {
    const members = (
      ...names: string[]
    ) => [...describe(...names), "--members"];
    await command.says(members("one"), /has no active members/);
    await command.says(
      members("live"),
      /^cmd-live second-UUID second \/127.0.0.1 second 1$/,
    );
    await command.says(
      [...members("live"), "--verbose"],
      /^cmd-live first-UUID first \/127.0.0.1 first 1 cmd-a\(0\)|\(0\)$/,
    );
    await command.says([...members("newer"), "--verbose"], / third 2 /);
  });
  await command.feature("describe the state", async () => {
    const state = (...names: string[]) => [...describe(...names), "--state"];
    await command.says(state("one"), /^cmd-one BROKER .*Empty 0$/);
    await command.says(state("live"), /^cmd-live BROKER range Stable 2$/);
    await command.says(state("newer"), /^cmd-newer BROKER uniform Stable 1$/);
    await command.says([...state("live"), "--verbose"], /range Stable 2$/);
  });
  await command.feature("describe several groups and all", async () => {
    await command.says(describe("one", "two"), /^cmd-two cmd-b 0 8 8 0 - - -$/);
    const all = ["--describe", "--all-groups"];
    await command.says([...all, "--offsets"], /^cmd-one cmd-a 1 15 15 0 /);
    await command.says([...all, "--members"], /^cmd-newer UUID /);
    await command.says([...all, "--state"], /^cmd-newer BROKER uniform/);
  });
}

async function refusals(command: CommandRun): Promise<void> {
  await command.feature("refuse to touch an active group", async () => {
    for (const name of ["live", "newer"]) {
      const args = ["--to-earliest", "--execute", "--topic", "cmd-a"];
      await command.says(reset(...group(name), ...args), /is inactive, but/);
      await command.says(["--delete", ...group(name)], /not empty|NotEmpty/i);
      await command.says(
        ["--delete-offsets", ...group(name), "--topic", "cmd-a"],
        /subscribed/i,
      );
    }
    await command.says(describe("live"), /^cmd-live cmd-a 0 30 30 0 /);
  });
}

/** A reset shown, done, and looked at; `rows` are partition and offset. */
async function resets(
  command: CommandRun,
  spec: readonly string[],
  rows: readonly (readonly [partition: number, offset: number])[],
  topic = "cmd-a",
): Promise<void> {
  const args = reset(...group("one"), "--topic", topic, ...spec);
  const wanted = (end: string) =>
    rows.map((row) => new RegExp(`^cmd-one cmd-a ${row.join(" ")}${end}`));
  for (const mode of ["--dry-run", "--execute"]) {
    await command.says([...args, mode], ...wanted("$"));
  }
  await command.says(describe("one"), ...wanted(" "));
}

function dateTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1);
}

async function resetFeatures(
  command: CommandRun,
  nowMs: number,
): Promise<void> {
  await command.feature("reset to the earliest and the latest", async () => {
    await resets(command, ["--to-earliest"], [[0, 0], [1, 0]]);
    await resets(command, ["--to-latest"], [[0, 30], [1, 15]]);
  });
  await command.feature("reset to an offset and the current one", async () => {
    await resets(command, ["--to-offset", "7"], [[0, 7], [1, 7]]);
    await resets(command, ["--to-current"], [[0, 7], [1, 7]]);
    await resets(command, ["--to-offset", "999"], [[0, 30], [1, 15]]);
  });
  await command.feature("reset to a time", async () => {
    const at = (ms: number) => ["--to-datetime", dateTime(ms)];
    await resets(command, at(nowMs - 1.5 * DAY_MS), [[0, 10], [1, 5]]);
    await resets(command, at(nowMs - DAY_MS), [[0, 10], [1, 5]]);
    await resets(command, at(nowMs - 9 * DAY_MS), [[0, 0], [1, 0]]);
    await resets(command, at(nowMs + DAY_MS), [[0, 30], [1, 15]]);
  });
  await command.feature("reset by a duration", async () => {
    await resets(command, ["--by-duration", "PT12H"], [[0, 20], [1, 10]]);
    await resets(command, ["--by-duration", "P1DT12H"], [[0, 10], [1, 5]]);
    await resets(command, ["--by-duration", "PT0S"], [[0, 30], [1, 15]]);
  });
  await command.feature("reset by a shift", async () => {
    await resets(command, ["--shift-by", "-3"], [[0, 27], [1, 12]]);
    await resets(command, ["--shift-by", "2"], [[0, 29], [1, 14]]);
    await resets(command, ["--shift-by", "-1000"], [[0, 0], [1, 0]]);
    await resets(command, ["--shift-by", "1000"], [[0, 30], [1, 15]]);
  });
}

async function scopeFeatures(command: CommandRun): Promise<void> {
  await command.feature("reset some topics and partitions", async () => {
    await resets(command, ["--to-offset", "3"], [[0, 3], [1, 3]], "cmd-a:0,1");
    await resets(command, ["--to-offset", "4"], [[1, 4]], "cmd-a:1");
    await command.says(describe("one"), /^cmd-one cmd-a 0 3 /);
    const both = ["--topic", "cmd-a", "--topic", "cmd-b:0", "--to-earliest"];
    await command.says(
      reset(...group("one"), ...both, "--execute"),
      /^cmd-one cmd-b 0 0$/,
    );
    await command.says(
      reset(...group("one"), "--all-topics", "--to-latest", "--execute"),
      /^cmd-one cmd-b 0 8$/,
    );
    await command.says(
      reset(...group("one"), "--topic", "cmd-none", "--to-latest"),
      /cmd-none|UnknownTopic/i,
    );
    await command.says(describe("one"), /^cmd-one cmd-a 0 30 30 0 /);
  });
  await command.feature("reset several groups and all", async () => {
    const several = group("one", "two", "fresh");
    await command.says(
      reset(...several, "--topic", "cmd-a", "--to-offset", "5", "--execute"),
      /^cmd-fresh cmd-a 1 5$/,
    );
    await command.says(describe("fresh"), /^cmd-fresh cmd-a 0 5 30 25 /);
    const all = ["--all-groups", "--topic", "cmd-a", "--to-offset", "6"];
    await command.says(reset(...all, "--dry-run"), /^cmd-newer cmd-a 0 6$/);
    await command.says(reset(...all, "--execute"), /^cmd-newer cmd-a 0 6$/);
    await command.says(describe("one", "two"), /^cmd-two cmd-a 0 6 30 24 /);
  });
}

async function fileFeatures(command: CommandRun): Promise<void> {
  await command.feature("export and import offsets", async () => {
    const file = await Deno.makeTempFile({ suffix: ".csv" });
    const exported = async (args: readonly string[], row: RegExp) => {
      const { out } = await command.raw(reset(...args));
      await Deno.writeTextFile(file, out);
      await command.says(reset(...args), row);
    };
    try {
      const current = ["--all-topics", "--to-current", "--export"];
      await exported([...group("one"), ...current], /^cmd-a,0,6$/);
      const from = ["--from-file", file];
      await resets(command, ["--to-earliest"], [[0, 0], [1, 0]]);
      await command.says(
        reset(...group("one"), ...from, "--dry-run"),
        /^cmd-one cmd-a 0 6$/,
      );
      await command.says(describe("one"), /^cmd-one cmd-a 0 0 /);
      await command.says(
        reset(...group("one"), ...from, "--execute"),
        /^cmd-one cmd-a 1 6$/,
      );
      await command.says(describe("one"), /^cmd-one cmd-a 0 6 /);
      await exported(
        [...group("one", "two"), ...current],
        /^cmd-two,cmd-b,0,8$/,
      );
      await command.says(
        reset(...group("one", "two"), ...from, "--execute"),
        /^cmd-two cmd-b 0 8$/,
      );
      await Deno.writeTextFile(file, "cmd-a,0,2\ncmd-a,1,9999\n");
      await command.says(
        reset(...group("one"), ...from, "--execute"),
        /^cmd-one cmd-a 1 15$/,
      );
      await command.says(describe("one"), /^cmd-one cmd-a 0 2 /);
    } finally {
      await Deno.remove(file);
    }
  });
}

async function deleteFeatures(command: CommandRun): Promise<void> {
  await command.feature("delete offsets", async () => {
    const offsets = (...args: string[]) => ["--delete-offsets", ...args];
    const one = group("one");
    await command.says(
      offsets(...one, "--topic", "cmd-a:1"),
      /^cmd-a 1 Successful$/,
    );
    await command.says(describe("one"), /^cmd-one cmd-a 0 2 /);
    // Not the last one: with that, one of 3.9's two coordinators ends the group
    // at once, as kq does, and the other one only later.
    await command.says(
      offsets(...one, "--topic", "cmd-b", "--topic", "cmd-a:1"),
      /^cmd-b 0 Successful$/,
    );
    const rows = await command.says(describe("one"), /^cmd-one cmd-a 0 2 /);
    same(rows.filter((row) => row.startsWith(OURS)).length, 1, "offsets left");
    await command.says(offsets(...one, "--topic", "cmd-none"), /./);
    await command.says(offsets(...group("none"), "--topic", "cmd-a"), /./);
  });
  await command.feature("delete groups", async () => {
    await command.says(["--delete", ...group("two")], /^Deleted: cmd-two$/);
    await command.says(["--delete", ...group("fresh", "none")], /'cmd-none'/);
    await command.says(["--delete", "--all-groups"], /^Deleted: .*cmd-newer/);
    const left = await command.says(["--list", "--state"], /^GROUP STATE$/);
    same(left.filter((row) => row.startsWith(OURS)), [], "groups left");
  });
}
