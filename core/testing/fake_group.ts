// The groups of a fake cluster: the classic protocol and committed offsets, as a
// test of members needs them. One broker coordinates all groups.

import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  heartbeatRequest,
  heartbeatResponse,
} from "../wire/kafka/messages/heartbeat.ts";
import {
  type JoinGroupRequest,
  joinGroupRequest,
  joinGroupResponse,
} from "../wire/kafka/messages/join_group.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "../wire/kafka/messages/leave_group.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../wire/kafka/messages/offset_fetch.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../wire/kafka/messages/sync_group.ts";
import type { InferInput } from "../wire/kafka/schema.ts";
import type { FakeBroker, FakeCluster } from "./fake_broker.ts";

type JoinAnswer = InferInput<typeof joinGroupResponse>;
type SyncAnswer = InferInput<typeof syncGroupResponse>;

interface FakeMember {
  request: JoinGroupRequest;
  answerJoin: ((answer: JoinAnswer) => void) | null;
  answerSync: ((answer: SyncAnswer) => void) | null;
}

const NO_BYTES = new Uint8Array();

/** One group. A rebalance ends when all members of before have joined again. */
export class FakeGroup {
  readonly members = new Map<string, FakeMember>();
  /** Committed offsets by `topic-partition`. */
  readonly offsets = new Map<string, number>();
  generationId = 0;
  state: "empty" | "joining" | "syncing" | "stable" = "empty";
  #leader = "";
  #protocol = "";
  #nextId = 1;
  #given = new Map<string, Uint8Array>();

  newMemberId(): string {
    return `member-${this.#nextId++}`;
  }

  /** Forgets a member, as when its session has ended. */
  expel(memberId: string): void {
    this.members.delete(memberId);
    if (this.members.size === 0) {
      this.state = "empty";
      return;
    }
    if (this.state !== "joining") this.startRebalance();
    this.#endJoin();
  }

  startRebalance(): void {
    this.state = "joining";
    for (const member of this.members.values()) {
      member.answerSync?.({
        errorCode: ErrorCode.REBALANCE_IN_PROGRESS,
        assignment: NO_BYTES,
      });
      member.answerSync = null;
    }
  }

  join(memberId: string, request: JoinGroupRequest): Promise<JoinAnswer> {
    return new Promise((answerJoin) => {
      if (this.state !== "joining") this.startRebalance();
      this.members.set(memberId, { request, answerJoin, answerSync: null });
      this.#endJoin();
    });
  }

  sync(
    memberId: string,
    assignments: readonly {
      readonly memberId: string;
      readonly assignment: Uint8Array;
    }[],
  ): Promise<SyncAnswer> {
    return new Promise((answerSync) => {
      if (this.state === "joining") {
        return answerSync({
          errorCode: ErrorCode.REBALANCE_IN_PROGRESS,
          assignment: NO_BYTES,
        });
      }
      this.members.get(memberId)!.answerSync = answerSync;
      if (memberId !== this.#leader) {
        if (this.state === "stable") this.#answerSyncs();
        return;
      }
      this.#given = new Map(
        assignments.map((entry) => [entry.memberId, entry.assignment]),
      );
      this.state = "stable";
      this.#answerSyncs();
    });
  }

  #answerSyncs(): void {
    for (const [memberId, member] of this.members) {
      member.answerSync?.({
        errorCode: 0,
        protocolType: "consumer",
        protocolName: this.#protocol,
        assignment: this.#given.get(memberId) ?? NO_BYTES,
      });
      member.answerSync = null;
    }
  }

  #endJoin(): void {
    const all = [...this.members];
    if (all.some(([, { answerJoin }]) => answerJoin === null)) return;
    this.generationId++;
    this.state = "syncing";
    this.#given = new Map();
    [this.#leader] = all[0];
    this.#protocol =
      all[0][1].request.protocols.find(({ name }) =>
        all.every(([, { request }]) =>
          request.protocols.some((other) => other.name === name)
        )
      )!.name;
    for (const [memberId, member] of all) {
      member.answerJoin!({
        errorCode: 0,
        generationId: this.generationId,
        protocolType: "consumer",
        protocolName: this.#protocol,
        leader: this.#leader,
        memberId,
        members: memberId !== this.#leader ? [] : all.map(([id, other]) => ({
          memberId: id,
          groupInstanceId: other.request.groupInstanceId,
          metadata: other.request.protocols.find(({ name }) =>
            name === this.#protocol
          )!.metadata,
        })),
      });
      member.answerJoin = null;
    }
  }
}

/** Has one broker of a fake cluster coordinate groups, which are made when they are met. */
export function serveGroups(
  cluster: FakeCluster,
  coordinator: FakeBroker,
): Map<string, FakeGroup> {
  const groups = new Map<string, FakeGroup>();
  const groupOf = (name: string) => {
    const group = groups.get(name) ?? new FakeGroup();
    groups.set(name, group);
    return group;
  };
  const place = {
    nodeId: coordinator.id,
    host: coordinator.sim.name,
    port: coordinator.port,
    errorCode: 0,
    errorMessage: null,
  };
  for (const broker of cluster.brokers) {
    broker.serve(
      findCoordinatorRequest,
      findCoordinatorResponse,
      (request) => ({
        coordinators: request.coordinatorKeys.map((key) => ({ ...place, key })),
      }),
    );
  }
  serveMembership(coordinator, groupOf);
  serveOffsets(coordinator, groupOf);
  return groups;
}

/** Why a member is none, or not of this generation; 0 where it is. */
function membershipError(
  group: FakeGroup,
  { memberId, generationId }: { memberId: string; generationId: number },
): number {
  if (!group.members.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
  return group.generationId === generationId ? 0 : ErrorCode.ILLEGAL_GENERATION;
}

function serveMembership(
  broker: FakeBroker,
  groupOf: (name: string) => FakeGroup,
): void {
  broker.serve(
    joinGroupRequest,
    joinGroupResponse,
    (request, { apiVersion }) => {
      const group = groupOf(request.groupId);
      const { memberId } = request;
      const refuse = (errorCode: number, id: string) => ({
        errorCode,
        memberId: id,
        protocolName: "",
        leader: "",
        members: [],
      });
      if (memberId === "" && apiVersion >= 4) {
        return refuse(ErrorCode.MEMBER_ID_REQUIRED, group.newMemberId());
      }
      return group.join(memberId || group.newMemberId(), request);
    },
  );
  broker.serve(syncGroupRequest, syncGroupResponse, (request) => {
    const group = groupOf(request.groupId);
    const errorCode = membershipError(group, request);
    return errorCode !== 0
      ? { errorCode, assignment: NO_BYTES }
      : group.sync(request.memberId, request.assignments);
  });
  broker.serve(heartbeatRequest, heartbeatResponse, (request) => {
    const group = groupOf(request.groupId);
    const errorCode = membershipError(group, request);
    const isJoining = group.state === "joining";
    return {
      errorCode: errorCode || (isJoining ? ErrorCode.REBALANCE_IN_PROGRESS : 0),
    };
  });
  broker.serve(leaveGroupRequest, leaveGroupResponse, (request) => {
    const group = groupOf(request.groupId);
    for (const { memberId } of request.members) group.expel(memberId);
    return { errorCode: 0, members: [] };
  });
}

function serveOffsets(
  broker: FakeBroker,
  groupOf: (name: string) => FakeGroup,
): void {
  broker.serve(offsetCommitRequest, offsetCommitResponse, (request) => {
    const group = groupOf(request.groupId);
    const { memberId, generationIdOrMemberEpoch: generationId } = request;
    const errorCode = generationId < 0 && group.members.size === 0
      ? 0
      : membershipError(group, { memberId, generationId });
    return {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, committedOffset }) => {
          const key = `${name}-${partitionIndex}`;
          if (errorCode === 0) group.offsets.set(key, committedOffset);
          return { partitionIndex, errorCode };
        }),
      })),
    };
  });
  broker.serve(offsetFetchRequest, offsetFetchResponse, (request) => ({
    groups: request.groups.map(({ groupId, topics }) => ({
      groupId,
      topics: topics!.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          committedOffset:
            groupOf(groupId).offsets.get(`${name}-${partitionIndex}`) ?? -1,
          metadata: "",
          errorCode: 0,
        })),
      })),
    })),
  }));
}
