// The features of groups, for every client whose members poll by themselves: what
// is read and committed, who holds which partitions, what an operator sees.
//
// The clients run at once, each with topics and groups of its own. Topics are made
// and filled by kq's own client, whatever the broker is.

import { UnsupportedError } from "./client.ts";
import { Feeder, type Ledger, settles } from "./feeder.ts";
import type { GroupClient, MemberOptions, MemberView } from "./group_client.ts";
import type { Cell } from "./suite.ts";

const PARTITIONS = 6;
/** Longer than members let a fetch wait. */
const FETCH_MS = 200;

/** A client with the name of its column. */
export interface NamedGroupClient {
  readonly name: string;
  readonly client: GroupClient;
}

export interface GroupSuiteOptions {
  readonly bootstrap: string;
  readonly clients: readonly NamedGroupClient[];
  readonly progress: (text: string) => void;
}

/** One client's features on one broker. */
class ClientRun {
  readonly cells: Cell[] = [];
  readonly #name: string;
  readonly #client: GroupClient;
  readonly #feeder: Feeder;
  readonly #progress: (text: string) => void;
  readonly #open = new Set<string>();
  readonly #prefix: string;

  constructor(
    named: NamedGroupClient,
    feeder: Feeder,
    progress: (text: string) => void,
  ) {
    this.#name = named.name;
    this.#client = named.client;
    this.#feeder = feeder;
    this.#progress = progress;
    this.#prefix = named.name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
  }

  async run(): Promise<void> {
    await this.#read("classic");
    await this.#feature(
      "group: two members share, one leaves",
      () => this.#share("shared", {}),
    );
    await this.#feature("group: commit by hand", () => this.#commitByHand());
    await this.#administrate();
    await this.#feature("group: static members", () => this.#staticMembers());
    await this.#feature(
      "group: cooperative rebalance",
      () =>
        this.#cooperative("cooperative", { assignor: "cooperative-sticky" }),
    );
    await this.#read("consumer");
    await this.#feature(
      "group.protocol=consumer: two members share, one leaves",
      () => this.#share("new-shared", { protocol: "consumer" }),
    );
  }

  async #feature(feature: string, check: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    let cell: Cell;
    try {
      await check();
      cell = { client: this.#name, feature, outcome: "pass", reason: "" };
    } catch (error) {
      cell = {
        client: this.#name,
        feature,
        outcome: error instanceof UnsupportedError ? "skip" : "fail",
        reason: (error as Error).message.replaceAll(/\s+/g, " ").slice(0, 300),
      };
    }
    for (const member of [...this.#open]) {
      await this.#leave(member).catch(() => {});
    }
    this.cells.push(cell);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    this.#progress(
      `  ${cell.outcome} ${this.#name}: ${feature} (${seconds} s) ${cell.reason}`,
    );
  }

  async #join(
    member: string,
    group: string,
    ledger: Ledger,
    options: Partial<MemberOptions> = {},
  ): Promise<void> {
    await this.#client.askGroup("join", {
      member,
      group,
      topic: ledger.topic,
      protocol: "classic",
      assignor: "roundrobin",
      instanceId: null,
      autoCommit: false,
      heartbeatVersion: await this.#feeder.heartbeatVersion(),
      ...options,
    });
    this.#open.add(member);
  }

  async #leave(member: string): Promise<MemberView> {
    this.#open.delete(member);
    return await this.#client.askGroup("leave", { member });
  }

  /** Looks at members until together they hold what `isRight` wants; records go to the ledger. */
  async #until(
    members: readonly string[],
    ledger: Ledger,
    isRight: (held: readonly (readonly number[])[]) => boolean,
    what: string,
  ): Promise<MemberView[]> {
    return await settles(
      async () => {
        const views: MemberView[] = [];
        for (const member of members) {
          const view = await this.#client.askGroup("look", { member });
          ledger.take(view);
          views.push(view);
        }
        return views;
      },
      (views) => isRight(views.map(({ assigned }) => assigned)),
      what,
    );
  }

  #allRead(members: readonly string[], ledger: Ledger): Promise<MemberView[]> {
    return this.#until(members, ledger, () => ledger.isComplete, "reading");
  }

  /** Reads from the start, commits, and goes on from there in a new member. */
  async #read(protocol: "classic" | "consumer"): Promise<void> {
    const group = `${this.#prefix}-read-${protocol}`;
    const title = protocol === "classic" ? "group" : "group.protocol=consumer";
    let ledger: Ledger;
    let hasRead = false;
    await this.#feature(`${title}: read from the start`, async () => {
      ledger = await this.#feeder.topic(group, PARTITIONS);
      await ledger.feed(20);
      await this.#join("reader", group, ledger, { protocol });
      await this.#allRead(["reader"], ledger);
      ledger.check();
      await this.#client.askGroup("commit", { member: "reader" });
      ledger.take(await this.#leave("reader"));
      ledger.check();
      hasRead = true;
    });
    await this.#feature(`${title}: go on from the commit`, async () => {
      if (!hasRead) {
        throw new UnsupportedError("there is no commit to go on from");
      }
      await ledger.feed(5);
      await this.#join("next", group, ledger, { protocol });
      await this.#allRead(["next"], ledger);
      ledger.take(await this.#leave("next"));
      ledger.check();
    });
  }

  async #share(name: string, options: Partial<MemberOptions>): Promise<void> {
    const group = `${this.#prefix}-${name}`;
    const ledger = await this.#feeder.topic(group, PARTITIONS);
    await this.#join("first", group, ledger, options);
    await this.#until(["first"], ledger, holdAll(PARTITIONS), "one member");
    await this.#join("second", group, ledger, options);
    const both = ["first", "second"];
    await this.#until(
      both,
      ledger,
      (held) => holdAll(PARTITIONS)(held) && held.every((h) => h.length === 3),
      "the assignment of two",
    );
    // Some clients let a fetch under way go on for partitions that they gave up.
    await new Promise((done) => setTimeout(done, FETCH_MS));
    await ledger.feed(40);
    await this.#allRead(both, ledger);
    for (const member of both) {
      await this.#client.askGroup("commit", { member });
    }
    ledger.take(await this.#leave("first"));
    await this.#until(["second"], ledger, holdAll(PARTITIONS), "who is left");
    await ledger.feed(10);
    await this.#allRead(["second"], ledger);
    ledger.take(await this.#leave("second"));
    ledger.check();
  }

  async #commitByHand(): Promise<void> {
    const group = `${this.#prefix}-by-hand`;
    const ledger = await this.#feeder.topic(group, 2);
    await ledger.feed(10);
    await this.#join("one", group, ledger);
    await this.#allRead(["one"], ledger);
    const ask = { member: "one", partitions: 2 };
    expectOffsets(await this.#client.askGroup("committed", ask), [-1, -1]);
    await this.#client.askGroup("commitOffset", {
      member: "one",
      partition: 1,
      offset: 7,
    });
    expectOffsets(await this.#client.askGroup("committed", ask), [-1, 7]);
    await this.#leave("one");
    // Whoever comes next begins there.
    await this.#join("two", group, ledger);
    const records: (readonly [number, number, string])[] = [];
    await settles(
      async () => {
        const view = await this.#client.askGroup("look", { member: "two" });
        records.push(...view.records);
        return records.length;
      },
      (count) => count >= 13,
      "records from the committed offset on",
    );
    const first = Math.min(
      ...records.filter(([partition]) => partition === 1).map(([, at]) => at),
    );
    if (first !== 7 || records.length !== 13) {
      throw new Error(
        `${records.length} records from ${first} on, not 13 from 7`,
      );
    }
  }

  async #administrate(): Promise<void> {
    const client = this.#client;
    const group = `${this.#prefix}-administrated`;
    await this.#feature("group: list and describe", async () => {
      const ledger = await this.#feeder.topic(group, 2);
      await ledger.feed(10);
      await this.#join("one", group, ledger);
      await this.#allRead(["one"], ledger);
      const names = await client.askGroup("listGroups", {});
      if (!names.includes(group)) throw new Error(`the list is ${names}`);
      const busy = await client.askGroup("describeGroup", { group });
      expectState(busy, "stable", 1);
      await client.askGroup("commit", { member: "one" });
      await this.#leave("one");
      await settles(
        () => client.askGroup("describeGroup", { group }),
        ({ members }) => members === 0,
        "the group",
      );
      expectState(
        await client.askGroup("describeGroup", { group }),
        "empty",
        0,
      );
    });
    const place = { group, topic: group };
    const offsets = () =>
      client.askGroup("groupOffsets", { ...place, partitions: 2 });
    await this.#feature(
      "group: list offsets",
      async () => expectOffsets(await offsets(), [10, 10]),
    );
    await this.#feature("group: set offsets", async () => {
      const change = { ...place, partition: 0, offset: 3 };
      await client.askGroup("setGroupOffset", change);
      expectOffsets(await offsets(), [3, 10]);
    });
    await this.#feature("group: delete offsets", async () => {
      const [before] = await offsets();
      await client.askGroup("deleteGroupOffset", { ...place, partition: 1 });
      expectOffsets(await offsets(), [before, -1]);
    });
    await this.#feature("group: delete", async () => {
      await client.askGroup("deleteGroup", { group });
      const names = await client.askGroup("listGroups", {});
      if (names.includes(group)) throw new Error("the group is still listed");
      expectOffsets(await offsets(), [-1, -1]);
    });
  }

  /** A static member that comes back takes up its partitions; nobody else notices. */
  async #staticMembers(): Promise<void> {
    const group = `${this.#prefix}-static`;
    const ledger = await this.#feeder.topic(group, PARTITIONS);
    const options = (instanceId: string) => ({ instanceId });
    await this.#join("first", group, ledger, options("a"));
    await this.#until(["first"], ledger, holdAll(PARTITIONS), "one member");
    await this.#join("second", group, ledger, options("b"));
    const both = ["first", "second"];
    const isShared = (held: readonly (readonly number[])[]) =>
      holdAll(PARTITIONS)(held) && held.every((h) => h.length === 3);
    const [before] = await this.#until(both, ledger, isShared, "two members");
    await ledger.feed(10);
    await this.#allRead(both, ledger);
    for (const member of both) {
      await this.#client.askGroup("commit", { member });
    }
    ledger.take(await this.#leave("first"));
    await this.#join("again", group, ledger, options("a"));
    const [back, other] = await this.#until(
      ["again", "second"],
      ledger,
      isShared,
      "the member that is back",
    );
    if (back.assigned.join() !== before.assigned.join()) {
      throw new Error(`${before.assigned} have become ${back.assigned}`);
    }
    if (other.assignments.length > 0) {
      throw new Error("the other member was given a new assignment");
    }
    await ledger.feed(10);
    await this.#allRead(["again", "second"], ledger);
    ledger.check();
  }

  /** Who keeps partitions in a rebalance keeps reading them. */
  async #cooperative(
    name: string,
    options: Partial<MemberOptions>,
  ): Promise<void> {
    const group = `${this.#prefix}-${name}`;
    const ledger = await this.#feeder.topic(group, PARTITIONS);
    await this.#join("first", group, ledger, options);
    await this.#until(["first"], ledger, holdAll(PARTITIONS), "one member");
    await this.#join("second", group, ledger, options);
    const held: number[] = [];
    await this.#until(["first", "second"], ledger, (now) => {
      held.push(now[0].length);
      return holdAll(PARTITIONS)(now) && now.every((h) => h.length === 3);
    }, "the assignment of two");
    if (Math.min(...held) < 3) {
      throw new Error(`the first member was down to ${Math.min(...held)}`);
    }
    await ledger.feed(10);
    await this.#allRead(["first", "second"], ledger);
    ledger.check();
  }
}

/** Whether assignments are disjoint and leave nothing out. */
export function holdAll(
  partitions: number,
): (held: readonly (readonly number[])[]) => boolean {
  return (held) => {
    const all = held.flat();
    return all.length === partitions && new Set(all).size === partitions;
  };
}

function expectOffsets(got: readonly number[], wanted: readonly number[]) {
  if (got.join() === wanted.join()) return;
  throw new Error(`the offsets are ${got}, expected ${wanted}`);
}

function expectState(
  got: { readonly state: string; readonly members: number },
  state: string,
  members: number,
): void {
  if (got.state.toLowerCase() === state && got.members === members) return;
  throw new Error(
    `the group is ${got.state} with ${got.members} members, expected ` +
      `${state} with ${members}`,
  );
}

/** Runs all features of groups with all clients at once. */
export async function runGroupFeatures(
  options: GroupSuiteOptions,
): Promise<Cell[]> {
  const feeder = new Feeder(options.bootstrap);
  try {
    const runs = options.clients.map((named) =>
      new ClientRun(named, feeder, options.progress)
    );
    await Promise.all(runs.map((run) => run.run()));
    return runs.flatMap(({ cells }) => cells);
  } finally {
    await feeder.close();
  }
}
