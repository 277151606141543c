import { deepEqual, equal, rejects } from "node:assert/strict";
import { FakeProcess } from "../testing/fake_process.ts";
import { simHost } from "../testing/sim_host.ts";
import type { CommandContext } from "./command.ts";
import { clientConfig, type ConnectionFlags } from "./connection.ts";
import { Output } from "./output.ts";

interface Files {
  readonly [path: string]: string;
}

function world(files: Files, env: { [name: string]: string } = {}) {
  const { host } = simHost(1);
  for (const [path, text] of Object.entries(files)) {
    host.disk.makeDirectory(path.replace(/\/[^/]*$/, ""));
    const file = host.disk.open(path, "create");
    file.writeAt(new TextEncoder().encode(text), 0);
    file.close();
  }
  const process = new FakeProcess({ env: { HOME: "/home/me", ...env } });
  const notes: string[] = [];
  const context: CommandContext = {
    host,
    process,
    table: [],
    out: new Output(process),
    interrupted: new AbortController().signal,
    note: (line) => notes.push(line),
    fail: (line) => notes.push(line),
    confirm: () => Promise.resolve(false),
  };
  return { context, notes };
}

function flags(given: Partial<ConnectionFlags> = {}): ConnectionFlags {
  return {
    "bootstrap-server": undefined,
    "command-config": undefined,
    profile: undefined,
    X: [],
    timeout: undefined,
    ...given,
  };
}

const PROFILES = `current = "home"
[profiles.home]
"bootstrap.servers" = "home:1"
"client.id" = "me"
[profiles.work]
bootstrap.servers = "work:1"
`;
const PATH = "/home/me/.config/kq/config.toml";

Deno.test("clientConfig() takes the server from flag, file, profile, environment, default", async () => {
  const files = {
    [PATH]: PROFILES,
    "/c.properties": "bootstrap.servers=file:1",
  };
  const env = { KQ_BOOTSTRAP_SERVER: "env:1" };
  const cases: [
    Files,
    { [name: string]: string },
    Partial<ConnectionFlags>,
    string,
  ][] = [
    [{}, {}, {}, "127.0.0.1:9092"],
    [{}, env, {}, "env:1"],
    [files, {}, {}, "home:1"],
    [files, env, {}, "env:1"],
    [files, env, { profile: "work" }, "work:1"],
    [
      files,
      env,
      { profile: "work", "command-config": "/c.properties" },
      "file:1",
    ],
    [files, env, {
      "command-config": "/c.properties",
      X: ["bootstrap.servers=x:1"],
    }, "x:1"],
    [
      files,
      env,
      { X: ["bootstrap.servers=x:1"], "bootstrap-server": "flag:1" },
      "flag:1",
    ],
  ];
  for (const [given, environment, options, expected] of cases) {
    const { context } = world(given, environment);
    const config = await clientConfig(context, flags(options));
    equal(config.get("bootstrap.servers"), expected);
  }
});

Deno.test("clientConfig() carries other keys, and the timeout", async () => {
  const { context } = world({ [PATH]: PROFILES });
  const config = await clientConfig(
    context,
    flags({ timeout: 1500, X: ["acks=1"] }),
  );
  deepEqual(
    ["client.id", "acks", "default.api.timeout.ms"].map((key) =>
      config.get(key)
    ),
    ["me", "1", "1500"],
  );
});

Deno.test("clientConfig() refuses wrong keys, values, files and profiles", async () => {
  const files = { [PATH]: PROFILES, "/bad.properties": "a.b=1\nacks=maybe\n" };
  const cases: [Partial<ConnectionFlags>, RegExp][] = [
    [
      { X: ["akcs=1"] },
      /-X: unknown client configuration key "akcs", did you mean "acks"\?/,
    ],
    [{ X: ["acks"] }, /-X: expected KEY=VALUE, got "acks"/],
    [{ X: ["linger.ms=-1"] }, /linger\.ms: expected a whole number from 0/],
    [{ "command-config": "/none" }, /\/none/],
    [
      { "command-config": "/bad.properties" },
      /^ConfigError: \/bad\.properties:2 acks: expected one of all, -1, 0, 1, got "maybe"/,
    ],
    [{ profile: "wrok" }, /no profile "wrok" in .*, did you mean "work"\?/],
  ];
  for (const [options, message] of cases) {
    const { context } = world(files);
    await rejects(clientConfig(context, flags(options)), message);
  }
  const { context, notes } = world(files);
  await rejects(
    clientConfig(context, flags({ "command-config": "/bad.properties" })),
  );
  deepEqual(notes, [
    "/bad.properties:1 a.b: no client configuration key, ignored",
  ]);
  await rejects(
    clientConfig(world({ [PATH]: "current = [" }).context, flags()),
    /config\.toml is no TOML/,
  );
});
