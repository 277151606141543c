// A session of zkCli on kq's coordinator and on Apache ZooKeeper: see
// scripts/conformance/zkcli.

import {
  DEFAULT_SETTINGS,
  type ServerKind,
  ServerProcess,
} from "../kills/ensemble_process.ts";
import { kafkaClassPath } from "./apache_kafka.ts";

const START_TIMEOUT_MS = 30_000;
const BOB = "digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=";

/** What somebody types. */
const COMMANDS: readonly string[] = [
  "ls /",
  "create /app data",
  "create /app again",
  "create -s /app/job- one",
  "create -s /app/job- two",
  "create -e /app/live x",
  "create -s -e /app/live- x",
  "create -c /app/box",
  "create -t 10000 /app/soon x",
  "create /app/nothing",
  "create /absent/child x",
  "create /app/live/child x",
  "ls /app",
  "ls -s /app",
  "ls -R /app",
  "ls /absent",
  "get /app",
  "get -s /app",
  "get /absent",
  "set /app more",
  "set -s /app more",
  "set -v 0 /app never",
  "set -v 2 /app again",
  "stat /app",
  "stat /absent",
  "getAcl /app",
  "getAcl -s /app",
  `create /secret s ${BOB}:cdrwa`,
  "get /secret",
  "getAcl /secret",
  "setAcl /app world:anyone:nonsense",
  "setAcl /secret world:anyone:cdrwa",
  "addauth digest bob:secret",
  "get /secret",
  "getAcl /secret",
  "setAcl -s /secret auth::r",
  "set /secret x",
  "whoami",
  "getEphemerals",
  "getEphemerals /app/live-",
  "getEphemerals /none",
  "getAllChildrenNumber /app",
  "sync /app",
  "get -w /app",
  "ls -w /app",
  "stat -w /app/live",
  "set /app seen",
  "create /app/one-more",
  "delete /app/live",
  "removewatches /app",
  "addWatch -m PERSISTENT /app",
  "set /app again",
  "addWatch -m PERSISTENT_RECURSIVE /app",
  "create /app/deep d",
  "create /app/deep/deeper d",
  "removewatches /app",
  "setquota -n 10 /app",
  "setquota -b 1000 /app",
  "listquota /app",
  "create /app/counted 12345",
  "listquota /app",
  "setquota -N 2 -B 3 /app/deep",
  "listquota /app/deep",
  "create /app/deep/over x",
  "delquota -n /app",
  "listquota /app",
  "delquota /app",
  "listquota /app",
  "delete /app",
  "delete -v 9 /app/counted",
  "delete /app/counted",
  "delete /absent",
  "deleteall /app",
  "ls /",
  "delete /zookeeper",
  "config",
  "reconfig -remove 1",
  "create /a b c d e",
  "create /bad/ x",
  "create nopath x",
  "history_of_nothing",
  "version",
  "quit",
];

async function session(
  port: number,
  classPath: string,
): Promise<string[]> {
  const child = new Deno.Command("java", {
    args: [
      ...["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath],
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
      "org.apache.zookeeper.ZooKeeperMain",
      ...["-waitforconnection", "-server", `127.0.0.1:${port}`],
    ],
    stdin: "piped",
    stdout: "piped",
    // Refusals are printed there.
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const output: Record<"stdout" | "stderr", string> = {
    stdout: "",
    stderr: "",
  };
  const drains = (["stdout", "stderr"] as const).map(async (name) => {
    for await (
      const text of child[name].pipeThrough(new TextDecoderStream())
    ) output[name] += text;
  });
  const blocks: string[] = [];
  for (const [index, command] of COMMANDS.entries()) {
    // Without a terminal there is no prompt: what is not there tells where it is.
    const marker = `/marker-${index}`;
    const typed = command === "quit" ? command : `${command}\nls ${marker}`;
    await writer.write(new TextEncoder().encode(`${typed}\n`));
    await until(() => command === "quit" || output.stderr.includes(marker));
    // What a watch says comes from another thread.
    await new Promise((done) => setTimeout(done, 100));
    blocks.push(`${output.stdout}\n--\n${output.stderr}`);
    output.stdout = output.stderr = "";
  }
  await child.status;
  await Promise.all(drains);
  blocks.push(`${output.stdout}\n--\n${output.stderr}`);
  return blocks.map((text) => withoutChance(text, port));
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !isSo(); tries++) {
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Leaves out what differs from run to run; events of watches come in no order. */
function withoutChance(text: string, port: number): string {
  const lines = text.replaceAll(String(port), "PORT")
    .replace(/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} \d.*$/gm, "TIME")
    .replace(/ephemeralOwner = 0x[0-9a-f]{4,}/g, "ephemeralOwner = SESSION")
    .replace(/\[zk: [^\]]*\]/g, "[zk]")
    .split("\n").map((line) => line.trimEnd());
  // Its watcher's lines fall anywhere between the others.
  const isEvent = (line: string) =>
    /^WATCHER::|^WatchedEvent/.test(line.replace(/^\[zk\] ?/, ""));
  return [
    ...lines.filter((line) =>
      !isEvent(line) && line !== "" && line !== "[zk]" &&
      !line.includes("/marker-")
    ),
    ...lines.filter(isEvent).map((line) => line.replace(/^\[zk\] ?/, ""))
      .sort(),
  ].join("\n");
}

/** Identities are a set: their order says nothing. */
function sorted(text: string): string {
  return text.split("\n").sort().join("\n");
}

async function run(
  kind: ServerKind,
  classPath: string,
  work: string,
): Promise<string[]> {
  const server = new ServerProcess(1, kind, `${work}/${kind}`, classPath);
  server.configure(DEFAULT_SETTINGS, []);
  server.spawn();
  try {
    await server.untilServes(START_TIMEOUT_MS);
    return await session(server.clientPort, classPath);
  } finally {
    await server.end();
  }
}

async function main(): Promise<number> {
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    console.log("skip everything: there is no Java on this machine");
    console.log(`0 passed, 0 failed, ${COMMANDS.length} skipped`);
    return 0;
  }
  const work = await Deno.makeTempDir({ prefix: "kq-zkcli-" });
  const [theirs, ours] = await Promise.all([
    run("zookeeper", classPath, work),
    run("kq", classPath, work),
  ]);
  await Deno.remove(work, { recursive: true });
  let failed = 0;
  for (const [index, command] of COMMANDS.entries()) {
    const [wanted, seen] = [theirs[index], ours[index]].map((text) =>
      command === "whoami" ? sorted(text) : text
    );
    if (wanted === seen) continue;
    failed++;
    console.log(`FAIL ${command}\n== ZooKeeper\n${theirs[index]}`);
    console.log(`== kq\n${ours[index]}`);
  }
  const size = theirs.join("\n").split("\n").length;
  console.log(`${size} lines printed by ZooKeeper's session`);
  console.log(
    `${COMMANDS.length - failed} passed, ${failed} failed, 0 skipped`,
  );
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
