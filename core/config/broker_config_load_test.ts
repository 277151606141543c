// Bad input of configuration files: each mistake gets one line with its place.

import { deepEqual, equal } from "node:assert/strict";
import { loadBrokerConfig } from "./broker_config_load.ts";
import { ConfigError } from "./config_error.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function load(text: string, overrides: string[] = [], strict = false) {
  const file = { name: "s.properties", bytes: encode(text) };
  return loadBrokerConfig({ file, overrides, strict });
}

function messageOf(text: string, overrides: string[] = [], strict = false) {
  try {
    load(text, overrides, strict);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "taken";
}

Deno.test("loadBrokerConfig() reads Kafka's own example file", () => {
  const { config, withoutEffect, doubts } = load(
    [
      "broker.id=0",
      "listeners=PLAINTEXT://localhost:9092",
      "num.network.threads=3",
      "num.io.threads=8",
      "socket.send.buffer.bytes=102400",
      "log.dirs=/tmp/kafka-logs",
      "num.partitions=1",
      "offsets.topic.replication.factor=1",
      "transaction.state.log.replication.factor=1",
      "log.retention.hours=168",
      "zookeeper.connect=localhost:2181",
      "group.initial.rebalance.delay.ms=0",
    ].join("\n"),
  );
  equal(config["broker.id"], 0);
  equal(config["node.id"], 0);
  equal(config["zookeeper.connect"], "localhost:2181");
  deepEqual(
    ["num.io.threads", "num.network.threads", "num.partitions", "log.dirs"]
      .filter((key) => withoutEffect.includes(key)),
    ["num.io.threads", "num.network.threads"],
  );
  deepEqual(doubts, []);
});

Deno.test("loadBrokerConfig() lets overrides win, the last first, then the file", () => {
  const file = { name: "f", bytes: encode("num.partitions=2\nlog.dirs=/f") };
  const { config, texts } = loadBrokerConfig({
    file,
    overrides: ["num.partitions=3", "num.partitions = 4"],
    fallbacks: new Map([["log.dirs", "./kq-data"], ["broker.rack", "r"]]),
  });
  equal(config["num.partitions"], 4);
  equal(config["log.dirs"], "/f");
  equal(config["broker.rack"], "r");
  equal(texts.get("num.partitions"), " 4");
});

Deno.test("loadBrokerConfig() refuses an unknown key and says what was meant", () => {
  equal(
    messageOf("# mine\nlog.dirss=/a"),
    "s.properties:2 log.dirss: expected a broker's configuration key, got an " +
      'unknown one, did you mean "log.dirs"?',
  );
  equal(
    messageOf("", ["num.partitons=1"]),
    "--override num.partitons: expected a broker's configuration key, got an " +
      'unknown one, did you mean "num.partitions"?',
  );
});

Deno.test("loadBrokerConfig() takes keys of one listener and of plugins", () => {
  const { withoutEffect } = load(
    "listener.name.internal.ssl.client.auth=none\nrsm.config.bucket=b\n",
  );
  equal(withoutEffect.at(-1), "rsm.config.bucket");
});

Deno.test("loadBrokerConfig() names file, line, key, what it wants and what it got", () => {
  const range = "expected a whole number from 14 to 2147483647";
  const cases: [text: string, message: string][] = [
    [
      "log.segment.bytes=10MB",
      `${range}, got "10MB" (units are not read; write 10485760)`,
    ],
    ["log.segment.bytes=9999999999", `${range}, got "9999999999"`],
    ["log.segment.bytes=-5", `${range}, got "-5"`],
    [
      "log.segment.bytes=1.048.576",
      `${range}, got "1.048.576" (write 1048576)`,
    ],
    ["log.segment.bytes=1048576x", `${range}, got "1048576x"`],
  ];
  for (const [text, message] of cases) {
    equal(messageOf(text), `s.properties:1 log.segment.bytes: ${message}`);
  }
  equal(messageOf("\ufefflog.segment.bytes=1048576  \t\r\n"), "taken");
  equal(messageOf("log.segment.bytes\t=\t1048576\r\n"), "taken");
  // More than a request may have, which Apache Kafka takes as well.
  equal(messageOf("message.max.bytes=200000000"), "taken");
});

Deno.test("loadBrokerConfig() refuses keys that contradict each other", () => {
  const cases: [text: string, message: string][] = [
    ["log.dirs=/a,/b,/a/", "expected each directory once, got /a twice"],
    [
      "log.dirs=/a/b/../c,/a",
      "expected directories beside each other, got /a/c inside /a",
    ],
    ["log.dirs=,", "expected at least one directory, got none"],
    ["broker.id=1\nnode.id=2", "expected the same as broker.id (1), got 2"],
    ["broker.id=-2", "expected -1 or more, got -2"],
    [
      "broker.id=1001",
      "expected at most reserved.broker.max.id (1000) while broker.id.generation.enable is true, got 1001",
    ],
    [
      "listeners=PLAINTEXT://h:1,SSL://h:2",
      "expected a key for the listener SSL, which speaks SSL, got nothing",
    ],
    [
      "listeners=OWN://h:1",
      'expected a protocol for the listener OWN, got "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"',
    ],
    [
      "listeners=PLAINTEXT://h:1\nadvertised.listeners=PLAINTEXT://0.0.0.0:1",
      'expected an address that clients can connect to, got "PLAINTEXT://0.0.0.0:1"',
    ],
    [
      "listeners=PLAINTEXT://0.0.0.0:1",
      'expected an address for PLAINTEXT that clients can connect to, got "nothing, and 0.0.0.0:1 in listeners"',
    ],
    [
      "listeners=PLAINTEXT://h:1\nadvertised.listeners=OUT://h:1",
      'expected names out of listeners (PLAINTEXT), got "OUT"',
    ],
    [
      "inter.broker.listener.name=INSIDE",
      "expected a name out of listeners (PLAINTEXT), got INSIDE",
    ],
    ["log.retention.ms=0", "expected -1, or 1 and more, got 0"],
    [
      "replica.lag.time.max.ms=100",
      "expected at most replica.lag.time.max.ms (100), got 500",
    ],
    [
      "group.min.session.timeout.ms=9000000",
      "expected at most group.max.session.timeout.ms (1800000), got 9000000",
    ],
  ];
  for (const [text, message] of cases) {
    const got = messageOf(text);
    equal(got.slice(got.indexOf("expected")), message, text);
  }
});

Deno.test("loadBrokerConfig() with strict refuses what it else remarks on", () => {
  equal(load("min.insync.replicas=2").doubts.length, 1);
  equal(
    messageOf("auto.include.jmx.reporter=true", [], true),
    "s.properties:1 auto.include.jmx.reporter: expected a key that means " +
      "something in kq, got one without effect (--strict refuses it)",
  );
  equal(
    messageOf("min.insync.replicas=2", [], true).startsWith("min.insync"),
    true,
  );
});

Deno.test("loadBrokerConfig() refuses an override without value", () => {
  equal(
    messageOf("", ["log.dirs"]),
    '--override expected KEY=VALUE, got "log.dirs"',
  );
});

Deno.test("loadBrokerConfig() takes broker.id and node.id for one", () => {
  for (const text of ["broker.id=7", "node.id=7"]) {
    const { config, texts } = load(text);
    deepEqual([config["broker.id"], config["node.id"]], [7, 7]);
    deepEqual([texts.get("broker.id"), texts.get("node.id")], ["7", "7"]);
  }
  equal(load("").texts.has("node.id"), false);
});
