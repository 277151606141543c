import { throws } from "node:assert/strict";
import type { BrokerConfigLayers } from "./broker_layers.ts";
import { ConfigError } from "./config_error.ts";
import { checkDynamicConfig, type DynamicScope } from "./dynamic_checks.ts";

type Texts = { readonly [key: string]: string };

interface Setting {
  readonly fixed?: Texts;
  readonly stored?: Texts;
  readonly scope?: DynamicScope;
}

function check(
  wanted: Texts,
  { fixed = {}, stored = {}, scope = "per-broker" }: Setting = {},
): void {
  const layers = (texts: Texts): BrokerConfigLayers => {
    const dynamic = new Map(Object.entries(texts));
    return {
      fixed: new Map(Object.entries(fixed)),
      clusterWide: scope === "cluster-wide" ? dynamic : new Map(),
      thisBroker: scope === "per-broker" ? dynamic : new Map(),
    };
  };
  checkDynamicConfig({ scope, before: layers(stored), after: layers(wanted) });
}

Deno.test("checkDynamicConfig() refuses what a running broker cannot take", () => {
  const cases: [wanted: Texts, message: RegExp][] = [
    [{ "log.dirs": "/a" }, /^Cannot update these configs dynamically: log\.d/],
    [{ "max.conections": "1" }, /did you mean "max\.connections"/],
    [{ "max.connections": "x" }, /expected a whole number from 0/],
    [{ "max.connections": "0" }, /expected 1 or more, got 0/],
    [{ "max.connection.creation.rate": "0" }, /expected 1 or more, got 0/],
    [{ "max.connections.per.ip": "0" }, /0 only where .*overrides lets/],
    [{ "max.connections.per.ip.overrides": "a:x" }, /HOST:COUNT by comma/],
    [{ "num.io.threads": "17" }, /num\.io\.threads=17.*double.* value 8/],
    [{ "num.io.threads": "3" }, /num\.io\.threads=3.*half.* value 8/],
    [{ "log.cleaner.threads": "3" }, /double the current value 1/],
    [{ "log.cleaner.dedupe.buffer.size": "1048576" }, /more than 1 MiB for/],
    [{ "ssl.keystore.location": "/k" }, /only per-listener/],
    [
      { "listener.name.a.max.connections": "1" },
      /of the whole broker, .*: set max\.connections$/,
    ],
    [{ "log.retention.ms": "0" }, /-1, or 1 and more, got 0/],
    [{ "listeners": "PLAINTEXT://:1" }, /listeners are bound at the start/],
    [
      { "listener.security.protocol.map": "A:PLAINTEXT" },
      /listeners are bound at the start/,
    ],
    [{ "advertised.listeners": "NO://a:1" }, /names out of listeners/],
  ];
  for (const [wanted, message] of cases) {
    throws(
      () => check(wanted),
      (error) => error instanceof ConfigError && message.test(error.message),
      `${JSON.stringify(wanted)}`,
    );
  }
});

Deno.test("keys of one broker are refused for all of them", () => {
  throws(
    () => check({ "listeners": "A://b:1" }, { scope: "cluster-wide" }),
    /at default cluster level, broker id must be specified: listeners/,
  );
});

Deno.test("checkDynamicConfig() takes what a running broker can", () => {
  const fine: Texts[] = [
    { "max.connections": "1" },
    { "num.io.threads": "16" },
    { "num.io.threads": "4" },
    { "log.cleaner.threads": "2" },
    { "max.connections.per.ip.overrides": "::1:5, b:0" },
    {
      "max.connections.per.ip": "0",
      "max.connections.per.ip.overrides": "a:1",
    },
    { "log.retention.ms": "-2" },
    { "message.max.bytes": "104857601" },
  ];
  for (const wanted of fine) check(wanted);
});

Deno.test("what another broker stored does not keep the rest from changing", () => {
  const stored = { "a.plugin.has": "1", "log.dirs": "/a" };
  check({ ...stored, "message.max.bytes": "5" }, { stored });
  throws(
    () => check({ ...stored, "a.plugin.has": "2" }, { stored }),
    /a\.plugin\.has: expected a broker's configuration key/,
  );
});
