// What a broker makes of requests of groups that no client should send: the items
// "Kafka wire" 31 and 32 of the catalogue of bad input, each by its number. After
// each, the broker still serves a group.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import { TestBroker, type TestClient } from "../testing/broker_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from "../wire/kafka/messages/describe_groups.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  joinGroupRequest,
  joinGroupResponse,
} from "../wire/kafka/messages/join_group.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../wire/kafka/messages/sync_group.ts";

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const JOIN = [joinGroupRequest, joinGroupResponse] as const;
const SYNC = [syncGroupRequest, syncGroupResponse] as const;
const COMMIT = [offsetCommitRequest, offsetCommitResponse] as const;
const DESCRIBE = [describeGroupsRequest, describeGroupsResponse] as const;

interface Context {
  readonly sim: SimHost;
  readonly broker: TestBroker;
  readonly client: TestClient;
}

/** Runs a test against a broker, which still has to serve a group after it. */
function onBroker(
  name: string,
  test: (context: Context) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): void {
  Deno.test(name, async () => {
    const sim = simHost(31);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, {
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 1,
        ...overrides,
      });
      await broker.createTopic("t");
      const client = await broker.connect();
      await client.call(FIND, 2, { key: "g" });
      await test({ sim, broker, client });
      const after = await broker.connect();
      const joined = await join(after, { groupId: "after" });
      strictEqual(joined.errorCode, 0, "it serves on");
      strictEqual((await sync(after, "after", joined)).errorCode, 0);
      ok(
        !broker.lines.some((line) => /^Failed to|stops after/.test(line)),
        broker.lines.join("\n"),
      );
      strictEqual(await broker.stop(), true);
    });
  });
}

interface Joining {
  readonly groupId?: string;
  readonly memberId?: string;
  readonly sessionTimeoutMs?: number;
  readonly protocolType?: string;
  readonly protocols?: readonly string[];
  readonly metadata?: Uint8Array;
}

function join(client: TestClient, joining: Joining = {}, version = 3) {
  return client.call(JOIN, version, {
    groupId: joining.groupId ?? "g",
    memberId: joining.memberId ?? "",
    sessionTimeoutMs: joining.sessionTimeoutMs ?? 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: joining.protocolType ?? "consumer",
    protocols: (joining.protocols ?? ["range"]).map((name) => ({
      name,
      metadata: joining.metadata ?? new Uint8Array(0),
    })),
  });
}

function sync(
  client: TestClient,
  groupId: string,
  { memberId, generationId }: {
    readonly memberId: string;
    readonly generationId: number;
  },
) {
  return client.call(SYNC, 3, {
    groupId,
    memberId,
    generationId,
    assignments: [],
  });
}

onBroker(
  "31: JoinGroup with a session timeout out of range",
  async ({ client }) => {
    for (const sessionTimeoutMs of [-1, 0, 5999, 1_800_001, 2 ** 31 - 1]) {
      for (const version of [0, 3, 5, 9]) {
        const { errorCode } = await join(client, { sessionTimeoutMs }, version);
        strictEqual(errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
      }
    }
  },
);

onBroker("31: JoinGroup of a group without a name", async ({ client }) => {
  for (const version of [0, 3, 5, 9]) {
    const { errorCode } = await join(client, { groupId: "" }, version);
    strictEqual(errorCode, ErrorCode.INVALID_GROUP_ID);
  }
});

onBroker(
  "31: JoinGroup with no protocols, or others than the group's",
  async ({ client }) => {
    const inconsistent = ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    for (const wrong of [{ protocols: [] }, { protocolType: "" }]) {
      strictEqual((await join(client, wrong)).errorCode, inconsistent);
    }
    const joined = await join(client);
    await sync(client, "g", joined);
    for (
      const wrong of [{ protocols: ["other"] }, { protocolType: "connect" }]
    ) {
      strictEqual((await join(client, wrong)).errorCode, inconsistent);
    }
  },
);

onBroker(
  "31: JoinGroup with metadata larger than a record may be",
  async ({ client }) => {
    const metadata = new Uint8Array(2 << 20);
    const joined = await join(client, { metadata });
    strictEqual(joined.errorCode, 0);
    const { errorCode } = await sync(client, "g", joined);
    strictEqual(
      errorCode,
      ErrorCode.UNKNOWN_SERVER_ERROR,
      "as Apache Kafka says",
    );
  },
);

onBroker(
  "31: JoinGroup with metadata larger than a request may be",
  async ({ client, broker }) => {
    // The broker may close while this is still being sent.
    await client.send(joinGroupRequest, 3, {
      groupId: "g",
      memberId: "",
      sessionTimeoutMs: 10_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(300_000) }],
    }).catch(() => {});
    strictEqual(await client.isClosed(), true);
    ok(broker.lines.some((line) => line.includes("socket.request.max.bytes")));
  },
  { "socket.request.max.bytes": 200_000 },
);

onBroker("31: more members than group.max.size", async ({ client, broker }) => {
  const joined = await join(client);
  await sync(client, "g", joined);
  const other = await broker.connect();
  const { errorCode } = await join(other);
  strictEqual(errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
}, { "group.max.size": 1 });

onBroker(
  "31: many first joins without a member id leave no members",
  async ({ sim, client, broker }) => {
    const ids = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const { errorCode, memberId } = await join(client, {}, 4);
      strictEqual(errorCode, ErrorCode.MEMBER_ID_REQUIRED);
      ids.add(memberId);
    }
    strictEqual(ids.size, 500);
    const { groups } = await client.call(DESCRIBE, 5, { groups: ["g"] });
    deepStrictEqual(groups[0].members, []);
    strictEqual(groups[0].groupState, "Empty");
    await sleep(sim.host.clock, 10_100);
    // Ids that nobody came back with are forgotten after a session.
    const [late] = ids;
    const { errorCode } = await join(client, { memberId: late }, 4);
    strictEqual(errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    const { state } = broker.broker.groups.shardOf("g");
    strictEqual(state.groups.get("g")?.isEmpty, true);
  },
);

function commit(client: TestClient, by: {
  readonly memberId?: string;
  readonly generation?: number;
  readonly metadata?: string;
}) {
  return client.call(COMMIT, 7, {
    groupId: "g",
    memberId: by.memberId ?? "",
    generationIdOrMemberEpoch: by.generation ?? -1,
    topics: [{
      name: "t",
      partitions: [{
        partitionIndex: 0,
        committedOffset: 1,
        committedMetadata: by.metadata ?? "",
      }],
    }],
  }).then(({ topics }) => topics[0].partitions[0].errorCode);
}

onBroker(
  "32: OffsetCommit with metadata longer than 4096",
  async ({ client }) => {
    strictEqual(await commit(client, { metadata: "m".repeat(4096) }), 0);
    for (const size of [4097, 32_767]) {
      const code = await commit(client, { metadata: "m".repeat(size) });
      strictEqual(code, ErrorCode.OFFSET_METADATA_TOO_LARGE);
    }
  },
);

onBroker(
  "32: OffsetCommit of a generation or a member that is not there",
  async ({ client }) => {
    const generation = 3;
    strictEqual(
      await commit(client, { memberId: "m", generation }),
      ErrorCode.ILLEGAL_GENERATION,
      "of a group that is not there",
    );
    const { memberId, generationId } = await join(client);
    await sync(client, "g", { memberId, generationId });
    for (const wrong of [generationId - 1, generationId + 1, 2 ** 31 - 1]) {
      strictEqual(
        await commit(client, { memberId, generation: wrong }),
        ErrorCode.ILLEGAL_GENERATION,
      );
    }
    for (const other of ["", "somebody"]) {
      strictEqual(
        await commit(client, { memberId: other, generation: generationId }),
        ErrorCode.UNKNOWN_MEMBER_ID,
      );
    }
    strictEqual(
      await commit(client, { memberId, generation: generationId }),
      0,
    );
  },
);
