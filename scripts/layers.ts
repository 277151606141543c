// Which part of kq may import which: the table that the lint plugin enforces and
// that README's map is printed from.
//
//   deno run scripts/layers.ts

/** A folder of `core/`, or one of the places above it. */
export interface Layer {
  readonly name: string;
  /** What it is, for the map. */
  readonly is: string;
  /** What it may import besides itself and `base`; `*` is all but `testing`. */
  readonly mayImport: readonly string[] | "*";
}

const UPWARD = ["host", "config", "metrics", "wire"];

/** From the ground up: a layer stands below those that may import it. */
export const layers: readonly Layer[] = [
  {
    name: "base",
    is: "assertions, bytes, checksums, queues: no domain",
    mayImport: [],
  },
  {
    name: "host",
    is: "clock, disk, network, chance: the world, behind one interface",
    mayImport: [],
  },
  {
    name: "wire",
    is: "the bytes of Kafka's and ZooKeeper's messages",
    mayImport: [],
  },
  { name: "compress", is: "the five compressions, bounded", mayImport: [] },
  {
    name: "config",
    is: "every configuration key, as rows of a table",
    mayImport: [],
  },
  { name: "metrics", is: "plain counters for the hot path", mayImport: [] },
  {
    name: "cli",
    is: "flags, expressions, output formats, exit codes",
    mayImport: ["host", "config", "wire"],
  },
  {
    name: "coordination",
    is: "what kq asks of a coordinator: a session on a tree of znodes",
    mayImport: ["wire"],
  },
  {
    name: "record",
    is: "record batches and message sets",
    mayImport: ["wire", "compress"],
  },
  {
    name: "log",
    is: "the segment log of a partition, in Kafka's file formats",
    mayImport: [...UPWARD, "compress", "record"],
  },
  {
    name: "rpc",
    is: "requests and responses over a connection",
    mayImport: ["host", "metrics", "wire"],
  },
  {
    name: "replication",
    is: "one log, two commit rules",
    mayImport: [...UPWARD, "record", "log", "rpc"],
  },
  {
    name: "ensemble",
    is: "the coordinator: znode tree, sessions, watches, its log",
    mayImport: [
      ...UPWARD,
      "coordination",
      "record",
      "log",
      "rpc",
      "replication",
    ],
  },
  {
    name: "client",
    is: "connections, metadata, producer, consumer, admin",
    mayImport: [...UPWARD, "coordination", "record", "compress", "rpc"],
  },
  {
    name: "controller",
    is: "cluster metadata, election, assignment",
    mayImport: [...UPWARD, "coordination", "rpc", "client"],
  },
  {
    name: "shards",
    is: "the state of an internal topic's partition, replayed from its log",
    mayImport: ["host", "wire", "record", "log"],
  },
  {
    name: "groups",
    is: "consumer groups and their offsets",
    mayImport: [...UPWARD, "compress", "record", "log", "shards"],
  },
  {
    name: "transactions",
    is: "producer ids, transaction state, markers",
    mayImport: [...UPWARD, "compress", "record", "log", "shards"],
  },
  {
    name: "security",
    is: "TLS, SASL, ACLs, quotas",
    mayImport: UPWARD,
  },
  {
    name: "monitor",
    is: "metrics for others, health, the console",
    mayImport: ["host", "config", "metrics"],
  },
  {
    name: "broker",
    is: "the server: from an API key to a handler",
    mayImport: [
      ...UPWARD,
      "compress",
      "coordination",
      "record",
      "log",
      "rpc",
      "replication",
      "client",
      "controller",
      "shards",
      "groups",
      "transactions",
      "security",
      "monitor",
    ],
  },
  {
    name: "mirror",
    is: "copies topics between clusters",
    mayImport: ["host", "config", "metrics", "record", "client"],
  },
  {
    name: "streams",
    is: "the library of topologies, stores, windows, joins",
    mayImport: ["host", "config", "metrics", "record", "client"],
  },
  {
    name: "sql",
    is: "queries over streams",
    mayImport: ["host", "config", "metrics", "client", "streams"],
  },
  {
    name: "testing",
    is: "the simulator; imported by tests and scripts only",
    mayImport: "*",
  },
  {
    name: "commands",
    is: "one thin file a command, none knows another",
    mayImport: "*",
  },
  {
    name: "main",
    is: "from arguments to a command to an exit code",
    mayImport: ["commands", "cli", "host"],
  },
  {
    name: "scripts",
    is: "building, testing, measuring; no part of kq",
    mayImport: "*",
  },
];

const byName = new Map(layers.map((layer) => [layer.name, layer]));

/**
 * The layer of a file, by its path from the project's root.
 *
 * @returns `undefined` where the path is in no layer.
 */
export function layerOf(path: string): Layer | undefined {
  const [first, second, third] = path.split("/");
  if (path === "main.ts") return byName.get("main");
  if (first === "core") {
    return third === undefined ? undefined : byName.get(second);
  }
  return second === undefined ? undefined : byName.get(first);
}

/** Tests and benchmarks: they may reach for what the code beside them may not. */
export function isTest(path: string): boolean {
  return /_(test|bench)\.ts$/.test(path) ||
    path.startsWith("core/testing/") || path.startsWith("scripts/");
}

/**
 * Why a file may not import another; `null` where it may.
 *
 * @param from Path of the importing file from the project's root.
 * @param to Path of the imported file from the project's root.
 */
export function whyNotImport(from: string, to: string): string | null {
  if (isPrivateOfAnother(from, to)) {
    return `${to} is private to its folder; import what the folder exports`;
  }
  const source = layerOf(from);
  const target = layerOf(to);
  if (source === undefined) {
    return `${from} is in no layer of scripts/layers.ts`;
  }
  if (target === undefined) return `${to} is in no layer of scripts/layers.ts`;
  if (isTest(from) || to.startsWith("testdata/")) return null;
  if (target.name === "testing" || target.name === "scripts") {
    return `only tests and scripts import ${target.name}`;
  }
  if (source.name === "commands") return whyNotCommand(from, to);
  if (source === target || target.name === "base") return null;
  if (source.mayImport === "*" || source.mayImport.includes(target.name)) {
    return null;
  }
  const allowed = ["base", ...source.mayImport].join(", ");
  return `layer ${source.name} may import ${allowed}, not ${target.name}`;
}

/** A command knows no other; the table of commands knows them all. */
function whyNotCommand(from: string, to: string): string | null {
  if (to === "main.ts") return "nothing imports main.ts";
  const isCommand = to.startsWith("commands/") && !to.includes("/_");
  return isCommand && from !== "commands/mod.ts"
    ? "a command may not import another; what they share lives in core/"
    : null;
}

function isPrivateOfAnother(from: string, to: string): boolean {
  const slash = to.lastIndexOf("/");
  return to[slash + 1] === "_" &&
    from.slice(0, from.lastIndexOf("/")) !== to.slice(0, slash);
}

/** The map, as a Markdown table of the layers that `exists` says are there. */
export function formatMap(exists: (path: string) => boolean): string {
  const rows = layers.flatMap(({ name, is, mayImport }) => {
    const path = ["commands", "scripts"].includes(name)
      ? `${name}/`
      : name === "main"
      ? "main.ts"
      : `core/${name}/`;
    if (!exists(path)) return [];
    const allowed = mayImport === "*"
      ? name === "commands" ? "all but `testing`" : "all"
      : mayImport.filter((other) => exists(`core/${other}/`) || exists(other))
        .join(", ");
    return [`| \`${path}\` | ${is} | ${allowed} |`];
  });
  return ["| where | what | may import |", "| --- | --- | --- |", ...rows]
    .join("\n");
}

/** The map of the project whose root this is. */
export function mapOf(root: string): string {
  return formatMap((path) => {
    try {
      Deno.statSync(`${root}/${path}`);
      return true;
    } catch {
      return false;
    }
  });
}

if (import.meta.main) {
  console.log(mapOf(new URL("..", import.meta.url).pathname));
}
