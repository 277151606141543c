// What `kq config` says of scopes: what was in force, what is, and who keeps
// another value.

import { deepEqual, equal } from "node:assert/strict";
import {
  startTestBroker,
  type TestBroker,
} from "../core/testing/command_world.ts";

async function withBroker(
  use: (broker: TestBroker) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-config-" });
  const broker = await startTestBroker(`${directory}/data`, [
    "--override",
    "broker.id=1",
  ]);
  try {
    equal((await broker.kq(["topic", "create", "t"])).exitCode, 0);
    await use(broker);
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** `config ARGS`: rows as `[name, old value, new value, source]`, and stderr. */
async function change(broker: TestBroker, args: string) {
  const argv = ["config", ...args.split(" "), "-o", "json"];
  const { exitCode, stdout, stderr } = await broker.kq(argv);
  equal(exitCode, 0, stderr);
  const rows: { [field: string]: unknown }[] = JSON.parse(stdout);
  return {
    rows: rows.map(({ name, oldValue, newValue, source }) => {
      return [name, oldValue, newValue, source];
    }),
    overriddenBy: rows.flatMap((row) => row.overriddenBy),
    stderr,
  };
}

Deno.test("config set shows the old and the new value, and the scope that wins", () =>
  withBroker(async (broker) => {
    const set = await broker.kq(
      ["config", "set", "topic", "t", "retention.ms=1000", "-o", "table"],
    );
    equal(
      set.stdout,
      "NAME          OLD VALUE  NEW VALUE  SOURCE\n" +
        "retention.ms  604800000  1000       DYNAMIC_TOPIC_CONFIG\n",
    );
    const list = await change(broker, "set topic t cleanup.policy+=compact");
    deepEqual(list.rows, [[
      "cleanup.policy",
      "delete",
      "delete,compact",
      "DYNAMIC_TOPIC_CONFIG",
    ]]);
    const unset = await change(broker, "unset topic t retention.ms");
    deepEqual(unset.rows, [[
      "retention.ms",
      "1000",
      "604800000",
      "DEFAULT_CONFIG",
    ]]);
    equal(unset.stderr, "");
  }));

Deno.test("config set names the narrower scopes that keep their own value", () =>
  withBroker(async (broker) => {
    await change(broker, "set broker 1 message.max.bytes=6000");
    await change(broker, "set topic t max.message.bytes=77");
    const all = await change(broker, "set broker default message.max.bytes=50");
    deepEqual(all.rows, [[
      "message.max.bytes",
      "1048588",
      "50",
      "DYNAMIC_DEFAULT_BROKER_CONFIG",
    ]]);
    deepEqual(all.overriddenBy, [
      { entity: "broker 1", name: "message.max.bytes", value: "6000" },
      { entity: "topic t", name: "max.message.bytes", value: "77" },
    ]);
    equal(
      all.stderr,
      "message.max.bytes: broker 1 has a value of its own, which wins there: 6000\n" +
        "message.max.bytes: topic t has max.message.bytes of its own, which wins there: 77\n",
    );
    const back = await change(broker, "unset broker 1 message.max.bytes");
    deepEqual(back.rows, [[
      "message.max.bytes",
      "6000",
      "50",
      "DYNAMIC_DEFAULT_BROKER_CONFIG",
    ]]);
  }));

Deno.test("a dry run foresees what it does not do", () =>
  withBroker(async (broker) => {
    await change(broker, "set broker default log.retention.ms=9000");
    const dry = await change(
      broker,
      "set broker 1 log.retention.ms=8000 --dry-run",
    );
    deepEqual(dry.rows, [
      ["log.retention.ms", "9000", "8000", "DYNAMIC_BROKER_CONFIG"],
    ]);
    const unset = await change(
      broker,
      "unset broker default log.retention.ms --dry-run",
    );
    deepEqual(unset.rows[0].slice(1, 3), ["9000", "168"]);
    const { stdout } = await broker.kq(
      ["config", "get", "topic", "t", "retention.ms", "-o", "json"],
    );
    const [{ value, source, synonyms }] = JSON.parse(stdout);
    deepEqual([value, source], ["9000", "DYNAMIC_DEFAULT_BROKER_CONFIG"]);
    const wide = await broker.kq(
      ["config", "get", "topic", "t", "retention.ms", "-o", "wide"],
    );
    equal(
      wide.stdout.includes(
        " DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=9000," +
          "DEFAULT_CONFIG:log.retention.hours=168 ",
      ),
      true,
      wide.stdout,
    );
    deepEqual(synonyms.map((each: { value: string }) => each.value), [
      "9000",
      "168",
    ]);
  }));

Deno.test("secrets are not printed, and refusals have their exit codes", () =>
  withBroker(async (broker) => {
    const cases: [args: string, exitCode: number, stderr: RegExp][] = [
      ["set broker 1 log.dirs=/x", 1, /Cannot update these configs dyn/],
      ["set topic absent retention.ms=1", 4, /'absent' does not exist/],
      ["set topic t retention.mss=1", 1, /did you mean "retention\.ms"/],
      ["set broker 9 message.max.bytes=1", 1, /[Bb]roker 9/],
      ["get broker default message.max.bytes", 4, /nothing is set for all/],
      ["unset topic t a=b", 2, /a key without value/],
    ];
    for (const [args, exitCode, stderr] of cases) {
      const result = await broker.kq(["config", ...args.split(" ")]);
      equal(result.exitCode, exitCode, `${args}: ${result.stderr}`);
      equal(stderr.test(result.stderr), true, `${args}: ${result.stderr}`);
    }
    const secret = await change(
      broker,
      "set broker 1 sasl.jaas.config=hush",
    );
    equal(JSON.stringify(secret).includes("hush"), false);
  }));
