// Has a broker compact logs that were made without it: it makes the topics, is
// stopped, finds the segments of a stage in their folders, and cleans them.

import { denoHost } from "../../core/host/deno_host.ts";
import type { RunningBroker, StartOptions } from "./brokers.ts";
import {
  type CompactionFacts,
  compactionFacts,
} from "../../core/testing/compaction_facts.ts";
import type { CompactionInput, InputSegment } from "./compaction_input.ts";

/** How a broker is started. */
export type Start = (options: StartOptions) => Promise<RunningBroker>;

/** The folders of all topics after a stage, and how far they are clean. */
export interface StageResult {
  readonly facts: ReadonlyMap<string, CompactionFacts>;
  readonly cleanedOffsets: ReadonlyMap<string, number>;
}

const CLEANER = {
  "log.cleaner.threads": "1",
  "log.cleaner.backoff.ms": "100",
  "log.segment.delete.delay.ms": "100",
} as const;
const NO_CLEANER = { "log.cleaner.enable": "false" } as const;
/** Files that say what the segments say; who starts makes them anew. */
const DERIVED = /\.(snapshot|index|timeindex|txnindex)$|^leader-epoch/;
const KEPT = /^partition\.metadata$/;
const SETTLE_MS = 2500;
const TIMEOUT_MS = 60_000;
const disk = denoHost().disk;

/** One broker, started and stopped as the stages want. */
export class StagedBroker {
  readonly #start: Start;
  readonly #options: Omit<StartOptions, "settings">;
  #dataDirectory = "";

  constructor(start: Start, options: Omit<StartOptions, "settings">) {
    this.#start = start;
    this.#options = options;
  }

  get dataDirectory(): string {
    return this.#dataDirectory;
  }

  /** Runs it without a cleaner. */
  async withoutCleaner<T>(
    act: (bootstrap: string) => Promise<T>,
  ): Promise<T> {
    return await this.#while(
      NO_CLEANER,
      (broker) => act(`127.0.0.1:${broker.port}`),
    );
  }

  /** Puts the segments of a stage, counted from 0, in place and has them cleaned. */
  async clean(
    inputs: readonly CompactionInput[],
    stage: number,
  ): Promise<StageResult> {
    for (const input of inputs) this.#place(input, stage);
    this.#forgetState();
    const topics = inputs.map(({ topic }) => topic);
    await this.#while(CLEANER, () => this.#untilClean(topics));
    const cleanedOffsets = readCheckpoint(this.#dataDirectory);
    const facts = new Map(
      topics.map((topic) =>
        [topic, compactionFacts(disk, this.#folder(topic))] as const
      ),
    );
    return { facts, cleanedOffsets };
  }

  /** The segments of a topic, as this broker wrote them. */
  segmentsOf(topic: string): InputSegment[] {
    const folder = this.#folder(topic);
    const names = disk.list(folder).filter((name) => name.endsWith(".log"));
    return names.toSorted().map((name) => ({
      baseOffset: parseInt(name, 10),
      bytes: Deno.readFileSync(`${folder}/${name}`),
      modifiedMs: disk.stat(`${folder}/${name}`)!.modifiedMs,
    }));
  }

  /** Gives this broker's segments to another, and takes the other's. */
  exchange(other: StagedBroker, topics: readonly string[]): void {
    for (const topic of topics) {
      const mine = this.segmentsOf(topic);
      const others = other.segmentsOf(topic);
      for (const broker of [this, other]) {
        broker.#empty(topic, KEPT);
        broker.#write(topic, broker === this ? others : mine);
      }
    }
    this.#forgetState();
    other.#forgetState();
  }

  #folder(topic: string): string {
    return `${this.#dataDirectory}/${topic}-0`;
  }

  async #while<T>(
    settings: Readonly<Record<string, string>>,
    act: (broker: RunningBroker) => Promise<T>,
  ): Promise<T> {
    const broker = await this.#start({ ...this.#options, settings });
    this.#dataDirectory = broker.dataDirectory;
    try {
      return await act(broker);
    } finally {
      await broker.stop();
    }
  }

  #place({ topic, segments, stages }: CompactionInput, stage: number): void {
    const before = stage === 0 ? 0 : stages[stage - 1];
    this.#empty(topic, stage === 0 ? KEPT : null);
    this.#write(topic, segments.slice(before, stages[stage]));
  }

  #write(topic: string, segments: readonly InputSegment[]): void {
    for (const segment of segments) {
      const name = String(segment.baseOffset).padStart(20, "0");
      const path = `${this.#folder(topic)}/${name}.log`;
      Deno.writeFileSync(path, segment.bytes);
      Deno.utimeSync(
        path,
        segment.modifiedMs / 1000,
        segment.modifiedMs / 1000,
      );
    }
  }

  /** Removes what can be made anew, or all that is not to be kept. */
  #empty(topic: string, kept: RegExp | null): void {
    const folder = this.#folder(topic);
    for (const name of disk.list(folder)) {
      const isGone = kept === null ? DERIVED.test(name) : !kept.test(name);
      if (isGone) Deno.removeSync(`${folder}/${name}`);
    }
  }

  /** Has the next start read all segments, as after a crash. */
  #forgetState(): void {
    const names = [
      ".kafka_cleanshutdown",
      "recovery-point-offset-checkpoint",
      // Else a cleaner may begin with what was replicated a stage before.
      "replication-offset-checkpoint",
    ];
    for (const name of names) {
      try {
        Deno.removeSync(`${this.#dataDirectory}/${name}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Waits until all topics were cleaned and nothing more happens. */
  async #untilClean(topics: readonly string[]): Promise<void> {
    const startMs = performance.now();
    let last = "";
    let sinceMs = startMs;
    for (;;) {
      const nowMs = performance.now();
      const checkpoint = readCheckpoint(this.#dataDirectory);
      const text = JSON.stringify([...checkpoint]);
      if (text !== last) sinceMs = nowMs;
      last = text;
      const missing = topics.filter((topic) => !checkpoint.has(topic));
      if (missing.length === 0 && nowMs - sinceMs > SETTLE_MS) return;
      if (nowMs - startMs > TIMEOUT_MS) {
        throw new Error(`The cleaner has not come to ${missing.join(", ")}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** How far topics of one partition are clean. */
function readCheckpoint(directory: string): Map<string, number> {
  let text: string;
  try {
    text = Deno.readTextFileSync(`${directory}/cleaner-offset-checkpoint`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  const entries = text.trim().split("\n").slice(2).map((line) => {
    const [topic, , offset] = line.split(" ");
    return [topic, Number(offset)] as const;
  });
  return new Map(entries.toSorted(([a], [b]) => a < b ? -1 : 1));
}
