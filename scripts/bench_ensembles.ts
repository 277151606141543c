// The coordinators that the benchmarks compare, on loopback: kq's and Apache
// ZooKeeper's, each with the same `zoo.cfg`, alone or as an ensemble.
//
// ZooKeeper gets the heap that its own start script gives it, and syncs its log
// before it answers, as it does unless told otherwise (`forceSync`).

import { cpuSeconds, memoryMb } from "./bench_probe.ts";

export type CoordinatorName = "kq" | "zookeeper";

/** How to start each of the two. */
export interface Programs {
  readonly kq: string;
  readonly classPath: string;
}

export interface EnsemblePlan {
  readonly name: CoordinatorName;
  readonly serverCount: number;
  /** Each server takes three ports from here on. */
  readonly firstPort: number;
  readonly directory: string;
}

const ZOOKEEPER_HEAP = "-Xmx1000m";
const START_LIMIT_MS = 60_000;
const PROBE_PAUSE_MS = 2;
const PROBE_LIMIT_MS = 1000;
const PORTS_EACH = 3;

/** Servers that run. */
export class Ensemble {
  readonly plan: EnsemblePlan;
  /** From the command to the first answer of any of them. */
  readonly startMs: number;
  readonly #processes: readonly Deno.ChildProcess[];

  private constructor(
    plan: EnsemblePlan,
    startMs: number,
    processes: readonly Deno.ChildProcess[],
  ) {
    this.plan = plan;
    this.startMs = startMs;
    this.#processes = processes;
  }

  /** Starts new servers; resolves when each of them answers. */
  static async start(
    programs: Programs,
    plan: EnsemblePlan,
  ): Promise<Ensemble> {
    const files = await writeConfigs(plan);
    const startedAtMs = performance.now();
    const processes = files.map((file) => spawn(programs, plan.name, file));
    try {
      const ports = clientPorts(plan);
      const each = ports.map((port) => untilServed(port, startedAtMs));
      const startMs = await Promise.any(each);
      await Promise.all(each);
      return new Ensemble(plan, startMs, processes);
    } catch (error) {
      await killAll(processes);
      throw error;
    }
  }

  get name(): CoordinatorName {
    return this.plan.name;
  }

  /** As a client wants them: `host:port,host:port`. */
  get connect(): string {
    return clientPorts(this.plan).map((port) => `127.0.0.1:${port}`).join(",");
  }

  /** Processor time of all servers so far. */
  cpuSeconds(): number {
    return this.#sum(cpuSeconds);
  }

  /** Resident memory of all servers, in MB. */
  residentMb(): number {
    return this.#sum((pid) => memoryMb(pid, "VmRSS"));
  }

  /** What they had at most, in MB. */
  peakMb(): number {
    return this.#sum((pid) => memoryMb(pid, "VmHWM"));
  }

  /** Ends all servers; what they have on the disk is thrown away anyhow. */
  stop(): Promise<void> {
    return killAll(this.#processes);
  }

  #sum(figure: (pid: number) => number): number {
    return this.#processes.reduce((sum, { pid }) => sum + figure(pid), 0);
  }
}

async function killAll(
  processes: readonly Deno.ChildProcess[],
): Promise<void> {
  for (const process of processes) {
    try {
      process.kill("SIGKILL");
    } catch { /* It ended by itself, and the run has failed already. */ }
  }
  for (const process of processes) await process.status;
}

function clientPorts({ serverCount, firstPort }: EnsemblePlan): number[] {
  return Array.from(
    { length: serverCount },
    (_, index) => firstPort + index * PORTS_EACH,
  );
}

/** One `zoo.cfg` for each server, and its `myid`. */
async function writeConfigs(plan: EnsemblePlan): Promise<string[]> {
  const ports = clientPorts(plan);
  const servers = ports.map((port, index) =>
    `server.${index + 1}=127.0.0.1:${port + 1}:${port + 2}`
  );
  const files: string[] = [];
  for (const [index, port] of ports.entries()) {
    const data = `${plan.directory}/${index + 1}`;
    await Deno.mkdir(data, { recursive: true });
    await Deno.writeTextFile(`${data}/myid`, `${index + 1}\n`);
    const file = `${plan.directory}/zoo-${index + 1}.cfg`;
    const lines = [
      "tickTime=2000",
      "initLimit=10",
      "syncLimit=5",
      `dataDir=${data}`,
      `clientPort=${port}`,
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      ...(servers.length > 1 ? servers : []),
    ];
    await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
    files.push(file);
  }
  return files;
}

function spawn(
  { kq, classPath }: Programs,
  name: CoordinatorName,
  file: string,
): Deno.ChildProcess {
  const [command, ...args] = name === "kq"
    ? [kq, "coordinator", "start", file]
    : [
      "java",
      ZOOKEEPER_HEAP,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-cp",
      classPath,
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      file,
    ];
  return new Deno.Command(command, { args, stdout: "null", stderr: "null" })
    .spawn();
}

// ConnectRequest: a new session with a timeout of 4 s, an empty password.
const CONNECT = frame(
  ...[0, 0, 0, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
  ...[0, 0, 0x0f, 0xa0],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
  ...[0, 0, 0, 16, ...new Array(16).fill(0)],
  0,
);
// exists of "/" without a watch, with xid 1.
const EXISTS = frame(0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0x2f, 0);
/** Size, xid, zxid and error of an answer. */
const REPLY_BYTES = 20;
const ERROR_AT = 16;
/** A whole ConnectResponse. */
const CONNECTED_BYTES = 41;

function frame(...bytes: number[]): Uint8Array {
  return Uint8Array.of(0, 0, 0, bytes.length, ...bytes);
}

/** @returns Milliseconds from `startMs` (of `performance.now()`) to the first answer. */
async function untilServed(port: number, startMs: number): Promise<number> {
  while (performance.now() - startMs < START_LIMIT_MS) {
    if (await isServing(port)) return performance.now() - startMs;
    await new Promise((done) => setTimeout(done, PROBE_PAUSE_MS));
  }
  throw new Error(`No coordinator serves on port ${port} after 60 s`);
}

/** Begins a session, and asks for something in it. */
async function isServing(port: number): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return false;
  }
  let isOpen = true;
  const close = () => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  // A server that is not ready may keep a connection without a word.
  const limit = setTimeout(close, PROBE_LIMIT_MS);
  try {
    await connection.write(CONNECT);
    if (await readSome(connection, CONNECTED_BYTES) === null) return false;
    await connection.write(EXISTS);
    const reply = await readSome(connection, REPLY_BYTES);
    return reply !== null &&
      new DataView(reply.buffer).getInt32(ERROR_AT) === 0;
  } catch {
    return false;
  } finally {
    clearTimeout(limit);
    close();
  }
}

/** What one read gives; `null` where it is less than `count` bytes. */
async function readSome(
  connection: Deno.TcpConn,
  count: number,
): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(256);
  const got = await connection.read(bytes);
  return got !== null && got >= count ? bytes : null;
}
