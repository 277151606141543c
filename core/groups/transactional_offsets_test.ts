// Offsets in transactions: what is on its way, what becomes of it, and who may
// commit so.

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { sleep } from "../host/host.ts";
import {
  openTestCoordinator,
  shardLogOf,
  type TestCoordinator,
  type TestCoordinatorOptions,
  testJoin,
  testSync,
} from "../testing/group_fixture.ts";
import { loadShard } from "../shards/load_shard.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  commitInTransaction,
  commitOffsets,
  fetchOffsets,
} from "./commit_offsets.ts";
import { deleteGroup, deleteOffsets } from "./delete_offsets.ts";
import { expireOffsets } from "./expire_offsets.ts";
import type { Committer } from "./group.ts";
import { groupRecords } from "./group_content.ts";
import type { ShardState } from "./shard_state.ts";

const OUTSIDER: Committer = {
  memberId: "",
  groupInstanceId: null,
  generationIdOrMemberEpoch: -1,
  apiVersion: 4,
};

/** What a test commits: an offset of `t-0` of `g` where it does not say. */
interface Commit {
  readonly offset: number;
  readonly partition?: number;
  readonly groupId?: string;
  readonly by?: Partial<Committer>;
}

function requestOf({ offset, partition = 0, groupId = "g", by = {} }: Commit) {
  return {
    groupId,
    by: { ...OUTSIDER, ...by },
    topics: [{
      name: "t",
      partitions: [{
        partition,
        offset,
        leaderEpoch: -1,
        metadata: "",
        commitTimestampMs: -1,
      }],
    }],
    metadataMax: 100,
  };
}

/** Commits in the transaction of a producer. */
async function hold(
  { coordinator }: TestCoordinator,
  producerId: number,
  commit: Commit,
  producerEpoch = 0,
) {
  const codes = await coordinator.shardOf("g").run((state, now) =>
    commitInTransaction(state, {
      ...requestOf(commit),
      transaction: { producerId, producerEpoch },
    }, now)
  );
  deepStrictEqual(codes, [[0]]);
}

async function commitPlain({ coordinator }: TestCoordinator, commit: Commit) {
  await coordinator.shardOf("g").run((state, now) =>
    commitOffsets(state, { ...requestOf(commit), retentionMs: -1 }, now)
  );
}

/** Ends a transaction as the broker does: the marker, and then the groups. */
function end(
  { coordinator, log }: TestCoordinator,
  producerId: number,
  isCommit: boolean,
  producerEpoch = 0,
): void {
  log.appendMarker(
    { producerId, producerEpoch, isCommit, coordinatorEpoch: 1 },
    { leaderEpoch: 0, nowMs: 1 },
  );
  log.highWatermark = log.logEndOffset;
  coordinator.endTransaction(0, producerId, isCommit);
}

/** The offset of `t-0`, or the error's name. */
async function read(
  { coordinator }: TestCoordinator,
  options: { readonly requireStable?: boolean; readonly groupId?: string } = {},
): Promise<number | string | null> {
  const { requireStable = false, groupId = "g" } = options;
  const found = await coordinator.shardOf("g").run((state) => ({
    records: [],
    response: fetchOffsets(state, {
      groupId,
      by: { memberId: null, memberEpoch: -1 },
      topics: [{ name: "t", partitionIndexes: [0] }],
      requireStable,
    }),
  }));
  const { errorCode, committed } = found.get("t")![0];
  return errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT
    ? "UNSTABLE"
    : committed?.offset ?? null;
}

const stable = { requireStable: true };

async function withCoordinator(
  seed: number,
  run: (test: TestCoordinator, sim: SimHost) => Promise<void>,
  options: TestCoordinatorOptions = {},
): Promise<void> {
  const sim = simHost(seed);
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host, options);
    await run(test, sim);
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
}

Deno.test("an offset in a transaction counts once that is committed, and never where it is aborted", async () => {
  await withCoordinator(760, async (test) => {
    await hold(test, 1, { offset: 5 });
    strictEqual(await read(test), null);
    strictEqual(await read(test, stable), "UNSTABLE");
    strictEqual(await read(test, { ...stable, groupId: "other" }), null);
    end(test, 1, true);
    strictEqual(await read(test, stable), 5);
    await hold(test, 1, { offset: 9 });
    strictEqual(await read(test), 5);
    end(test, 1, false);
    strictEqual(await read(test, stable), 5);
    // Told twice, of nobody, and of a partition that is led elsewhere.
    test.coordinator.endTransaction(0, 1, true);
    test.coordinator.endTransaction(0, 2, true);
    test.coordinator.endTransaction(7, 1, true);
    strictEqual(await read(test, stable), 5);
  });
});

Deno.test("of offsets in and outside of transactions the last in the log holds", async () => {
  await withCoordinator(761, async (test) => {
    await hold(test, 1, { offset: 10 });
    await commitPlain(test, { offset: 20 });
    strictEqual(await read(test), 20);
    strictEqual(await read(test, stable), "UNSTABLE");
    end(test, 1, true);
    strictEqual(await read(test, stable), 20, "the plain one came later");

    await hold(test, 1, { offset: 30 });
    await hold(test, 2, { offset: 40 });
    end(test, 2, true);
    strictEqual(await read(test), 40);
    strictEqual(await read(test, stable), "UNSTABLE");
    end(test, 1, true);
    strictEqual(await read(test, stable), 40, "the second was written later");

    await hold(test, 1, { offset: 50 });
    await hold(test, 2, { offset: 60 });
    end(test, 1, true);
    strictEqual(await read(test), 50);
    end(test, 2, true);
    strictEqual(await read(test, stable), 60);

    await hold(test, 1, { offset: 70 });
    await hold(test, 2, { offset: 80 });
    await hold(test, 1, { offset: 71 });
    end(test, 2, true);
    end(test, 1, true);
    strictEqual(await read(test, stable), 71, "the first wrote again, later");

    await hold(test, 1, { offset: 90 });
    await commitPlain(test, { offset: 91 });
    await hold(test, 1, { offset: 92 });
    end(test, 1, true);
    strictEqual(await read(test, stable), 92, "it wrote again after the other");
  });
});

Deno.test("what is deleted does not come back with a transaction", async () => {
  await withCoordinator(762, async (test) => {
    const { shard } = test;
    const remove = () =>
      shard.run((state) =>
        deleteOffsets(state, "g", [{ name: "t", partitions: [0] }])
      );
    await commitPlain(test, { offset: 1 });
    await hold(test, 1, { offset: 2 });
    await hold(test, 1, { offset: 3, partition: 1 });
    await remove();
    strictEqual(await read(test, stable), null);
    ok(shard.state.groups.has("g"), "another offset is on its way");
    end(test, 1, true);
    strictEqual(await read(test, stable), null);
    strictEqual(shard.state.offsets.get("g", "t", 1)?.offset, 3);

    await hold(test, 1, { offset: 4 });
    await shard.run((state) => deleteGroup(state, "g"));
    strictEqual(shard.state.groups.has("g"), false);
    strictEqual(shard.state.pending.hasGroup("g"), false);
    end(test, 1, true);
    strictEqual(await read(test, stable), null);
    strictEqual(shard.state.groups.has("g"), false);
    ok(shard.state.pending.isEmpty);

    // The last offset takes its group along, though it is only on its way.
    await hold(test, 1, { offset: 4 });
    await remove();
    strictEqual(shard.state.groups.has("g"), false);
  });
});

Deno.test("offsets and groups that a transaction may still change do not expire", async () => {
  await withCoordinator(763, async (test) => {
    const { state } = test.shard;
    const expired = () =>
      expireOffsets(state, { ...test.shard.now(), wallMs: 1e15 }, 1000)
        .map(({ kind }) => kind);
    await commitPlain(test, { offset: 1 });
    await hold(test, 1, { offset: 2 });
    await hold(test, 2, { offset: 2, groupId: "h" });
    deepStrictEqual(expired(), []);
    end(test, 1, false);
    deepStrictEqual(expired(), ["offsetCommit", "groupMetadata"]);
    end(test, 2, false);
    // Nothing of it was ever committed.
    deepStrictEqual(expired(), [
      "offsetCommit",
      "groupMetadata",
      "groupMetadata",
    ]);
  });
});

/** The name of the error that a commit is refused with; "" where it is not. */
async function refusal(test: TestCoordinator, by: Partial<Committer>) {
  try {
    await hold(test, 1, { offset: 1, by });
    return "";
  } catch (error) {
    return (error as KafkaError).errorName;
  }
}

Deno.test("a transaction commits for the member and generation that it says, of a classic group", async () => {
  await withCoordinator(764, async (test) => {
    strictEqual(
      await refusal(test, { generationIdOrMemberEpoch: 1, memberId: "m" }),
      "ILLEGAL_GENERATION",
      "there is no group",
    );
    const { memberId } = await testJoin(test, { groupInstanceId: "i" });
    const joining: Partial<Committer> = {
      memberId,
      generationIdOrMemberEpoch: 1,
      groupInstanceId: "i",
    };
    // A member that is about to be given its part has the generation already.
    strictEqual(await refusal(test, joining), "");
    await testSync(test, { memberId, generationId: 1 }, { [memberId]: "x" });
    strictEqual(await refusal(test, joining), "");
    strictEqual(await refusal(test, {}), "", "older clients do not say");
    const cases: [Partial<Committer>, string][] = [
      [{ ...joining, generationIdOrMemberEpoch: 0 }, "ILLEGAL_GENERATION"],
      [{ ...joining, generationIdOrMemberEpoch: 2 }, "ILLEGAL_GENERATION"],
      [{ ...joining, generationIdOrMemberEpoch: -1 }, "ILLEGAL_GENERATION"],
      [{ ...joining, memberId: "x" }, "FENCED_INSTANCE_ID"],
      [{ ...joining, groupInstanceId: "j" }, "UNKNOWN_MEMBER_ID"],
      [{ generationIdOrMemberEpoch: 1, memberId: "x" }, "UNKNOWN_MEMBER_ID"],
    ];
    for (const [by, expected] of cases) {
      strictEqual(await refusal(test, by), expected, JSON.stringify(by));
    }
  });
});

Deno.test("commits in transactions do not show that a member lives", async () => {
  await withCoordinator(765, async (test, sim) => {
    const { memberId } = await testJoin(test);
    await testSync(test, { memberId, generationId: 1 }, { [memberId]: "x" });
    const by = { memberId, generationIdOrMemberEpoch: 1 };
    for (let i = 0; i < 3; i++) {
      await sleep(sim.host.clock, 3000);
      strictEqual(await refusal(test, by), "");
    }
    await sleep(sim.host.clock, 3000);
    strictEqual(await refusal(test, by), "UNKNOWN_MEMBER_ID");
  });
});

Deno.test("a producer of an older epoch commits no offsets any more", async () => {
  await withCoordinator(766, async (test) => {
    await hold(test, 1, { offset: 5 }, 3);
    await rejects(
      () => hold(test, 1, { offset: 6 }, 2),
      (error) =>
        error instanceof KafkaError &&
        error.errorName === "INVALID_PRODUCER_EPOCH",
    );
    end(test, 1, true, 4);
    await rejects(() => hold(test, 1, { offset: 7 }, 3));
    strictEqual(await read(test, stable), 5);
  });
});

for (const end2 of ["commit", "abort"] as const) {
  Deno.test(`a transaction that stays open over a restart ends with its ${end2}`, async () => {
    const sim = simHost(767);
    await sim.run(async () => {
      const test = await openTestCoordinator(sim.host);
      await commitPlain(test, { offset: 1 });
      await hold(test, 1, { offset: 2 });
      await hold(test, 2, { offset: 3, partition: 1 });
      end(test, 2, true);
      await test.log.flush();
    });
    sim.crash("power");
    sim.restart();
    await sim.run(async () => {
      const test = await openTestCoordinator(sim.host);
      strictEqual(await read(test), 1);
      strictEqual(await read(test, stable), "UNSTABLE");
      strictEqual(test.shard.state.pending.has("g", "t", 1), false);
      strictEqual(test.shard.state.offsets.get("g", "t", 1)?.offset, 3);
      end(test, 1, end2 === "commit");
      strictEqual(await read(test, stable), end2 === "commit" ? 2 : 1);
      test.coordinator.close();
      await test.logDirs.close({ brokerEpoch: 1 });
    });
  });
}

Deno.test("a marker that comes while groups are loaded is not missed", async () => {
  const sim = simHost(768);
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host, {
      config: { "offsets.load.buffer.size": 1 },
    });
    const { coordinator, log } = test;
    for (let i = 0; i < 20; i++) {
      // All of the log has been read, but is not yet on every replica; or less.
      await hold(test, 1, { offset: 100 + i });
      let release = () => {};
      const committed = new Promise<void>((done) => release = done);
      let asked = 0;
      const loading = coordinator.lead({
        ...shardLogOf(log),
        committed: () => (asked++, committed),
      });
      for (let turn = 0; turn < i; turn++) await sleep(sim.host.clock, 0);
      end(test, 1, true);
      release();
      await loading;
      ok(asked > 0);
      strictEqual(await read(test, stable), 100 + i);
    }
    coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

type Action =
  | { readonly do: "plain"; readonly g: number; readonly p: number }
  | {
    readonly do: "hold";
    readonly by: number;
    readonly g: number;
    readonly p: number;
  }
  | { readonly do: "end"; readonly by: number; readonly isCommit: boolean }
  | { readonly do: "delete"; readonly g: number; readonly p: number }
  | { readonly do: "remove"; readonly g: number };

const g = fc.nat(1);
const p = fc.nat(1);
const by = fc.nat(2);
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("plain" as const), g, p }),
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("hold" as const), by, g, p }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("end" as const),
        by,
        isCommit: fc.boolean(),
      }),
    },
    fc.record({ do: fc.constant("delete" as const), g, p }),
    fc.record({ do: fc.constant("remove" as const), g }),
  ),
  { maxLength: 40 },
);

/** Offsets as Kafka says them: by the place of their records in the log. */
class Model {
  readonly offsets = new Map<string, { offset: number; at: number }>();
  readonly pending = new Map<
    number,
    Map<string, { offset: number; at: number }>
  >();
  #at = 0;

  plain(key: string, offset: number): void {
    this.offsets.set(key, { offset, at: this.#at++ });
  }

  hold(producerId: number, key: string, offset: number): void {
    const held = this.pending.get(producerId) ?? new Map();
    this.pending.set(producerId, held.set(key, { offset, at: this.#at++ }));
  }

  end(producerId: number, isCommit: boolean): void {
    for (const [key, held] of this.pending.get(producerId) ?? []) {
      const now = this.offsets.get(key);
      if (isCommit && (now === undefined || now.at < held.at)) {
        this.offsets.set(key, held);
      }
    }
    this.pending.delete(producerId);
  }

  delete(isOver: (key: string) => boolean): void {
    for (const offsets of [this.offsets, ...this.pending.values()]) {
      for (const key of [...offsets.keys()]) {
        if (isOver(key)) offsets.delete(key);
      }
    }
  }

  texts(): string[] {
    return KEYS.map((key) => {
      const isPending = [...this.pending.values()].some((each) =>
        each.has(key)
      );
      return `${key} ${this.offsets.get(key)?.offset} ${isPending}`;
    });
  }
}

const KEYS = ["g0 0", "g0 1", "g1 0", "g1 1"];

function textsOf(state: ShardState): string[] {
  return KEYS.map((key) => {
    const [groupId, partition] = key.split(" ");
    const offset = state.offsets.get(groupId, "t", Number(partition))?.offset;
    const isPending = state.pending.has(groupId, "t", Number(partition));
    return `${key} ${offset} ${isPending}`;
  });
}

async function act(
  test: TestCoordinator,
  model: Model,
  action: Action,
  offset: number,
): Promise<void> {
  const { shard } = test;
  if (action.do === "end") {
    end(test, action.by, action.isCommit);
    return model.end(action.by, action.isCommit);
  }
  const groupId = `g${action.g}`;
  if (action.do === "remove") {
    if (!shard.state.groups.has(groupId)) return;
    await shard.run((state) => deleteGroup(state, groupId));
    return model.delete((key) => key.startsWith(groupId));
  }
  const { p: partition } = action;
  const key = `${groupId} ${partition}`;
  if (action.do === "delete") {
    if (!shard.state.groups.has(groupId)) return;
    const topics = [{ name: "t", partitions: [partition] }];
    await shard.run((state) => deleteOffsets(state, groupId, topics));
    return model.delete((each) => each === key);
  }
  const commit = { offset, partition, groupId };
  if (action.do === "plain") {
    await commitPlain(test, commit);
    return model.plain(key, offset);
  }
  await hold(test, action.by, commit);
  model.hold(action.by, key, offset);
}

Deno.test("whatever transactions and tools do, offsets are what the log says, read from anew or not", async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (script) => {
      await withCoordinator(769, async (test, sim) => {
        const model = new Model();
        let offset = 0;
        for (const action of script) {
          await act(test, model, action, offset++);
          deepStrictEqual(textsOf(test.shard.state), model.texts());
        }
        const replayed = groupRecords.newState();
        await loadShard(shardLogOf(test.log), groupRecords, replayed, {
          clock: sim.host.clock,
          fromOffset: 0,
          bufferBytes: 500,
          isWanted: () => true,
          report: (line) => {
            throw new Error(line);
          },
        });
        deepStrictEqual(textsOf(replayed), model.texts());
        deepStrictEqual(
          [...replayed.groups.keys()].sort(),
          [...test.shard.state.groups.keys()].sort(),
        );
        // What is open may be ended after that as before.
        for (const producerId of [0, 1, 2]) {
          replayed.endTransaction(producerId, true);
          model.end(producerId, true);
        }
        deepStrictEqual(textsOf(replayed), model.texts());
        ok(replayed.pending.isEmpty);
      });
    }),
    { numRuns: 150 },
  );
});
