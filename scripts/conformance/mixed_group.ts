// One group of members in several languages: Java, Python twice, and kq. Each kind
// leads the group once, alone and with all others, while numbered records come in
// all the time; every record is read exactly once, in every generation nobody holds
// what another holds, and the coordinator says the same as the members.

import { fileURLToPath } from "node:url";
import { kafkaClassPath, toolArgs } from "./apache_kafka.ts";
import { UnsupportedError } from "./client.ts";
import type { GroupClient, MemberOptions } from "./group_client.ts";
import { Feeder, type Ledger, settles } from "./feeder.ts";
import { holdAll } from "./group_suite.ts";
import { KqMembers } from "./kq_member.ts";
import type { Cell, Outcome } from "./suite.ts";
import { WorkerClient } from "./worker_client.ts";

const PARTITIONS = 12;
const FEED_PAUSE_MS = 20;
const JAVA = "java";
/** The column of the table. */
const COLUMN = "Java, Python and kq together";

interface Kind {
  readonly name: string;
  readonly client: GroupClient;
}

export interface MixedGroupOptions {
  readonly bootstrap: string;
  /** Clients that are open already. */
  readonly clients: readonly Kind[];
  readonly progress: (text: string) => void;
}

/** Runs one group from its first member to its last record. */
class MixedRun {
  readonly #kinds: readonly Kind[];
  readonly #feeder: Feeder;
  readonly #ledger: Ledger;
  readonly #assignor: MemberOptions["assignor"];
  readonly #present = new Set<Kind>();
  /** What members said that they hold, by generation. */
  readonly #generations = new Map<number, Map<string, readonly number[]>>();

  constructor(
    kinds: readonly Kind[],
    feeder: Feeder,
    ledger: Ledger,
    assignor: MemberOptions["assignor"],
  ) {
    this.#kinds = kinds;
    this.#feeder = feeder;
    this.#ledger = ledger;
    this.#assignor = assignor;
  }

  async run(): Promise<void> {
    let isFeeding = true;
    const feeding = (async () => {
      while (isFeeding) {
        await this.#ledger.feed(1);
        await new Promise((done) => setTimeout(done, FEED_PAUSE_MS));
      }
    })();
    feeding.catch(() => {}); // It may fail before it is waited for.
    try {
      for (const leader of this.#kinds) await this.#leadOnce(leader);
      isFeeding = false;
      await feeding;
      await this.#look(() => this.#ledger.isComplete, "reading");
      for (const kind of [...this.#present]) await this.#leave(kind);
      // Java's member commits before it rejoins, reads on meanwhile, and gives
      // partitions up, or leaves, without another commit. Nobody else does.
      this.#ledger.check(
        this.#assignor === "cooperative-sticky" ? JAVA : undefined,
      );
      this.#checkGenerations();
    } finally {
      isFeeding = false;
      for (const kind of [...this.#present]) {
        await this.#leave(kind).catch(() => {});
      }
    }
  }

  /** Whoever is alone leads, and goes on to when the others come. */
  async #leadOnce(leader: Kind): Promise<void> {
    if (!this.#present.has(leader)) await this.#join(leader);
    for (const other of [...this.#present]) {
      if (other !== leader) await this.#leave(other);
    }
    await this.#settled();
    for (const other of this.#kinds) {
      if (other === leader) continue;
      await this.#join(other);
      await this.#settled();
    }
  }

  async #join(kind: Kind): Promise<void> {
    await kind.client.askGroup("join", {
      member: this.#nameOf(kind),
      group: this.#ledger.topic,
      topic: this.#ledger.topic,
      protocol: "classic",
      assignor: this.#assignor,
      instanceId: null,
      autoCommit: true,
      heartbeatVersion: -1,
    });
    this.#present.add(kind);
  }

  async #leave(kind: Kind): Promise<void> {
    this.#present.delete(kind);
    const member = this.#nameOf(kind);
    const view = await kind.client.askGroup("leave", { member });
    this.#ledger.take(view, kind.name);
  }

  #nameOf(kind: Kind): string {
    return `mixed-${kind.name}-${this.#assignor}`;
  }

  /** Until the members share the partitions evenly, and the coordinator agrees. */
  async #settled(): Promise<void> {
    const each = PARTITIONS / this.#present.size;
    const names = [...this.#present].map(({ name }) => name);
    await settles(
      async () => {
        const held = await this.#heldNow();
        const isShared = holdAll(PARTITIONS)(held) &&
          held.every((row) => row.length === each);
        if (!isShared) return { held, told: [] };
        return { held, told: await this.#toldByCoordinator() };
      },
      ({ held, told }) => sorted(held) === sorted(told),
      `the assignment of ${names}`,
    );
  }

  async #look(isRight: () => boolean, what: string): Promise<void> {
    await settles(() => this.#heldNow(), isRight, what);
  }

  async #heldNow(): Promise<(readonly number[])[]> {
    return await Promise.all([...this.#present].map(async (kind) => {
      const member = this.#nameOf(kind);
      const view = await kind.client.askGroup("look", { member });
      this.#ledger.take(view, kind.name);
      for (const [generation, partitions] of view.assignments) {
        if (generation < 0) continue;
        if (!this.#generations.has(generation)) {
          this.#generations.set(generation, new Map());
        }
        this.#generations.get(generation)!.set(kind.name, partitions);
      }
      return view.assigned;
    }));
  }

  async #toldByCoordinator(): Promise<(readonly number[])[]> {
    const [{ value }] = await this.#feeder.admin.describeGroups([
      this.#ledger.topic,
    ]);
    if (value === null || value.state !== "Stable") return [];
    return value.members.map(({ partitions }) =>
      partitions.map(({ partition }) => partition)
    );
  }

  /** No two members may hold one partition in the same generation. */
  #checkGenerations(): void {
    for (const [generation, held] of this.#generations) {
      const all = [...held.values()].flat();
      if (new Set(all).size === all.length) continue;
      const text = JSON.stringify([...held]);
      throw new Error(`in generation ${generation}: ${text}`.slice(0, 280));
    }
  }
}

function sorted(held: readonly (readonly number[])[]): string {
  return held.map((row) => row.toSorted((a, b) => a - b).join()).toSorted()
    .join(" ");
}

async function javaMember(bootstrap: string): Promise<WorkerClient> {
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    throw new UnsupportedError("needs Java 17, and Maven for the first run");
  }
  const source = new URL("./clients/GroupMember.java", import.meta.url);
  const args = toolArgs(classPath, fileURLToPath(source), [bootstrap]);
  return new WorkerClient("Java", "java", args);
}

/** The rows of the mixed group; skipped where one of the clients is not there. */
export async function runMixedGroup(
  options: MixedGroupOptions,
): Promise<Cell[]> {
  const find = (name: string) =>
    options.clients.find((client) => client.name.startsWith(name));
  const python = find("kafka-python 3");
  const confluent = find("confluent-kafka");
  if (python === undefined || confluent === undefined) return [];
  const feeder = new Feeder(options.bootstrap);
  let java: WorkerClient | null = null;
  const cells: Cell[] = [];
  try {
    for (const assignor of ["range", "cooperative-sticky"] as const) {
      const feature = `group: ${assignor}, each leads once`;
      const startMs = performance.now();
      let outcome: Outcome = "pass";
      let reason = "";
      try {
        java ??= await javaMember(options.bootstrap);
        const kinds = [
          { name: JAVA, client: java },
          python,
          confluent,
          { name: "kq", client: new KqMembers(options.bootstrap) },
        ];
        const ledger = await feeder.topic(`mixed-${assignor}`, PARTITIONS);
        await new MixedRun(kinds, feeder, ledger, assignor).run();
      } catch (error) {
        outcome = error instanceof UnsupportedError ? "skip" : "fail";
        reason = (error as Error).message.slice(0, 300);
      }
      cells.push({ client: COLUMN, feature, outcome, reason });
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      options.progress(`  ${outcome} ${feature} (${seconds} s) ${reason}`);
    }
    return cells;
  } finally {
    await java?.close();
    await feeder.close();
  }
}
