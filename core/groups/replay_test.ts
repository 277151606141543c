// The log is the truth: whatever members do, replaying the records gives the
// groups and offsets that were there. And the records are Kafka's: its own log
// of groups is read as Kafka means it.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { type Clock, sleep } from "../host/host.ts";
import { openTestLogs, testTopicConfig } from "../testing/log_fixture.ts";
import {
  openTestCoordinator,
  shardLogOf,
  type TestCoordinator,
  testJoin,
  testSync,
} from "../testing/group_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { readTar } from "../testing/tar.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { ClassicGroup } from "./classic/classic_group.ts";
import { leaveGroup } from "./classic/classic_protocol.ts";
import { commitOffsets } from "./commit_offsets.ts";
import { deleteGroup, deleteOffsets } from "./delete_offsets.ts";
import type { Committer } from "./group.ts";
import { encodeHex } from "../base/bytes.ts";
import {
  batchSize,
  decodeBatch,
  readBatchHeader,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../record/record_batch.ts";
import { ShardBatch } from "../shards/shard_batch.ts";
import { decodeRecord } from "./coordinator_record.ts";
import { groupRecords, writeGroupRecord } from "./group_content.ts";
import { loadShard } from "../shards/load_shard.ts";
import { ShardState } from "./shard_state.ts";

const OUTSIDER: Committer = {
  memberId: "",
  groupInstanceId: null,
  generationIdOrMemberEpoch: -1,
  apiVersion: 8,
};

/** What of a state has to survive: offsets, and groups where they stand still. */
function snapshot(state: ShardState, groupIds: Iterable<string>) {
  return Object.fromEntries(
    [...groupIds].sort().map((groupId) => [groupId, {
      offsets: [...state.offsets.of(groupId)].map(([topic, partitions]) =>
        [topic, [...partitions].sort(([a], [b]) => a - b)] as const
      ).sort(([a], [b]) => a < b ? -1 : 1),
      group: storedPart(state, groupId),
    }]),
  );
}

function storedPart(state: ShardState, groupId: string) {
  const group = state.groups.get(groupId);
  if (!(group instanceof ClassicGroup)) return null;
  return {
    ...group.record(({ assignment }) => assignment).value,
    state: group.state,
  };
}

async function replayed(
  { log }: TestCoordinator,
  clock: Clock,
): Promise<ShardState> {
  const state = new ShardState();
  await loadShard(shardLogOf(log), groupRecords, state, {
    clock,
    fromOffset: log.logStartOffset,
    bufferBytes: 700,
    isWanted: () => true,
    report: (line) => {
      throw new Error(line);
    },
  });
  return state;
}

type Action =
  | { readonly do: "join" | "static" | "leave" | "remove"; readonly g: number }
  | { readonly do: "commit" | "delete"; readonly g: number; readonly p: number }
  | { readonly do: "wait"; readonly ms: number };

const group = fc.integer({ min: 0, max: 2 });
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom<"join" | "static" | "leave" | "remove">(
        "join",
        "static",
        "leave",
        "remove",
      ),
      g: group,
    }),
    fc.record({
      do: fc.constantFrom<"commit" | "delete">("commit", "commit", "delete"),
      g: group,
      p: fc.integer({ min: 0, max: 3 }),
    }),
    fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(100, 7000, 40_000),
    }),
  ),
  { maxLength: 25 },
);

/** Members of one group, as far as a test must know them. */
class Members {
  readonly groupId: string;
  readonly #test: TestCoordinator;
  ids: string[] = [];

  constructor(test: TestCoordinator, groupId: string) {
    this.#test = test;
    this.groupId = groupId;
  }

  /** One more joins, all others again, and the leader assigns. */
  async join(groupInstanceId: string | null): Promise<void> {
    const { groupId } = this;
    const joining = [
      testJoin(this.#test, { groupId, groupInstanceId }),
      ...this.ids.map((memberId) =>
        testJoin(this.#test, { groupId, memberId })
      ),
    ];
    const joined = (await Promise.all(joining)).filter(({ errorCode }) =>
      errorCode === 0
    );
    this.ids = joined.filter(({ memberId }) => memberId.startsWith("test-"))
      .map(({ memberId }) => memberId);
    await Promise.all(joined.map((each) =>
      testSync(
        this.#test,
        each,
        each.leader === each.memberId
          ? Object.fromEntries(
            joined.map(({ memberId }, i) => [memberId, `${i}`]),
          )
          : {},
        groupId,
      )
    ));
  }
}

async function act(
  test: TestCoordinator,
  members: readonly Members[],
  action: Action,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  if (action.do === "wait") return await wait(action.ms);
  const chosen = members[action.g];
  const { groupId } = chosen;
  const { shard } = test;
  switch (action.do) {
    case "join":
      return await chosen.join(null);
    case "static":
      return await chosen.join("instance");
    case "leave": {
      const memberId = chosen.ids.pop() ?? "nobody";
      leaveGroup(test.coordinator, groupId, [{
        memberId,
        groupInstanceId: null,
      }]);
      return;
    }
    case "remove":
      return void await shard.run((state) => deleteGroup(state, groupId));
    case "delete":
      return void await shard.run((state) =>
        deleteOffsets(state, groupId, [{ name: "t", partitions: [action.p] }])
      );
    case "commit":
      return void await shard.run((state, now) =>
        commitOffsets(state, {
          groupId,
          by: OUTSIDER,
          topics: [{
            name: "t",
            partitions: [{
              partition: action.p,
              offset: now.wallMs % 1000,
              leaderEpoch: action.p - 1,
              metadata: action.p === 0 ? null : "m",
              commitTimestampMs: -1,
            }],
          }],
          retentionMs: action.p === 3 ? 1000 : -1,
          metadataMax: 10,
        }, now)
      );
  }
}

Deno.test("replaying the log gives the groups and offsets that were there", async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (script) => {
      const sim = simHost(701);
      await sim.run(async () => {
        const test = await openTestCoordinator(sim.host);
        const members = [0, 1, 2].map((i) => new Members(test, `g${i}`));
        const wait = (ms: number) => sleep(sim.host.clock, ms);
        for (const action of script) {
          try {
            await act(test, members, action, wait);
          } catch (error) {
            if (!(error instanceof KafkaError)) throw error;
          }
          await wait(1);
        }
        // Whoever is left goes: groups stand still then.
        await wait(100_000);
        const { state } = test.shard;
        const state2 = await replayed(test, sim.host.clock);
        const ids = new Set([...state.groups.keys(), ...state2.groups.keys()]);
        for (const id of ids) {
          const isStored = storedPart(state, id)?.generation !== 0 ||
            state.offsets.countOf(id) > 0;
          if (!isStored) ids.delete(id);
        }
        deepStrictEqual(snapshot(state, ids), snapshot(state2, ids));
        test.coordinator.close();
        await test.logDirs.close({ brokerEpoch: 1 });
      });
    }),
    { numRuns: 60 },
  );
});

Deno.test("a group with members is there after a restart, and they have a session to say so", async () => {
  const sim = simHost(702);
  let memberId = "";
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host);
    const joined = await testJoin(test, { groupInstanceId: "i" });
    memberId = joined.memberId;
    await testSync(test, joined, { [memberId]: "part" });
    await test.log.flush();
  });
  sim.crash("kill");
  sim.restart();
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host);
    const stored = storedPart(test.shard.state, "g")!;
    strictEqual(stored.state, "Stable");
    strictEqual(stored.members[0].memberId, memberId);
    strictEqual(new TextDecoder().decode(stored.members[0].assignment), "part");
    await sleep(sim.host.clock, 9000);
    strictEqual(storedPart(test.shard.state, "g")!.state, "Stable");
    await sleep(sim.host.clock, 1100);
    strictEqual(storedPart(test.shard.state, "g")!.state, "Empty");
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

Deno.test("groups that Kafka wrote are read", async () => {
  const folder = new URL("../../testdata/log/", import.meta.url);
  const files = readTar(
    gunzipSync(Deno.readFileSync(new URL("kafka-data.tar.gz", folder))),
  );
  const sim = simHost(703);
  for (const { path, bytes } of files) {
    const target = `/data/${path}`;
    sim.host.disk.makeDirectory(target.slice(0, target.lastIndexOf("/")));
    const file = sim.host.disk.open(target, "create");
    file.writeAt(bytes, 0);
    file.close();
  }
  await sim.run(async () => {
    const logDirs = await openTestLogs(sim.host, {
      directories: "/data/kafka-data",
      clusterId: "xmb-LnloSdqnwnMsDnTSkA",
      topicConfig: testTopicConfig({ "segment.index.bytes": 12_000 }),
    });
    const lines: string[] = [];
    const state = new ShardState();
    for (const log of logDirs.logs()) {
      if (log.topic !== "__consumer_offsets") continue;
      await loadShard(shardLogOf(log), groupRecords, state, {
        clock: sim.host.clock,
        fromOffset: log.logStartOffset,
        bufferBytes: 5 << 20,
        isWanted: () => true,
        report: (line) => lines.push(line),
      });
    }
    deepStrictEqual(lines, []);
    const golden = storedPart(state, "golden-group");
    strictEqual(golden?.protocolType, "consumer");
    const offsets = [...state.offsets.of("golden-group").get("codecs") ?? []];
    ok(offsets.length > 0, "it has committed offsets of `codecs`");
    for (const [partition, { offset }] of offsets) {
      const { logEndOffset } = logDirs.log("codecs", partition)!;
      strictEqual(offset, logEndOffset, `it is at the end of ${partition}`);
    }
    logDirs.abandon();
  });
});

Deno.test("offsets in transactions that Kafka wrote are read, and written as they are", async () => {
  const bytes = gunzipSync(Deno.readFileSync(
    new URL(
      "../../testdata/log/kafka-transactional-offsets.log.gz",
      import.meta.url,
    ),
  ));
  const batches = new ShardBatch(writeGroupRecord);
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    const header = readBatchHeader(bytes, at);
    if (header.isControl) continue;
    const records = decodeBatch(bytes, at).map(({ key, value }) =>
      decodeRecord(key!, value)!
    );
    const made = batches.encode(records, header.maxTimestampMs, header);
    setBaseOffset(made, 0, header.baseOffset);
    setPartitionLeaderEpoch(made, 0, header.partitionLeaderEpoch);
    strictEqual(
      encodeHex(made),
      encodeHex(bytes.subarray(at, at + header.sizeBytes)),
    );
  }
  const sim = simHost(704);
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host);
    test.log.append(bytes, { origin: "replica", leaderEpoch: 0, nowMs: 1 });
    const state = await replayed(test, sim.host.clock);
    const group = "golden-transactions";
    const offsets = [...state.offsets.of(group).get("t")!]
      .map(([partition, { offset, metadata }]) =>
        [partition, offset, metadata] as const
      )
      .sort(([a], [b]) => a - b);
    // Of two transactions the one that wrote later holds, though it ended first.
    deepStrictEqual(offsets, [[0, 13, "later"], [1, 20, ""]]);
    ok(state.pending.has(group, "t", 1), "one is still open");
    strictEqual(state.pending.has(group, "t", 0), false);
    state.endTransaction(0, true);
    strictEqual(state.offsets.get(group, "t", 1)?.offset, 99);
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});
