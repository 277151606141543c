// Servers of an ensemble as processes, kq's and Apache ZooKeeper's, to be killed,
// held up, wiped and started again: each with a directory, a configuration and
// ports of its own.

import { readLog } from "../../core/ensemble/txn_log.ts";
import { kafkaClassPath } from "../conformance/apache_kafka.ts";
import { UnavailableError } from "../conformance/client.ts";
import { freePort, pause } from "./kq_process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

export type ServerKind = "kq" | "zookeeper";

/** How a server stands in its ensemble, by its own word. */
export type Mode = "leader" | "follower" | "observer" | "standalone";

const KQ = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-prompt",
  "--cached-only",
  "--frozen",
  "-A",
  "--config",
  `${ROOT}deno.json`,
  `${ROOT}main.ts`,
  "coordinator",
  "start",
];
const JAVA = [
  "java",
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum.Learner=info",
];
const ZOOKEEPER_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
const WORD_TIMEOUT_MS = 1000;

/** Keys of `zoo.cfg` that hold for all servers of an ensemble. */
export type Settings = Readonly<Record<string, string | number>>;

export const DEFAULT_SETTINGS: Settings = {
  tickTime: 2000,
  initLimit: 10,
  syncLimit: 5,
};

/** One server. */
export class ServerProcess {
  readonly id: number;
  /** May change while it does not run: the other goes on with the same files. */
  kind: ServerKind;
  readonly clientPort = freePort();
  readonly quorumPort = freePort();
  readonly electionPort = freePort();
  readonly directory: string;
  readonly #classPath: string;
  #child: Deno.ChildProcess | null = null;
  #hasEnded = true;

  constructor(
    id: number,
    kind: ServerKind,
    directory: string,
    classPath: string,
  ) {
    this.id = id;
    this.kind = kind;
    this.directory = directory;
    this.#classPath = classPath;
  }

  get name(): string {
    return `${this.kind} ${this.id}`;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  get dataDirectory(): string {
    return `${this.directory}/data`;
  }

  get logFile(): string {
    return `${this.directory}/server.log`;
  }

  get configFile(): string {
    return `${this.directory}/zoo.cfg`;
  }

  /** Writes its configuration. @param servers The `server.N` lines; none for one that is alone. */
  configure(settings: Settings, servers: readonly string[]): void {
    Deno.mkdirSync(this.dataDirectory, { recursive: true });
    const lines = [
      ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
      `dataDir=${this.dataDirectory}`,
      `clientPort=${this.clientPort}`,
      "clientPortAddress=127.0.0.1",
      "admin.enableServer=false",
      "4lw.commands.whitelist=*",
      ...servers,
    ];
    Deno.writeTextFileSync(this.configFile, `${lines.join("\n")}\n`);
    if (servers.length > 0) {
      Deno.writeTextFileSync(`${this.dataDirectory}/myid`, `${this.id}\n`);
    }
  }

  /** Starts it, and does not wait. */
  spawn(): void {
    const command = this.kind === "kq"
      ? [...KQ, this.configFile]
      : [...JAVA, "-cp", this.#classPath, ZOOKEEPER_MAIN, this.configFile];
    // The shell becomes the process, under the same id.
    const child = this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        "sh",
        this.logFile,
        ...command,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#hasEnded = false;
    child.status.then(() => {
      if (this.#child === child) this.#hasEnded = true;
    });
  }

  signal(signal: Deno.Signal): void {
    if (!this.#hasEnded) this.#child!.kill(signal);
  }

  /** Ends it, and waits until it has. */
  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (this.#child === null) return;
    this.signal(signal);
    await this.#child.status;
    this.#hasEnded = true;
  }

  /** A word of four letters; `null` where it does not answer. */
  async word(word: string): Promise<string | null> {
    if (this.#hasEnded) return null;
    let io: Deno.TcpConn;
    try {
      io = await Deno.connect({ hostname: "127.0.0.1", port: this.clientPort });
    } catch {
      return null;
    }
    const close = () => {
      try {
        io.close();
      } catch {
        // Closed before.
      }
    };
    const timer = setTimeout(close, WORD_TIMEOUT_MS);
    try {
      await io.write(new TextEncoder().encode(word));
      let text = "";
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(64 * 1024);
      for (;;) {
        const count = await io.read(buffer);
        if (count === null) return text;
        text += decoder.decode(buffer.subarray(0, count), { stream: true });
      }
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      close();
    }
  }

  /** How it stands; `null` while it does not serve. */
  async mode(): Promise<Mode | null> {
    const text = await this.word("srvr");
    return (/^Mode: (\w+)/m.exec(text ?? "")?.[1] ?? null) as Mode | null;
  }

  /** @throws Where it ends, or does not serve in time. */
  async untilServes(limitMs: number): Promise<Mode> {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      const mode = await this.mode();
      if (mode !== null) return mode;
      if (this.#hasEnded || performance.now() > untilMs) {
        throw new Error(
          `${this.name} ${
            this.#hasEnded ? "has ended" : `does not serve after ${limitMs} ms`
          }; ${this.logFile}:\n${this.#lastLines()}`,
        );
      }
      await pause(20);
    }
  }

  /** Takes away all of its history, as a new disk would. */
  wipe(): void {
    Deno.removeSync(`${this.dataDirectory}/version-2`, { recursive: true });
  }

  /** Cuts its newest log inside the last entry. @returns Whether there was one. */
  tear(): boolean {
    const directory = `${this.dataDirectory}/version-2`;
    const logs = [...Deno.readDirSync(directory)].map(({ name }) => name)
      .filter((name) => name.startsWith("log."))
      .sort((a, b) => parseInt(a.slice(4), 16) - parseInt(b.slice(4), 16));
    const last = logs.at(-1);
    if (last === undefined) return false;
    const path = `${directory}/${last}`;
    const { entries, endPosition } = readLog(Deno.readFileSync(path));
    if (entries.length === 0) return false;
    Deno.truncateSync(path, endPosition - 3);
    return true;
  }

  #lastLines(): string {
    try {
      return Deno.readTextFileSync(this.logFile).trim().split("\n").slice(-12)
        .join("\n");
    } catch {
      return "";
    }
  }
}

/**
 * As `EnsembleProcesses.make`; ends this process, as one that has nothing to do, on
 * a machine that has no Apache ZooKeeper.
 */
export async function makeOrSkip(
  ...options: Parameters<typeof EnsembleProcesses.make>
): Promise<EnsembleProcesses> {
  try {
    return await EnsembleProcesses.make(...options);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(`skipped: ${error.message}`);
    Deno.exit(0);
  }
}

/** Servers that are configured to be one ensemble. */
export class EnsembleProcesses {
  readonly servers: readonly ServerProcess[];

  private constructor(servers: readonly ServerProcess[]) {
    this.servers = servers;
  }

  /**
   * Configures them; starts none.
   *
   * @param kinds Of those that vote.
   * @param other A kind that some may change to.
   * @param observers Those that do not vote; their numbers are the largest.
   * @throws {UnavailableError} Where Apache ZooKeeper is asked for and cannot be had.
   */
  static async make(
    kinds: readonly ServerKind[],
    directory: string,
    settings: Settings = DEFAULT_SETTINGS,
    other: ServerKind = "kq",
    observers: readonly ServerKind[] = [],
  ): Promise<EnsembleProcesses> {
    const all = [...kinds, ...observers];
    const classPath = [...all, other].includes("zookeeper")
      ? await zookeeperClassPath()
      : "";
    const servers = all.map((kind, index) =>
      new ServerProcess(
        index + 1,
        kind,
        `${directory}/${index + 1}`,
        classPath,
      )
    );
    const lines = servers.map(({ id, quorumPort, electionPort }) =>
      `server.${id}=127.0.0.1:${quorumPort}:${electionPort}` +
      (id > kinds.length ? ":observer" : "")
    );
    for (const server of servers) server.configure(settings, lines);
    return new EnsembleProcesses(servers);
  }

  get ports(): number[] {
    return this.servers.map(({ clientPort }) => clientPort);
  }

  get running(): ServerProcess[] {
    return this.servers.filter(({ isRunning }) => isRunning);
  }

  /** Starts those that do not run, and waits until all serve. */
  async start(limitMs = 60_000): Promise<void> {
    for (const server of this.servers) if (!server.isRunning) server.spawn();
    await Promise.all(
      this.servers.map((server) => server.untilServes(limitMs)),
    );
  }

  /** The one that leads. @throws Where none does in time. */
  async leader(limitMs = 30_000): Promise<ServerProcess> {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      for (const server of this.running) {
        if (await server.mode() === "leader") return server;
      }
      if (performance.now() > untilMs) {
        throw new Error(`nobody leads after ${limitMs} ms`);
      }
      await pause(20);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
  }
}

/** @throws {UnavailableError} */
export async function zookeeperClassPath(): Promise<string> {
  // Apache Kafka's broker needs it, and brings it.
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    throw new UnavailableError(
      "Apache ZooKeeper takes Java 17, and Maven for the first run",
    );
  }
  return classPath;
}
