// VerifiableConsumer: members of groups, one of which is killed, and an account of
// every record that VerifiableProducer sent meanwhile.
//
// A member writes a line of JSON for each thing that happens to it. What it has
// consumed and then committed is settled; what it has consumed only is not. Every
// record must be consumed, and none may be consumed again once it is settled.

import { kafkaClassPath } from "./apache_kafka.ts";
import { type GroupRun, makeTopic, same, until } from "./group_run.ts";
import { javaTools } from "./java_client.ts";

const PRODUCER = "org.apache.kafka.tools.VerifiableProducer";
const CONSUMER = "org.apache.kafka.tools.VerifiableConsumer";
const GROUP_COMMAND =
  "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const SESSION_TIMEOUT_MS = 6000;
const STATIC_SESSION_TIMEOUT_MS = 20_000;
const RECORDS = 3000;
const RECORDS_PER_SECOND = 1000;

interface Chunk {
  readonly partition: number;
  readonly count: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

interface MemberEvent {
  readonly name: string;
  readonly partitions?: readonly (Chunk & { readonly topic: string })[];
  readonly offsets?: readonly {
    readonly partition: number;
    readonly offset: number;
  }[];
  readonly success?: boolean;
  readonly partition?: number;
  readonly offset?: number;
  readonly value?: string;
}

function eventsOf(out: string): MemberEvent[] {
  return out.split("\n").slice(0, -1).filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

/** Partitions that a member holds after these events. */
export function heldAfter(events: readonly MemberEvent[]): number[] {
  const held = new Set<number>();
  for (const { name, partitions = [] } of events) {
    for (const { partition } of partitions) {
      if (name === "partitions_assigned") held.add(partition);
      if (name === "partitions_revoked") held.delete(partition);
    }
  }
  return [...held].toSorted();
}

/** What a member consumed, and whether it was told that its commit was taken. */
export function chunksOf(
  events: readonly MemberEvent[],
): { readonly chunk: Chunk; readonly isSettled: boolean }[] {
  const all: { chunk: Chunk; isSettled: boolean }[] = [];
  let settled = 0;
  for (const { name, partitions = [], offsets = [], success } of events) {
    if (name === "records_consumed") {
      all.push(...partitions.map((chunk) => ({ chunk, isSettled: false })));
    }
    if (name !== "offsets_committed") continue;
    for (; settled < all.length; settled++) {
      const { partition, maxOffset } = all[settled].chunk;
      const committed = offsets.find((row) => row.partition === partition);
      all[settled].isSettled = success === true &&
        committed?.offset === maxOffset + 1;
    }
  }
  return all;
}

/** Which members have consumed a record, in which ranges. */
function holders(
  members: readonly (readonly MemberEvent[])[],
  place: string,
): string {
  const [partition, offset] = place.split(":").map(Number);
  return members.flatMap((events, i) =>
    chunksOf(events)
      .filter(({ chunk }) =>
        chunk.partition === partition && chunk.minOffset <= offset &&
        offset <= chunk.maxOffset
      )
      .map(({ chunk, isSettled }) =>
        `${i}: ${chunk.minOffset} to ${chunk.maxOffset} ${isSettled}`
      )
  ).join(", ");
}

/** What is wrong with the account of a topic, or `null`. */
export function accountProblem(
  members: readonly (readonly MemberEvent[])[],
  sent: readonly MemberEvent[],
): string | null {
  const key = (partition: number, offset: number) => `${partition}:${offset}`;
  const settled = new Map<string, number>();
  const values = new Map<string, Set<string>>();
  for (const events of members) {
    for (const { name, partition, offset, value } of events) {
      if (name !== "record_data") continue;
      const place = key(partition!, offset!);
      if (!values.has(place)) values.set(place, new Set());
      values.get(place)!.add(value!);
    }
    for (const { chunk, isSettled } of chunksOf(events)) {
      const { partition, minOffset, maxOffset, count } = chunk;
      if (count !== maxOffset - minOffset + 1) {
        return `a gap within ${minOffset} to ${maxOffset} of ${partition}`;
      }
      for (let offset = minOffset; isSettled && offset <= maxOffset; offset++) {
        const place = key(partition, offset);
        settled.set(place, (settled.get(place) ?? 0) + 1);
      }
    }
  }
  for (const { partition, offset, value } of sent) {
    const place = key(partition!, offset!);
    const seen = [...values.get(place) ?? []];
    if (seen.length === 0) return `${place} was skipped`;
    if (seen.length > 1 || seen[0] !== value) {
      return `${place} is ${seen}, sent was ${value}`;
    }
    if ((settled.get(place) ?? 0) > 1) {
      return `${place} was committed twice: ${holders(members, place)}`;
    }
  }
  return values.size === sent.length
    ? null
    : `${values.size} records consumed, ${sent.length} sent`;
}

interface Member {
  events(): Promise<MemberEvent[]>;
  end(): Promise<MemberEvent[]>;
}

interface MemberOptions {
  readonly topic: string;
  readonly group: string;
  readonly protocol: "CLASSIC" | "CONSUMER";
  readonly sessionTimeoutMs: number;
  readonly instanceId?: string;
}

function memberArgs(run: GroupRun, options: MemberOptions): string[] {
  const { topic, group, protocol, sessionTimeoutMs, instanceId } = options;
  return [
    ...["--bootstrap-server", run.bootstrap, "--topic", topic, "--verbose"],
    ...["--group-id", group, "--group-protocol", protocol],
    ...["--session-timeout", String(sessionTimeoutMs)],
    ...(instanceId === undefined ? [] : ["--group-instance-id", instanceId]),
  ];
}

/** A member in the JVM of the tools, which ends as a signal would end it. */
async function member(
  run: GroupRun,
  name: string,
  options: MemberOptions,
): Promise<Member> {
  const { tools } = run;
  await tools.start(name, "JavaTools$Verifiable", memberArgs(run, options));
  return {
    events: async () => eventsOf((await tools.look(name)).out),
    end: async () => {
      const { code, out, err } = await tools.stop(name);
      if (code !== 0) throw new Error(`${name} ended with ${code}: ${err}`);
      return eventsOf(out);
    },
  };
}

/** A member with a JVM of its own, whose end is kill -9. */
async function mortalMember(
  run: GroupRun,
  options: MemberOptions,
): Promise<Member> {
  const child = new Deno.Command("java", {
    args: [
      ...["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"],
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
      ...["-cp", await kafkaClassPath() ?? "", CONSUMER],
      ...memberArgs(run, options),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let out = "";
  const read = (async () => {
    const texts = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of texts) out += text;
  })();
  return {
    events: () => Promise.resolve(eventsOf(out)),
    end: async () => {
      child.kill("SIGKILL");
      await child.status;
      await read;
      return eventsOf(out);
    },
  };
}

/** Waits until each member holds as many partitions. */
async function untilHeld(
  members: readonly Member[],
  counts: readonly number[],
): Promise<void> {
  await until(
    () =>
      Promise.all(
        members.map(async (each) => heldAfter(await each.events()).length),
      ),
    (held) => JSON.stringify(held) === JSON.stringify(counts),
    "the number of partitions of each",
  );
}

async function untilSettled(each: Member): Promise<void> {
  await until(
    async () => chunksOf(await each.events()),
    (chunks) => chunks.some(({ isSettled }) => isSettled),
    "what one has consumed",
  );
}

async function startProducer(
  { tools, bootstrap }: GroupRun,
  topic: string,
): Promise<void> {
  await tools.start(`${topic}-producer`, PRODUCER, [
    ...["--bootstrap-server", bootstrap, "--topic", topic],
    ...["--max-messages", String(RECORDS), "--acks", "-1"],
    ...["--throughput", String(RECORDS_PER_SECOND)],
    // Without keys all would go to one partition: so few do not fill a batch.
    ...["--repeating-keys", "100"],
  ]);
}

/** What was acknowledged, once all is. */
async function allSent(
  { tools }: GroupRun,
  topic: string,
): Promise<MemberEvent[]> {
  const look = async () =>
    eventsOf((await tools.look(`${topic}-producer`)).out)
      .filter(({ name }) => name === "producer_send_success");
  await until(
    async () => (await look()).length,
    (count) => count === RECORDS,
    "the number of records sent",
  );
  return await look();
}

/** Waits until all is consumed, ends the members, and settles the account. */
async function account(
  run: GroupRun,
  { topic, group }: MemberOptions,
  ended: readonly (readonly MemberEvent[])[],
  running: Member[],
): Promise<void> {
  const sent = await allSent(run, topic);
  await until(
    async () => {
      const { out } = await run.tools.answer(GROUP_COMMAND, [
        ...["--bootstrap-server", run.bootstrap, "--describe"],
        ...["--group", group],
      ]);
      return out.split("\n").filter((row) => row.startsWith(`${group} `))
        .map((row) => Number(row.trim().split(/\s+/)[3]))
        .reduce((sum, offset) => sum + offset, 0);
    },
    (total) => total === RECORDS,
    "the sum of the committed offsets",
  );
  const rest: MemberEvent[][] = [];
  while (running.length > 0) rest.push(await running.pop()!.end());
  const problem = accountProblem([...ended, ...rest], sent);
  if (problem !== null) throw new Error(problem);
}

/** Three share, one is killed, another comes. */
async function killOne(
  run: GroupRun,
  protocol: MemberOptions["protocol"],
): Promise<void> {
  const topic = `group-kill-${protocol.toLowerCase()}`;
  const options = {
    topic,
    group: topic,
    protocol,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  };
  await makeTopic(run, topic, 6);
  const running: Member[] = [];
  try {
    const mortal = await mortalMember(run, options);
    running.push(mortal);
    for (const name of ["a", "b"]) {
      running.push(await member(run, `${topic}-${name}`, options));
    }
    await untilHeld(running, [2, 2, 2]);
    await startProducer(run, topic);
    await untilSettled(mortal);
    const killed = await running.shift()!.end();
    await untilHeld(running, [3, 3]);
    running.push(await member(run, `${topic}-c`, options));
    await untilHeld(running, [2, 2, 2]);
    await account(run, options, [killed], running);
  } finally {
    for (const each of running) await each.end();
  }
}

/** Two static members share, one is killed and comes back as who it was. */
async function killStatic(run: GroupRun): Promise<void> {
  const topic = "group-kill-static";
  const options = {
    topic,
    group: topic,
    protocol: "CLASSIC",
    sessionTimeoutMs: STATIC_SESSION_TIMEOUT_MS,
  } as const;
  await makeTopic(run, topic, 4);
  const running: Member[] = [];
  try {
    const back = { ...options, instanceId: "two" };
    running.push(await mortalMember(run, back));
    running.push(
      await member(run, `${topic}-a`, { ...options, instanceId: "one" }),
    );
    await untilHeld(running, [2, 2]);
    await startProducer(run, topic);
    await untilSettled(running[0]);
    const killed = await running.shift()!.end();
    const [other] = running;
    const rebalances = async () =>
      (await other.events()).filter(({ name }) => /^partitions_/.test(name))
        .length;
    const before = await rebalances();
    const again = await member(run, `${topic}-b`, back);
    running.push(again);
    await untilHeld(running, [2, 2]);
    same(heldAfter(await again.events()), heldAfter(killed), "its partitions");
    same(await rebalances(), before, "rebalances of the other");
    await account(run, options, [killed], running);
  } finally {
    for (const each of running) await each.end();
  }
}

/** All features of VerifiableConsumer. */
export async function verifiableFeatures(run: GroupRun): Promise<void> {
  const feature = (name: string, check: () => Promise<void>) =>
    run.feature(javaTools.name, `group: ${name} (VerifiableConsumer)`, check);
  await Promise.all([
    feature("kill -9 of one, another joins", () => killOne(run, "CLASSIC")),
    feature(
      "kill -9 of one, another joins, newer protocol",
      () => killOne(run, "CONSUMER"),
    ),
    feature("kill -9 of a static member, it returns", () => killStatic(run)),
  ]);
}
