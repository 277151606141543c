// How fast kq starts on many partitions with much in them: see scripts/bench.
//
// 1,000 partitions with 10 MiB each, in batches of 1 MiB; then the broker is
// killed and started, and stopped cleanly and started, in turn. Between the kill
// and the start nothing is dropped from the page cache: a process died, not the
// machine. With `--cold`, caches are dropped before each start (as root).

import { type Broker, startKq, stop } from "./bench_brokers.ts";
import { fill } from "./bench_start_load.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { middle, printTable } from "./bench_table.ts";

const PORT = 29492;
const PARTITIONS = 1000;
const PARTITION_MIB = 10;
const ROUNDS = 3;
const FREE_BYTES_WANTED = 14 * 2 ** 30;

const isCold = Deno.args.includes("--cold");
const kq = Deno.args.find((arg) => !arg.startsWith("--")) ?? "dist/kq";
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });
const { bavail, bsize } = process.getBuiltinModule("node:fs").statfsSync(work);
if (bavail * bsize < FREE_BYTES_WANTED) {
  console.error(`bench: ${work} has not the 14 GiB free that this takes`);
  await Deno.remove(work);
  Deno.exit(1);
}

async function start(): Promise<Broker> {
  if (isCold) {
    await timed("sh", ["-c", "sync; echo 3 > /proc/sys/vm/drop_caches"]);
  }
  return await startKq(kq, PORT, `${work}/data`);
}

let broker: Broker | null = null;
try {
  await timed(kq, ["version"]);
  broker = await start();
  await timed(kq, [
    ...["topic", "create", "many", "-b", `127.0.0.1:${PORT}`],
    ...["--partitions", String(PARTITIONS)],
  ]);
  await fill({
    port: PORT,
    topic: "many",
    partitionCount: PARTITIONS,
    partitionMib: PARTITION_MIB,
  });
  console.error("bench: 10 GiB are written");
  const killed: number[] = [];
  const stopped: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    broker.process.kill("SIGKILL");
    await broker.process.status;
    broker = await start();
    killed.push(broker.startMs / 1000);
    cpu.push(cpuSeconds(broker.process.pid));
    await stop(broker);
    broker = await start();
    stopped.push(broker.startMs / 1000);
    // Written again, so that the next kill leaves the same to recover.
    if (round + 1 < ROUNDS) {
      await fill({
        port: PORT,
        topic: "many",
        partitionCount: PARTITIONS,
        partitionMib: 1,
      });
    }
    console.error(
      `bench: start round ${round + 1} of ${ROUNDS}: ` +
        `${killed.at(-1)} s killed, ${stopped.at(-1)} s stopped`,
    );
  }
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  const where = "1,000 partitions, 10 GiB";
  printTable([
    {
      figure: `start after a clean stop, ${where}, s`,
      kq: middle(stopped),
      kafka: null,
      most: 3,
    },
    {
      figure: `start after kill -9, all to recover, ${where}, s`,
      kq: killed[0],
      kafka: null,
      most: 8,
    },
    {
      figure: `start after kill -9, a tenth to recover, ${where}, s`,
      kq: middle(killed.slice(1)),
      kafka: null,
    },
    {
      figure: "processor time of the first of these, s",
      kq: cpu[0],
      kafka: null,
    },
  ]);
} finally {
  if (broker !== null) await stop(broker);
  await Deno.remove(work, { recursive: true });
}
