// Simulated members of groups, of either protocol: they join, live, commit,
// leave, crash without a word, and come again. What they are told goes to the
// world that checks it.

import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from "../client/consumer_protocol.ts";
import {
  heartbeatGroup,
  joinGroup,
  leaveGroup,
  syncGroup,
} from "../groups/classic/classic_protocol.ts";
import {
  commitInTransaction,
  commitOffsets,
  fetchOffsets,
} from "../groups/commit_offsets.ts";
import { type Host, sleep } from "../host/host.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  type GroupWorld,
  MIXED_GROUP,
  NoAnswer,
  SHARED_PARTITION_COUNT,
  SHARED_TOPIC,
  SHARED_TOPIC_ID,
  type WrittenOffset,
} from "./sim_group_world.ts";
import type { SimRandom } from "./sim_random.ts";

export interface MemberStage {
  readonly world: GroupWorld;
  readonly host: Host;
  readonly random: SimRandom;
  /** True once members are to do no more. */
  readonly isOver: () => boolean;
}

/** A stage as one member has it. */
interface MemberOnStage extends MemberStage {
  /** The end of its last transaction; meanwhile it commits outside of one. */
  ending: Promise<void>;
}

const CALLER = { clientId: "sim", clientHost: "/10.0.0.1" };
const HEARTBEAT_MS = 300;
const SUBSCRIPTION = encodeSubscription({
  topics: [SHARED_TOPIC],
  userData: null,
  ownedPartitions: [],
  generationId: -1,
  rackId: null,
});

/** Who a member is to the coordinator now. */
interface Identity {
  readonly memberId: string;
  readonly generation: number;
  readonly partitions: readonly number[];
}

/** Commits for some of a member's partitions, in a transaction of its own now and then. */
async function commit(
  stage: MemberOnStage,
  groupId: string,
  { memberId, generation, partitions }: Identity,
): Promise<void> {
  const { world, random } = stage;
  const chosen = partitions.filter(() => random.chance(0.6));
  if (chosen.length === 0) return;
  const isTransactional = random.chance(0.3);
  if (isTransactional) await stage.ending;
  const producerId = isTransactional ? world.nextProducerId() : null;
  const offsets: number[] = [];
  const committing = world.call((coordinator) =>
    coordinator.shardOf(groupId).run((state, now) => {
      for (const partition of chosen) {
        offsets.push(world.nextOffset(groupId, partition));
      }
      const request = {
        groupId,
        by: {
          memberId,
          groupInstanceId: null,
          generationIdOrMemberEpoch: generation,
          apiVersion: 9,
        },
        topics: [{
          name: SHARED_TOPIC,
          partitions: chosen.map((partition, i) => ({
            partition,
            offset: offsets[i],
            leaderEpoch: -1,
            metadata: "",
            commitTimestampMs: -1,
          })),
        }],
        metadataMax: 100,
      };
      return producerId === null
        ? commitOffsets(state, { ...request, retentionMs: -1 }, now)
        : commitInTransaction(state, {
          ...request,
          transaction: { producerId, producerEpoch: 0 },
        }, now);
    })
  );
  let isTaken = false;
  try {
    isTaken = (await committing)[0].every((code) => code === 0);
  } finally {
    if (producerId !== null) {
      const written = chosen.map((partition, i) => ({
        groupId,
        partition,
        offset: offsets[i] ?? -1,
      }));
      stage.ending = endTransaction(stage, producerId, isTaken, written);
      // It is met at the latest when the member is done.
      stage.ending.catch(() => {});
    }
  }
  world.counts.commits++;
  if (!isTaken || isTransactional) return;
  chosen.forEach((partition, i) =>
    world.heardOffset(groupId, partition, offsets[i])
  );
}

/** As a transaction's coordinator does, which does not give up. */
async function endTransaction(
  { world, host, random }: MemberStage,
  producerId: number,
  mayCommit: boolean,
  written: readonly WrittenOffset[],
): Promise<void> {
  const isCommit = mayCommit && random.chance(0.7);
  if (!isCommit) { for (const each of written) world.willAbort(each); }
  await sleep(host.clock, random.between(0, 3000));
  for (;;) {
    try {
      await world.endTransaction(producerId, isCommit);
      break;
    } catch (error) {
      if (!isExpected(error)) throw error;
      await sleep(host.clock, random.between(10, 300));
    }
  }
  world.counts.transactions++;
  if (!isCommit) return;
  for (const { groupId, partition, offset } of written) {
    world.heardOffset(groupId, partition, offset);
  }
}

/** Reads what is committed; what is read is promised from then on. */
export async function readOffsets(
  { world }: MemberStage,
  groupId: string,
): Promise<void> {
  const partitions = Array.from(
    { length: SHARED_PARTITION_COUNT },
    (_, i) => i,
  );
  const found = await world.call((coordinator) =>
    coordinator.shardOf(groupId).run((state) => ({
      records: [],
      response: fetchOffsets(state, {
        groupId,
        by: { memberId: null, memberEpoch: -1 },
        topics: [{ name: SHARED_TOPIC, partitionIndexes: partitions }],
        requireStable: true,
      }),
    }))
  );
  for (const { partition, errorCode, committed } of found.get(SHARED_TOPIC)!) {
    if (errorCode !== 0) continue;
    world.heardOffset(groupId, partition, committed?.offset ?? 0);
  }
}

/** What a member does between two heartbeats. @returns False where it goes. */
async function live(
  stage: MemberOnStage,
  groupId: string,
  identity: Identity,
): Promise<boolean> {
  const { random, host } = stage;
  await sleep(host.clock, random.between(0, 2 * HEARTBEAT_MS));
  try {
    if (random.chance(0.5)) await commit(stage, groupId, identity);
    if (random.chance(0.1)) await readOffsets(stage, groupId);
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
  return !random.chance(0.02);
}

function isExpected(error: unknown): boolean {
  return error instanceof NoAnswer || error instanceof KafkaError;
}

/** A member of the classic protocol, over all its lives. */
export async function runClassicMember(
  given: MemberStage,
  groupId: string,
): Promise<void> {
  const stage = { ...given, ending: Promise.resolve() };
  const { random, host, isOver } = stage;
  const member = { memberId: "" };
  while (!isOver()) {
    try {
      const identity = await joinAndSync(stage, groupId, member);
      if (identity !== null) {
        await liveClassic(stage, groupId, identity, member);
      }
    } catch (error) {
      if (!isExpected(error)) throw error;
      await sleep(host.clock, random.between(10, 300));
    }
    await sleep(host.clock, random.between(0, 50));
  }
  await stage.ending;
}

async function joinAndSync(
  { world, random }: MemberStage,
  groupId: string,
  member: { memberId: string },
): Promise<Identity | null> {
  const joined = await world.call((coordinator) =>
    joinGroup(coordinator, {
      groupId,
      memberId: member.memberId,
      groupInstanceId: null,
      sessionTimeoutMs: 2000,
      rebalanceTimeoutMs: 3000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: SUBSCRIPTION }],
      reason: null,
    }, { ...CALLER, apiVersion: 9 })
  );
  if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
    member.memberId = joined.memberId;
    return null;
  }
  if (joined.errorCode !== 0) {
    if (joined.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) member.memberId = "";
    throw KafkaError.ofCode(joined.errorCode);
  }
  member.memberId = joined.memberId;
  const generation = joined.generationId!;
  const members = joined.members.map(({ memberId }) => memberId);
  const shift = random.below(100);
  const isLeader = joined.leader === joined.memberId;
  const synced = await world.call((coordinator) =>
    syncGroup(coordinator, {
      groupId,
      generationId: generation,
      memberId: joined.memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocolName: "range",
      assignments: !isLeader ? [] : members.map((memberId, index) => ({
        memberId,
        assignment: encodeAssignment(
          Array.from({ length: SHARED_PARTITION_COUNT }, (_, partition) => ({
            topic: SHARED_TOPIC,
            partition,
          })).filter(({ partition }) =>
            (partition + shift) % members.length === index
          ),
        ),
      })),
    })
  );
  if (synced.errorCode !== 0) throw KafkaError.ofCode(synced.errorCode);
  const partitions = decodeAssignment(synced.assignment!)
    .map(({ partition }) => partition);
  const { memberId } = joined;
  if (groupId !== MIXED_GROUP) {
    world.heardAssignment(groupId, generation, memberId, partitions);
  }
  return { memberId, generation, partitions };
}

async function liveClassic(
  stage: MemberOnStage,
  groupId: string,
  identity: Identity,
  member: { memberId: string },
): Promise<void> {
  const { world, random, isOver } = stage;
  const { memberId, generation } = identity;
  while (!isOver()) {
    if (!await live(stage, groupId, identity)) {
      member.memberId = "";
      // Or it crashes, and says nothing.
      if (random.chance(0.5)) {
        await world.call((coordinator) =>
          leaveGroup(coordinator, groupId, [{
            memberId,
            groupInstanceId: null,
          }])
        );
      }
      await sleep(stage.host.clock, random.between(0, 4000));
      return;
    }
    const code = await world.call((coordinator) =>
      heartbeatGroup(coordinator, {
        groupId,
        memberId,
        generationId: generation,
        groupInstanceId: null,
      })
    );
    if (code === ErrorCode.UNKNOWN_MEMBER_ID) member.memberId = "";
    if (code !== 0) return;
  }
}

/** A member of the newer protocol, over all its lives. */
export async function runConsumerMember(
  given: MemberStage,
  groupId: string,
  name: string,
): Promise<void> {
  const stage = { ...given, ending: Promise.resolve() };
  const { world, random, host, isOver } = stage;
  let lifeCount = 0;
  let mustSayAll = true;
  let identity = newcomer();

  function newcomer(): Identity {
    mustSayAll = true;
    return {
      memberId: `${name}-${lifeCount++}`,
      generation: 0,
      partitions: [],
    };
  }

  while (!isOver()) {
    try {
      const isAll = mustSayAll || identity.generation === 0;
      const answer = await world.call((coordinator) =>
        coordinator.consumer.heartbeat(
          heartbeatOf(groupId, identity, isAll),
          { ...CALLER, apiVersion: 1 },
        )
      );
      mustSayAll = false;
      world.heardGeneration(groupId, answer.memberEpoch);
      const given = answer.assignment?.topicPartitions
        .flatMap(({ partitions }) => partitions);
      identity = {
        ...identity,
        generation: answer.memberEpoch,
        partitions: given ?? identity.partitions,
      };
      if (given !== undefined) mustSayAll = true;
      if (await live(stage, groupId, identity)) continue;
      if (random.chance(0.5)) {
        await world.call((coordinator) =>
          coordinator.consumer.heartbeat(
            heartbeatOf(groupId, { ...identity, generation: -1 }, false),
            { ...CALLER, apiVersion: 1 },
          )
        );
      }
      identity = newcomer();
      await sleep(host.clock, random.between(0, 4000));
    } catch (error) {
      if (!isExpected(error)) throw error;
      mustSayAll = true;
      const name = error instanceof KafkaError ? error.errorName : "";
      if (name === "FENCED_MEMBER_EPOCH" || name === "UNKNOWN_MEMBER_ID") {
        identity = { ...identity, generation: 0, partitions: [] };
      }
      if (name === "GROUP_ID_NOT_FOUND") identity = newcomer();
      await sleep(host.clock, random.between(10, 300));
    }
  }
  await stage.ending;
}

function heartbeatOf(
  groupId: string,
  { memberId, generation, partitions }: Identity,
  isAll: boolean,
) {
  return {
    groupId,
    memberId,
    memberEpoch: generation,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: isAll ? 3000 : -1,
    subscribedTopicNames: isAll ? [SHARED_TOPIC] : null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: !isAll
      ? null
      : partitions.length === 0
      ? []
      : [{ topicId: SHARED_TOPIC_ID, partitions: [...partitions] }],
  };
}
