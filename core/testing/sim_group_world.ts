// A group coordinator on a log of a simulated disk that crashes, as its members
// see it, and what has to hold of it at every moment:
//
//   one owner     no two members of a generation are given one partition
//   generations   never go back
//   offsets       never go back, and none that was acknowledged or read is lost;
//                 of those in transactions and outside the last in the log holds
//   the log       read anew, it gives the state that is there

import { loadBrokerConfig } from "../config/broker_config_load.ts";
import { ClassicGroup } from "../groups/classic/classic_group.ts";
import { ConsumerGroup } from "../groups/consumer/consumer_group.ts";
import {
  GroupCoordinator,
  OFFSETS_TOPIC,
} from "../groups/group_coordinator.ts";
import type { Group } from "../groups/group.ts";
import { groupRecords } from "../groups/group_content.ts";
import { loadShard } from "../shards/load_shard.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import { ShardState } from "../groups/shard_state.ts";
import { sleep } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { openTestLogs, testTopicConfig, TOPIC_ID } from "./log_fixture.ts";
import type { SimHost } from "./sim_host.ts";
import { check, SimFailure } from "./sim_scenario.ts";
import type { SimRandom } from "./sim_random.ts";

export const SHARED_TOPIC = "t";
export const SHARED_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAABw";
export const SHARED_PARTITION_COUNT = 5;

/** The group whose members speak both protocols. */
export const MIXED_GROUP = "mixed";

/** No answer came: the coordinator is down, or the answer was lost. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

const TOPIC_FACTS = {
  name: SHARED_TOPIC,
  topicId: SHARED_TOPIC_ID,
  partitions: Array(SHARED_PARTITION_COUNT).fill(0),
};
const VIEW = {
  topics: new Map([[SHARED_TOPIC, TOPIC_FACTS]]),
  topicsById: new Map([[SHARED_TOPIC_ID, TOPIC_FACTS]]),
};

/** Longer than any answer should take. */
const CALL_TIMEOUT_MS = 20_000;

/** What was promised of one partition of one group. */
interface Promised {
  /** Committed, or more. */
  least: number;
  /** Nobody sent more. */
  most: number;
}

/** An offset that a transaction has written. */
export interface WrittenOffset {
  readonly groupId: string;
  readonly partition: number;
  readonly offset: number;
}

/** The server of a scenario, over all its lives. */
export class GroupWorld {
  readonly #server: SimHost;
  readonly #client: SimHost;
  readonly #random: SimRandom;
  readonly #trace: (line: string) => void;
  readonly #promised = new Map<string, Promised>();
  /** Offsets of transactions that are to be aborted, by group and partition. */
  readonly #aborted = new Map<string, Set<number>>();
  /** Highest generation that anybody was told, by group. */
  readonly #generations = new Map<string, number>();
  /** Who was given a partition, by group, generation and partition. */
  readonly #owners = new Map<string, string>();
  /** Offsets as of the last look in this life, by group and partition. */
  readonly #seen = new Map<string, number>();
  #coordinator: GroupCoordinator | null = null;
  #logDirs: LogDirs | null = null;
  #log: PartitionLog | null = null;
  /** Markers that are in the log, while the groups have not been told. */
  #markersUnderWay = 0;
  #nextProducerId = 0;
  /** How likely a commit of the log is late, as from slow replicas. */
  lateness = 0;
  /** What the run has seen, for the trace. */
  readonly counts = {
    calls: 0,
    commits: 0,
    transactions: 0,
    syncs: 0,
    replays: 0,
  };

  constructor(given: {
    readonly server: SimHost;
    readonly client: SimHost;
    readonly random: SimRandom;
    readonly trace: (line: string) => void;
  }) {
    this.#server = given.server;
    this.#client = given.client;
    this.#random = given.random;
    this.#trace = given.trace;
  }

  /** Whether its log directory has failed in this life. */
  get hasFailed(): boolean {
    return this.#logDirs?.directories.some(({ state }) => !state.isOnline) ??
      false;
  }

  get isUp(): boolean {
    return this.#coordinator !== null && !this.#server.isCrashed;
  }

  /** Opens the log as it is on the disk, and loads the groups. */
  async start(): Promise<void> {
    const { host } = this.#server;
    const topicConfig = testTopicConfig({
      "cleanup.policy": "compact",
      "flush.messages": 1,
      "segment.bytes": 20_000,
    });
    const logDirs = await openTestLogs(host, { topicConfig });
    const log = logDirs.log(OFFSETS_TOPIC, 0) ?? logDirs.createLog({
      topic: OFFSETS_TOPIC,
      partition: 0,
      topicId: TOPIC_ID,
      config: topicConfig,
    });
    const { config } = loadBrokerConfig({
      overrides: [
        "group.initial.rebalance.delay.ms=100",
        "group.min.session.timeout.ms=100",
        "group.consumer.min.session.timeout.ms=100",
        "group.consumer.session.timeout.ms=2000",
        "group.consumer.min.heartbeat.interval.ms=50",
        "group.consumer.heartbeat.interval.ms=300",
        "group.consumer.migration.policy=bidirectional",
      ],
    });
    const coordinator = new GroupCoordinator({
      host,
      config: () => config,
      partitionCount: () => 1,
      topics: () => VIEW as never,
      trace: this.#trace,
    });
    await coordinator.lead(this.#shardLog(log));
    this.#coordinator = coordinator;
    this.#logDirs = logDirs;
    this.#log = log;
    this.checkState();
  }

  /** Stops cleanly, where it is up. */
  async stop(): Promise<void> {
    this.#coordinator?.close();
    this.#coordinator = null;
    await this.#logDirs?.close({ brokerEpoch: 1 });
  }

  /** The process has ended. */
  lose(): void {
    this.#coordinator = null;
    this.#log = null;
    this.#markersUnderWay = 0;
    this.#seen.clear();
  }

  #shardLog(log: PartitionLog): ShardLog {
    const { host } = this.#server;
    return {
      partition: 0,
      name: log.name,
      leaderEpoch: 0,
      log,
      append: (batch, nowMs) => {
        const { durable, lastOffset } = log.append(batch, {
          leaderEpoch: 0,
          nowMs,
          origin: "coordinator",
        });
        const isLate = this.#random.chance(this.lateness);
        const advance = async () => {
          await durable;
          if (isLate) {
            await sleep(host.clock, 500);
            throw new KafkaError("REQUEST_TIMED_OUT");
          }
          log.highWatermark = Math.max(log.highWatermark, lastOffset + 1);
        };
        return advance();
      },
      committed: () => null,
    };
  }

  /**
   * Asks the coordinator; the state is checked before and after.
   *
   * @throws {NoAnswer} Where it crashed, or the answer was lost.
   * @throws {KafkaError} What it says.
   */
  async call<T>(
    ask: (coordinator: GroupCoordinator) => T | Promise<T>,
  ): Promise<T> {
    const coordinator = this.#coordinator;
    if (coordinator === null || !this.isUp) throw new NoAnswer("down");
    // As a broker does that has lost the directory.
    if (this.hasFailed) coordinator.resign(0);
    this.counts.calls++;
    const isAlive = this.#server.lifeTeller;
    const late = Promise.withResolvers<never>();
    const callOff = this.#client.host.clock.after(
      CALL_TIMEOUT_MS,
      () => late.reject(new NoAnswer("late")),
    );
    const crashed = this.#server.crashed.then((): never => {
      throw new NoAnswer("crashed");
    });
    crashed.catch(() => {});
    try {
      const asked = (async () => await ask(coordinator))();
      asked.catch(() => {});
      const answer = await Promise.race([asked, crashed, late.promise]);
      if (!isAlive()) throw new NoAnswer("crashed");
      if (this.#random.chance(0.02)) throw new NoAnswer("the answer was lost");
      return answer;
    } catch (error) {
      if (!isAlive()) throw new NoAnswer("crashed");
      throw error;
    } finally {
      callOff();
      if (isAlive()) this.checkState();
    }
  }

  /** For one transaction alone. */
  nextProducerId(): number {
    return this.#nextProducerId++;
  }

  /** An offset belongs to a transaction that will not be committed: nobody may see it. */
  willAbort({ groupId, partition, offset }: WrittenOffset): void {
    const key = `${groupId} ${partition}`;
    const aborted = this.#aborted.get(key) ?? new Set();
    this.#aborted.set(key, aborted.add(offset));
  }

  /**
   * Writes the marker that ends a producer's transaction, and tells the groups; to be
   * repeated until it succeeds.
   *
   * @throws {NoAnswer}
   * @throws {KafkaError}
   */
  endTransaction(producerId: number, isCommit: boolean): Promise<void> {
    return this.call(async (coordinator) => {
      const log = this.#log!;
      const isAlive = this.#server.lifeTeller;
      const { durable } = log.appendMarker(
        { producerId, producerEpoch: 0, isCommit, coordinatorEpoch: 0 },
        { leaderEpoch: 0, nowMs: this.#server.host.clock.wallMs() },
      );
      const endOffset = log.logEndOffset;
      this.#markersUnderWay++;
      try {
        await durable;
        if (!isAlive()) return;
        log.highWatermark = Math.max(log.highWatermark, endOffset);
        coordinator.endTransaction(0, producerId, isCommit);
      } finally {
        if (isAlive()) this.#markersUnderWay--;
      }
    });
  }

  /** A commit is about to be sent; gives the offset to send. */
  nextOffset(groupId: string, partition: number): number {
    return ++this.#of(groupId, partition).most;
  }

  /** An offset was acknowledged, or read. */
  heardOffset(groupId: string, partition: number, offset: number): void {
    const promised = this.#of(groupId, partition);
    check(
      offset <= promised.most,
      `${groupId} is at ${offset} of partition ${partition}, and nobody sent more than ${promised.most}`,
    );
    promised.least = Math.max(promised.least, offset);
  }

  /** What a reader that asks now has to get at least. */
  promisedOf(groupId: string, partition: number): number {
    return this.#of(groupId, partition).least;
  }

  /** A member of a classic generation was given partitions. */
  heardAssignment(
    groupId: string,
    generation: number,
    memberId: string,
    partitions: readonly number[],
  ): void {
    this.counts.syncs++;
    this.heardGeneration(groupId, generation);
    for (const partition of partitions) {
      const key = `${groupId} ${generation} ${partition}`;
      const owner = this.#owners.get(key) ?? memberId;
      this.#owners.set(key, owner);
      check(
        owner === memberId,
        `Partition ${partition} of ${groupId} is ${owner}'s and ${memberId}'s in generation ${generation}`,
      );
    }
  }

  /** Somebody was told a generation, or a member epoch. */
  heardGeneration(groupId: string, generation: number): void {
    const highest = this.#generations.get(groupId) ?? 0;
    this.#generations.set(groupId, Math.max(highest, generation));
  }

  /** What has to hold of the state now, whatever has happened. */
  checkState(): void {
    const shard = this.#coordinator?.findShard(0);
    if (shard === undefined || !shard.isActive) return;
    const { state } = shard;
    for (const [key, { least, most }] of this.#promised) {
      const [groupId, partition] = key.split(" ");
      const offset =
        state.offsets.get(groupId, SHARED_TOPIC, Number(partition))?.offset ??
          0;
      check(
        offset >= least,
        `${groupId} is at ${offset} of partition ${partition}, where ${least} was promised`,
      );
      check(
        this.#aborted.get(key)?.has(offset) !== true,
        `${groupId} is at ${offset} of partition ${partition}, which was aborted`,
      );
      check(offset <= most, `${groupId} is at ${offset}, beyond ${most}`);
      const seen = this.#seen.get(key) ?? 0;
      check(offset >= seen, `${groupId} went back from ${seen} to ${offset}`);
      this.#seen.set(key, offset);
    }
    for (const group of state.groups.values()) this.#checkGroup(group);
  }

  #checkGroup(group: Group): void {
    const { groupId } = group;
    const least = this.#generations.get(groupId) ?? 0;
    const generation = group instanceof ClassicGroup
      ? group.generation
      : (group as ConsumerGroup).groupEpoch;
    // One that all have left begins anew where members of the other kind come.
    check(
      generation >= least || groupId === MIXED_GROUP,
      `${groupId} is in generation ${generation}, after ${least}`,
    );
    if (group instanceof ConsumerGroup) checkHolders(group);
  }

  /** Reads the log anew, and compares. */
  async checkReplay(): Promise<void> {
    const shard = this.#coordinator?.findShard(0);
    const log = this.#log;
    if (this.hasFailed) return;
    if (log === null || shard === undefined || !shard.isActive) return;
    // Nothing may come between: what is compared is one moment.
    const before = describeState(shard.state);
    const state = new ShardState();
    const endOffset = log.logEndOffset;
    const isMarkerUnderWay = this.#markersUnderWay > 0;
    const isAlive = this.#server.lifeTeller;
    try {
      await loadShard(this.#shardLog(log), groupRecords, state, {
        clock: this.#server.host.clock,
        fromOffset: log.logStartOffset,
        bufferBytes: 1 << 24,
        isWanted: () => true,
        report: (line) => {
          throw new SimFailure(line);
        },
      });
    } catch (error) {
      const isFault = !isAlive() || this.hasFailed;
      if (error instanceof SimFailure || !isFault) throw error;
      return;
    }
    if (log.logEndOffset !== endOffset || isMarkerUnderWay) return;
    this.counts.replays++;
    const after = describeState(state);
    for (const [name, text] of before) {
      check(
        text === null || after.get(name) === text,
        `${name} is\n${text}\nand read from the log\n${after.get(name)}`,
      );
    }
  }

  #of(groupId: string, partition: number): Promised {
    const key = `${groupId} ${partition}`;
    let promised = this.#promised.get(key);
    if (promised === undefined) {
      this.#promised.set(key, promised = { least: 0, most: 0 });
    }
    return promised;
  }
}

function checkHolders(group: ConsumerGroup): void {
  const owners = new Map<number, string>();
  for (const member of group.members.values()) {
    for (const held of [member.assigned, member.pendingRevocation]) {
      for (const partition of held.get(SHARED_TOPIC_ID) ?? []) {
        const owner = owners.get(partition);
        check(
          owner === undefined,
          `Partition ${partition} of ${group.groupId} is held by ${owner} and ${member.memberId}`,
        );
        owners.set(partition, member.memberId);
      }
    }
  }
}

/** Texts of what has to survive; `null` for what is between two stored points. */
function describeState(state: ShardState): Map<string, string | null> {
  const texts = new Map<string, string | null>();
  for (const groupId of state.offsets.groupIds()) {
    const offsets = [...state.offsets.of(groupId).get(SHARED_TOPIC) ?? []]
      .map(([partition, { offset }]) => `${partition}:${offset}`).sort();
    texts.set(`offsets of ${groupId}`, offsets.join(" "));
  }
  const pending = [...state.groups.keys()].flatMap((groupId) =>
    [...state.pending.of(groupId)].map(({ partition }) =>
      `${groupId} ${partition}`
    )
  );
  texts.set("what is pending", pending.sort().join("\n"));
  for (const [groupId, group] of state.groups) {
    texts.set(`group ${groupId}`, describeGroupState(group));
  }
  return texts;
}

function describeGroupState(group: Group): string | null {
  if (group instanceof ClassicGroup) {
    const isStored = group.state === "Stable" ||
      (group.state === "Empty" && group.generation > 0);
    if (!isStored) return null;
    const members = [...group.members.values()].map((each) =>
      `${each.memberId} ${each.assignment.toHex()}`
    );
    return `classic ${group.state} ${group.generation} ${group.leaderId} ${members}`;
  }
  const { groupEpoch, targetEpoch, members } = group as ConsumerGroup;
  const texts = [...members.values()].map((each) => {
    const held = [each.assigned, each.pendingRevocation].map((
      some,
    ) => [...some.get(SHARED_TOPIC_ID) ?? []]);
    return `${each.memberId} ${each.memberEpoch} ${each.state} ${
      JSON.stringify(held)
    }`;
  });
  return `consumer ${groupEpoch} ${targetEpoch} ${texts.sort()}`;
}
