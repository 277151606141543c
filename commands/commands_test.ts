// Whole command lines against a broker in this process.

import { deepEqual, equal, match } from "node:assert/strict";
import { run } from "../core/cli/run.ts";
import { denoHost } from "../core/host/deno_host.ts";
import {
  startTestBroker,
  type TestBroker,
} from "../core/testing/command_world.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { commands } from "./mod.ts";

async function withBroker(
  use: (broker: TestBroker) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-commands-" });
  const broker = await startTestBroker(`${directory}/data`);
  try {
    await use(broker);
  } finally {
    await broker.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** The standard output of a command that has to succeed. */
async function printed(
  broker: TestBroker,
  argv: string[],
  stdin?: string | Uint8Array,
): Promise<string> {
  const { exitCode, stdout, stderr } = await broker.kq(argv, { stdin });
  equal(exitCode, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

Deno.test("a first session: create, produce, consume from an offset, list", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "orders", "--partitions", "3"]);
    const sent = await broker.kq(["produce", "orders", "-p", "0"], {
      stdin: "a\nb\nc\n",
    });
    equal(sent.stderr, "3 records sent: orders:0 3 (offsets 0 to 2)\n");
    equal(sent.stdout, "");
    const from = ["consume", "orders:0", "--from-offset", "2", "--until-end"];
    equal(await printed(broker, from), "c\n");
    equal(await printed(broker, ["topic", "list", "-o", "name"]), "orders\n");
    const info = JSON.parse(
      await printed(broker, ["cluster", "info", "-o", "json"]),
    );
    equal(`${info.brokers[0].host}:${info.brokers[0].port}`, broker.address);
  }));

Deno.test("consume takes every form of where to read from and to", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t", "-p", "2"]);
    const lines = Array.from(
      { length: 10 },
      (_, i) =>
        JSON.stringify({
          value: `v${i}`,
          partition: 0,
          timestamp: 1000 + i * 1000,
        }),
    );
    await printed(broker, ["produce", "t", "-i", "ndjson"], lines.join("\n"));
    const cases: [flags: string[], values: string][] = [
      [["--until-end"], "0123456789"],
      [["-s", "earliest", "-n", "2"], "01"],
      [["--from-beginning", "-n", "1"], "0"],
      [["-s", "7", "--until-end"], "789"],
      [["-s", "-3", "--until-end"], "789"],
      [["-s", "+8", "--until-end"], "89"],
      [["-s", "@4000", "-e", "5"], ""],
      [["-s", "@1970-01-01T00:00:04Z", "-e", "5"], "34"],
      [["-s", "2", "--to-offset", "4"], "23"],
      [["-s", "start", "-e", "@1970-01-01T00:00:03"], "01"],
      [["-s", "latest", "--until-end"], ""],
      [["-s", "100", "--until-end"], ""],
      [["--max-messages", "0"], ""],
      [["-e", "latest", "-s", "-1"], "9"],
      [["-e", "-8"], "01"],
    ];
    for (const [flags, values] of cases) {
      const out = await printed(broker, [
        "consume",
        "t:0",
        ...flags,
        "-f",
        "%v",
      ]);
      equal(out.replaceAll("v", ""), values, flags.join(" "));
    }
    const idle = await broker.kq([
      "consume",
      "t",
      "-s",
      "latest",
      "--idle-timeout",
      "50ms",
    ]);
    deepEqual([idle.exitCode, idle.stderr], [
      5,
      "kq consume: no record came for 50 ms\n",
    ]);
  }));

Deno.test("ndjson copies records exactly", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "a", "b", "-p", "2"]);
    const lines = [
      {
        value: "text é",
        key: "k",
        partition: 0,
        timestamp: 5,
        headers: [{ key: "h", value: "1" }, { key: "h", value: null }, {
          key: "",
          value: "",
        }],
      },
      { value: null, key: "", partition: 1, timestamp: 6 },
      { value: "", key: null, partition: 1, timestamp: 7 },
      {
        value: { base64: "/wA=" },
        key: { base64: "gA==" },
        partition: 0,
        timestamp: 8,
      },
    ].map((record) => JSON.stringify(record)).join("\n");
    await printed(
      broker,
      ["produce", "a", "-i", "ndjson", "-z", "zstd"],
      lines,
    );
    const first = await printed(broker, [
      "consume",
      "a",
      "--until-end",
      "-o",
      "ndjson",
    ]);
    await printed(broker, ["produce", "b", "-i", "ndjson"], first);
    const second = await printed(broker, [
      "consume",
      "b",
      "--until-end",
      "-o",
      "ndjson",
    ]);
    const sorted = (text: string) => text.trim().split("\n").sort();
    deepEqual(
      sorted(second.replaceAll('"topic":"b"', '"topic":"a"')),
      sorted(first),
    );
    equal(sorted(first).length, 4);
    match(first, /"key":\{"base64":"gA=="\}/);
    const json = JSON.parse(
      await printed(broker, ["consume", "a:1", "--until-end", "-o", "json"]),
    );
    deepEqual(json.map((record: { value: unknown }) => record.value), [
      null,
      "",
    ]);
    equal(
      await printed(broker, [
        "consume",
        "a",
        "-s",
        "end",
        "--until-end",
        "-o",
        "json",
      ]),
      "[]\n",
    );
  }));

Deno.test("produce splits keys, adds headers, sends tombstones and bytes that are no text", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    await printed(
      broker,
      ["produce", "t", "-k", ":", "-H", "a=b", "-H", "a=c"],
      "k:v:w\n",
    );
    await printed(
      broker,
      ["produce", "t", "-k", "\\t", "--tombstone"],
      "k\t\n",
    );
    await printed(broker, ["produce", "t", "--key", "gone", "--tombstone"]);
    await printed(
      broker,
      ["produce", "t"],
      Uint8Array.of(0xff, 0x80, 10, 0x61),
    );
    const out = await printed(broker, [
      "consume",
      "t",
      "--until-end",
      "-f",
      "%k|%K|%v{hex}|%V|%h{%k=%v,}\\n",
    ]);
    equal(
      out,
      "k|1|763a77|3|a=b,a=c,\nk|1||-1|\ngone|4||-1|\n|-1|ff80|2|\n|-1|61|1|\n",
    );
  }));

Deno.test("a record that cannot be sent exits with 1 and names its line", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    const cases: [flags: string[], stdin: string, stderr: RegExp][] = [
      [
        ["-k", ":"],
        "a:1\nb\n",
        /^kq produce: line 2: expected ":" after "b"\n1 record sent: .*, 1 failed\n$/,
      ],
      [
        ["-i", "ndjson"],
        '{"value":"a"}\n\n{"value":1}\n',
        /line 3: value: expected a text/,
      ],
      [
        ["-i", "ndjson"],
        '{"value":"a","partition":9}\n',
        /line 1: Topic t has no partition 9/,
      ],
      [["-p", "3"], "a\n", /line 1: Topic t has no partition 3: it has 1/],
      [
        ["-X", "max.request.size=100"],
        `${"x".repeat(200)}\n`,
        /line 1: .*max\.request\.size=100/,
      ],
    ];
    for (const [flags, stdin, stderr] of cases) {
      const result = await broker.kq(["produce", "t", ...flags], { stdin });
      equal(result.exitCode, 1, flags.join(" "));
      match(result.stderr, stderr);
    }
  }));

Deno.test("exit codes tell what went wrong", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    const cases: [argv: string[], exitCode: number, stderr: RegExp][] = [
      [
        ["topic", "create", "t"],
        3,
        /^kq topic create: t: .*exists.*TOPIC_ALREADY_EXISTS/,
      ],
      [["topic", "create", "t", "--if-not-exists"], 0, /^$/],
      [["topic", "create", "t", "u"], 1, /t: .*exists/],
      [
        ["topic", "describe", "absent"],
        4,
        /^kq topic describe: absent: .*UNKNOWN_TOPIC_OR_PARTITION/,
      ],
      [["topic", "delete", "absent", "--yes"], 4, /absent/],
      [["topic", "delete", "absent", "--yes", "--if-exists"], 0, /^$/],
      [["topic", "delete", "t"], 2, /Say so with --yes/],
      [["topic", "create", "a/b"], 2, /"a\/b" is no topic name/],
      [
        ["topic", "create", "v", "--partitions", "abc"],
        2,
        /--partitions: expected a whole number of at least 1, got "abc"/,
      ],
      [
        ["topic", "create", "v", "--config", "retention.m=1"],
        1,
        /retention\.m.*did you mean "retention\.ms"/,
      ],
      [["topic", "create", "v", "-r", "3"], 1, /INVALID_REPLICATION_FACTOR/],
      [["topic", "alter", "t", "--partitions", "1"], 1, /INVALID_PARTITIONS/],
      [["topic", "alter", "t"], 2, /nothing to alter/],
      [["consume", "absent"], 4, /topic absent does not exist/],
      [["consume", "t:7"], 4, /topic t has no partition 7/],
      [["consume", "t", "-s", "soon"], 2, /expected an offset/],
      [
        ["consume", "t", "-s", "stored"],
        2,
        /stored offsets need the name of a group/,
      ],
      [["consume", "t", "-f", "%q"], 2, /%q means nothing here/],
      [["consume", "t", "--from-offset"], 2, /--from-offset needs a value/],
      [["consume", "t", "--nope"], 2, /unknown flag --nope/],
      [["config", "get", "topic", "absent"], 4, /absent/],
      [
        ["config", "get", "topic", "t", "no.such.key"],
        4,
        /topic t has no key no\.such\.key/,
      ],
      [
        ["config", "set", "topic", "t", "retention.ms=soon"],
        1,
        /retention\.ms/,
      ],
      [
        ["config", "set", "user", "u", "a=b"],
        2,
        /configuration of a user \(quotas\) is not kept yet/,
      ],
      [["topic", "purge", "t"], 2, /say which records/],
    ];
    for (const [argv, exitCode, stderr] of cases) {
      const result = await broker.kq(argv);
      equal(result.exitCode, exitCode, `${argv.join(" ")}: ${result.stderr}`);
      match(result.stderr, stderr, argv.join(" "));
      equal(result.stderr.split("\n").length <= 2, true, result.stderr);
    }
  }));

Deno.test("JSON stays one document when items failed", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    const { stdout, exitCode } = await broker.kq([
      "topic",
      "describe",
      "t",
      "absent",
      "-o",
      "json",
    ]);
    equal(exitCode, 1);
    const [found, missing] = JSON.parse(stdout);
    equal(found.partitions.length, 1);
    match(missing.error, /UNKNOWN_TOPIC_OR_PARTITION/);
  }));

Deno.test("topics are altered, configured, purged and deleted", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t", "-c", "retention.ms=5000"]);
    await printed(broker, ["produce", "t"], "a\nb\nc\n");
    await printed(broker, [
      "topic",
      "alter",
      "t",
      "-p",
      "3",
      "-c",
      "cleanup.policy=compact",
      "--delete-config",
      "retention.ms",
    ]);
    await printed(broker, [
      "config",
      "set",
      "topic",
      "t",
      "cleanup.policy+=delete",
      "segment.bytes=2048",
    ]);
    await printed(broker, ["config", "unset", "topic", "t", "segment.bytes"]);
    const configs = JSON.parse(
      await printed(broker, ["config", "get", "topic", "t", "-o", "json"]),
    );
    deepEqual(
      configs.map((
        { name, value, source }: { [field: string]: string },
      ) => [name, value, source]),
      [
        ["cleanup.policy", "compact,delete", "DYNAMIC_TOPIC_CONFIG"],
      ],
    );
    await printed(broker, [
      "config",
      "set",
      "topic",
      "t",
      "cleanup.policy=delete",
    ]);
    const purged = JSON.parse(
      await printed(broker, [
        "topic",
        "purge",
        "t:0",
        "--before",
        "2",
        "-y",
        "-o",
        "json",
      ]),
    );
    deepEqual(purged, [{
      topic: "t",
      partition: 0,
      beforeOffset: 2,
      earliestOffset: 2,
    }]);
    equal(
      await printed(broker, ["consume", "t", "-s", "0", "--until-end"]),
      "c\n",
    );
    const [described] = JSON.parse(
      await printed(broker, ["topic", "describe", "t", "-o", "json"]),
    );
    deepEqual(described.configs, { "cleanup.policy": "delete" });
    deepEqual([
      described.partitions.length,
      described.partitions[0].earliestOffset,
    ], [3, 2]);
    const dirs = JSON.parse(
      await printed(broker, ["log", "dirs", "t:0", "-o", "json"]),
    );
    equal(dirs.length, 1);
    await printed(broker, ["topic", "delete", "-r", "t|x.*", "--yes"]);
    equal(await printed(broker, ["topic", "list", "-o", "json"]), "[]\n");
  }));

Deno.test("purge takes Kafka's file of offsets, and names what is wrong in it", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    await printed(broker, ["produce", "t"], "a\nb\n");
    const path = await Deno.makeTempFile();
    const cases: [text: string, exitCode: number, stderr: RegExp][] = [
      [
        '{"version":1,"partitions":[{"topic":"t","partition":0,"offset":1},]}',
        2,
        /is no JSON/,
      ],
      [
        '{"version":2,"partitions":[{"topic":"t","partition":0,"offset":1}]}',
        2,
        /version: expected 1, got 2/,
      ],
      [
        '{"version":1,"partitions":[{"topic":"t","partition":"0","offset":1}]}',
        2,
        /partitions\[0\]: expected topic, partition and offset/,
      ],
      [
        '{"version":1,"partitions":[{"topic":"t","partition":0,"offset":1}]}',
        0,
        /^$/,
      ],
    ];
    for (const [text, exitCode, stderr] of cases) {
      await Deno.writeTextFile(path, text);
      const result = await broker.kq([
        "topic",
        "purge",
        "--offset-json-file",
        path,
        "--yes",
      ]);
      equal(result.exitCode, exitCode, result.stderr);
      match(result.stderr, stderr);
    }
    equal(await printed(broker, ["consume", "t", "--until-end"]), "b\n");
    await Deno.remove(path);
  }));

Deno.test("perf prints the lines of Kafka's own tools", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    const sent = await printed(broker, [
      "perf",
      "produce",
      "--topic",
      "t",
      "--num-records",
      "5000",
      "--record-size",
      "100",
      "--throughput",
      "-1",
      "--producer-props",
      "acks=1",
      "linger.ms=1",
    ]);
    match(
      sent,
      /^5000 records sent, \d+\.\d{6} records\/sec \(\d+\.\d\d MB\/sec\), \d+\.\d\d ms avg latency, \d+\.\d\d ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.\n$/,
    );
    const read = await printed(broker, [
      "perf",
      "consume",
      "t",
      "--messages",
      "5000",
    ]);
    const [header, line] = read.split("\n");
    equal(
      header,
      "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec",
    );
    match(
      line,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}, .*, 0\.4768, .*, 5000, /,
    );
  }));

Deno.test("consume and produce end with 0 on a broken pipe, with 130 on Ctrl-C", () =>
  withBroker(async (broker) => {
    await printed(broker, ["topic", "create", "t"]);
    await printed(broker, ["perf", "produce", "t", "-n", "2000", "-s", "1000"]);
    const broken = await broker.kq(["consume", "t"], {
      stdoutCapacityBytes: 100_000,
    });
    deepEqual([broken.exitCode, broken.stderr], [0, ""]);
    const interrupted = async (
      argv: string[],
      process: FakeProcess,
      reached: () => Promise<boolean>,
    ) => {
      const running = run(argv, {
        host: denoHost(),
        process,
        table: commands,
      });
      do await new Promise((done) => setTimeout(done, 50)); while (
        !await reached()
      );
      process.signal("SIGINT");
      equal(await running, 130);
    };
    const env = { KQ_BOOTSTRAP_SERVER: broker.address };
    const reading = new FakeProcess({ env });
    const allRead = () =>
      Promise.resolve(reading.stdout.split('"offset":').length > 2000);
    await interrupted(["consume", "t", "-o", "json"], reading, allRead);
    equal(JSON.parse(reading.stdout).length, 2000);
    const writing = new FakeProcess({
      env,
      stdin: "whole\ncut",
      stdinStaysOpen: true,
    });
    const isWritten = async () => {
      const next = ["consume", "t:0", "--from-offset", "2000", "-n", "1"];
      return (await printed(broker, next)).length > 0;
    };
    await interrupted(["produce", "t"], writing, isWritten);
    match(writing.stderr, /^1 record sent: t:0 1 /);
  }));
