import { deepEqual, equal, match } from "node:assert/strict";
import { GIB, MIB } from "../core/base/units.ts";
import { runCommand, startTestBroker } from "../core/testing/command_world.ts";
import { planPartitions, type PlanRequest } from "./_partition_plan.ts";

const REQUEST: PlanRequest = {
  targetRate: 200e6,
  produceRate: 50e6,
  consumeRate: 80e6,
  replicationFactor: 3,
  cluster: {
    brokerCount: 3,
    replicasPerBroker: 0,
    segmentBytes: GIB,
    sessionTimeoutMs: 18_000,
  },
};

Deno.test("a topic needs as many partitions as the slower side asks for", () => {
  const cases: [
    produceRate: number,
    consumeRate: number,
    partitionCount: number,
    limitedBy: string,
  ][] = [
    [50e6, 80e6, 4, "produce"],
    [50e6, 20e6, 10, "consume"],
    [50e6, 50e6, 4, "produce"],
    [200e6, 200e6, 1, "produce"],
    [199e6, 400e6, 2, "produce"],
    [1e9, 1e9, 1, "produce"],
  ];
  for (const [produceRate, consumeRate, partitionCount, limitedBy] of cases) {
    const plan = planPartitions({ ...REQUEST, produceRate, consumeRate });
    deepEqual([plan.partitionCount, plan.limitedBy], [
      partitionCount,
      limitedBy,
    ]);
  }
});

Deno.test("replicas are spread over the brokers, beside those that are there", () => {
  const cluster = {
    ...REQUEST.cluster,
    brokerCount: 5,
    replicasPerBroker: 100,
  };
  const plan = planPartitions({ ...REQUEST, cluster });
  equal(plan.replicasPerBroker, 103);
  deepEqual([plan.fileHandles, plan.fileHandlesKafka], [103, 309]);
  equal(plan.producerMemoryBytes, 4 * 16_384);
  equal(plan.consumerMemoryBytes, 4 * MIB);
  // A third of the replicas lead.
  equal(plan.failoverMs, 18_000 + 35 * 2);
  equal(plan.recoveryMs.most > plan.recoveryMs.least, true);
});

Deno.test("one replica fails over to nobody, and kq's open files have a limit", () => {
  const plan = planPartitions({
    ...REQUEST,
    replicationFactor: 1,
    targetRate: 100e9,
  });
  equal(plan.partitionCount, 2000);
  equal(plan.consumerMemoryBytes, 3 * 50 * MIB);
  equal(plan.failoverMs, null);
  deepEqual([plan.fileHandles, plan.fileHandlesKafka], [512, 2001]);
});

/** `topic plan` with the rates of one partition told. */
function told(target: string, ...argv: string[]): string[] {
  const rates = ["--produce-rate", "50MB/s", "--consume-rate", "80MB/s"];
  return ["topic", "plan", "--target-throughput", target, ...rates, ...argv];
}

Deno.test("topic plan takes what it is told without a cluster", async () => {
  const argv = told("200MB/s", "--broker-count", "3");
  const table = await runCommand(argv);
  equal(table.exitCode, 0, table.stderr);
  match(table.stdout, /^PARTITION COUNT +4\n/);
  match(table.stdout, /produce 50 MB\/s, consume 80 MB\/s \(told\)/);
  equal(table.stderr, "");
  const json = JSON.parse((await runCommand([...argv, "-o", "json"])).stdout);
  deepEqual(
    [json.partitionCount, json.limitedBy, json.isMeasured, json.brokerCount],
    [4, "produce", false, 3],
  );
  const many = await runCommand(told("200GB/s", "--broker-count", "3"));
  equal(many.exitCode, 0);
  match(many.stderr, /^warning: 4000 partitions a broker, more than 2000:/);
});

Deno.test("topic plan says what is wrong with its flags", async () => {
  const cases: [argv: string[], stderr: RegExp][] = [
    [["topic", "plan"], /say what it is to carry/],
    [["topic", "plan", "-t", "fast"], /--target-throughput: .* got "fast"/],
    [
      ["topic", "plan", "-t", "1MB", "--consume-rate", "0"],
      /--consume-rate: expected bytes/,
    ],
    [
      told("1MB", "--broker-count", "2", "-r", "3"),
      /--replication-factor 3 needs as many brokers, and there are 2/,
    ],
  ];
  for (const [argv, stderr] of cases) {
    const result = await runCommand(argv);
    equal(result.exitCode, 2, argv.join(" "));
    match(result.stderr, stderr);
  }
});

Deno.test("topic plan measures a partition, and leaves nothing behind", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kq-plan-" });
  const broker = await startTestBroker(`${directory}/data`);
  try {
    const argv = ["topic", "plan", "-t", "100kB/s", "-o", "json"];
    const bounds = ["--measure-bytes", "2MB", "--measure-time", "2s"];
    const { exitCode, stdout, stderr } = await broker.kq([...argv, ...bounds]);
    equal(exitCode, 0, stderr);
    const plan = JSON.parse(stdout);
    equal(plan.isMeasured, true);
    equal(plan.partitionCount, 1);
    equal(plan.produceRate > 1000 && plan.consumeRate > 1000, true, stdout);
    const fixed = await broker.kq(told("1GB/s", "-o", "json"));
    equal(JSON.parse(fixed.stdout).partitionCount, 20);
    equal((await broker.kq(["topic", "list", "-o", "name"])).stdout, "");
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("topic create and topic alter warn of too many partitions a broker", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kq-plan-" });
  const broker = await startTestBroker(`${directory}/data`);
  try {
    const fine = await broker.kq(["topic", "create", "t", "-p", "20"]);
    equal(fine.stderr, "");
    const cases: [argv: string, count: number][] = [
      ["topic create u -p 1981 --dry-run", 2001],
      ["topic alter t -p 2005 --dry-run", 2005],
    ];
    for (const [argv, count] of cases) {
      const { exitCode, stderr } = await broker.kq(argv.split(" "));
      equal(exitCode, 0, stderr);
      match(stderr, new RegExp(`^warning: ${count} partitions a broker`));
    }
    const enough = await broker.kq(
      "topic create u -p 1980 --dry-run".split(" "),
    );
    equal(enough.stderr, "");
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
});
