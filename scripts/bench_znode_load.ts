// A load of ZooKeeper's own client on a coordinator: the program
// conformance/clients/ZnodeLoad.java in a process of its own, which is told of one
// load after the other and keeps its sessions in between.

import type { Ensemble } from "./bench_ensembles.ts";

export interface ZnodeLoadPlan {
  readonly sessionCount: number;
  /** How many of a hundred operations set a znode's data; the others read it. */
  readonly writePercent: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

export interface ZnodeLoadFigures {
  readonly operationsPerSecond: number;
  /** Processor time of all servers for one operation, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** Operations on their way: so many for each session, and so many in all. */
const OUTSTANDING_EACH = 100;
const OUTSTANDING_ALL = 2000;

/** See the file's header. */
export class ZnodeLoad {
  readonly #ensemble: Ensemble;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  /** @param classPath With ZooKeeper's client, and the program before it. */
  constructor(classPath: string, ensemble: Ensemble) {
    this.#ensemble = ensemble;
    this.#process = new Deno.Command("java", {
      args: [
        "-Xmx512m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        classPath,
        "ZnodeLoad",
        ensemble.connect,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** @throws {Error} Where an operation has failed. */
  async run(plan: ZnodeLoadPlan): Promise<ZnodeLoadFigures> {
    const { sessionCount, writePercent, warmUpMs, measuredMs } = plan;
    const outstanding = Math.min(
      OUTSTANDING_EACH,
      Math.ceil(OUTSTANDING_ALL / sessionCount),
    );
    const words = [
      sessionCount,
      outstanding,
      writePercent,
      warmUpMs,
      measuredMs,
    ];
    await this.#input.write(new TextEncoder().encode(`${words.join(" ")}\n`));
    await this.#line("begin");
    const before = this.#ensemble.cpuSeconds();
    const line = await this.#line("end");
    const usedSeconds = this.#ensemble.cpuSeconds() - before;
    const [operations, ns, failed] = line.split(" ").slice(1).map(Number);
    if (failed > 0) {
      throw new Error(`${failed} operations failed on ${this.#ensemble.name}`);
    }
    return {
      operationsPerSecond: operations / ns * 1e9,
      cpuMicroseconds: usedSeconds / operations * 1e6,
    };
  }

  async stop(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch { /* It ended by itself, and the run has failed already. */ }
    await this.#process.status;
    this.#input.releaseLock();
    await this.#output.cancel();
  }

  async #line(first: string): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error("the program of the load has ended early");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    if (!line.startsWith(first)) {
      throw new Error(`the program of the load says "${line}", not "${first}"`);
    }
    return line;
  }
}
