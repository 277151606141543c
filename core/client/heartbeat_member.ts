// A consumer's membership of its group, by the newer protocol: one request tells
// what the member wants and owns, and brings what it is to own.
//
//   out ── epoch 0 ──→ member ── assignment ──→ outcome (poll) ── owned ──→ member
//        fenced, unknown: what was owned is lost, and the next poll joins again
//
// A request carries only what has changed, and all of it after one that failed.
//
// Source: KIP-848 (the protocol), KIP-1082 (members make up their ids).

import { encodeBase64Url } from "../base/bytes.ts";
import type { Host } from "../host/host.ts";
import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  consumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeatResponse,
} from "../wire/kafka/messages/consumer_group_heartbeat.ts";
import type { InferInput } from "../wire/kafka/schema.ts";
import { backoffMs } from "./client_settings.ts";
import { asError, errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { GroupSettings } from "./consumer_settings.ts";
import { isCoordinatorFailure } from "./coordinator_calls.ts";
import { CoordinatorNode } from "./coordinator_node.ts";
import type { Committer } from "./group_offsets.ts";
import {
  type AssignmentOutcome,
  isExpulsion,
  type Membership,
} from "./membership.ts";
import {
  type OwnedTopic,
  partitionsOf,
  sameTopics,
  TopicNames,
} from "./topic_names.ts";

const HEARTBEAT = exchange(
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
);
/** The first version with patterns, and with ids that members make up. */
const PATTERN_VERSION_MIN = 1;
const JOINING_EPOCH = 0;
const LEAVING_EPOCH = -1;
/** A member with a fixed name will be back. */
const AWAY_EPOCH = -2;
const OUT_EPOCH = -1;
const MEMBER_ID_BYTES = 16;

/** As Kafka prints ids, and nothing that a tool would take for a flag. */
function randomId(host: Host): string {
  for (;;) {
    const id = encodeBase64Url(host.randomBytes(MEMBER_ID_BYTES));
    if (!id.startsWith("-")) return id;
  }
}

/** What the member subscribes to, as of now. */
export interface Wishes {
  readonly topics: readonly string[];
  /** For the broker to match; `null` where `topics` says it. */
  readonly pattern: string | null;
}

export interface HeartbeatMemberParts {
  readonly cluster: Cluster;
  readonly settings: GroupSettings;
  /** Empty for none. */
  readonly rack: string;
  readonly wishes: () => Wishes;
  /** Told when what polls have to look at has changed. */
  readonly onChange: () => void;
}

type Request = InferInput<typeof consumerGroupHeartbeatRequest>;

export class HeartbeatMember implements Membership {
  readonly keepsPartitions = true;
  readonly isJoining = false;
  readonly #parts: HeartbeatMemberParts;
  readonly #coordinator: CoordinatorNode;
  readonly #names: TopicNames;
  #memberId = "";
  #epoch = OUT_EPOCH;
  #isWanted = false;
  #isLost = false;
  #failure: Error | null = null;
  /** What the coordinator wants this member to own, while that is not so. */
  #target: readonly OwnedTopic[] | null = null;
  /** What waits for a poll to take it, and the same by ids. */
  #outcome: AssignmentOutcome | null = null;
  #offered: readonly OwnedTopic[] = [];
  #hasOffered = false;
  /** What the application has been given, and has not confirmed. */
  #given: readonly OwnedTopic[] | null = null;
  #owned: readonly OwnedTopic[] = [];
  /** What the coordinator has heard; `null` where it has to hear all. */
  #told: { wishes: string; owned: readonly OwnedTopic[] } | null = null;
  #hasToldPattern = false;
  #canMatch = true;
  #intervalMs: number;
  #lastPollMs = 0;
  #failureCount = 0;
  #failingSinceMs = 0;
  /** Counts joins and departures: an answer from before one says nothing. */
  #term = 0;
  #isBeating = false;
  #isDue = false;
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(parts: HeartbeatMemberParts) {
    this.#parts = parts;
    this.#coordinator = new CoordinatorNode(
      parts.cluster,
      parts.settings.groupId,
    );
    this.#names = new TopicNames(parts.cluster);
    this.#intervalMs = parts.settings.heartbeatIntervalMs;
  }

  get committer(): Committer {
    const { groupId, instanceId } = this.#parts.settings;
    const isIn = this.#epoch > JOINING_EPOCH;
    return {
      group: groupId,
      instanceId: isIn ? instanceId : null,
      memberId: isIn ? this.#memberId : "",
      generationId: this.generationId,
      isByEpoch: true,
    };
  }

  get generationId(): number {
    return this.#epoch > JOINING_EPOCH ? this.#epoch : -1;
  }

  get needsJoin(): boolean {
    return this.#isWanted;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  requestJoin(): void {
    this.#isWanted = true;
    this.#parts.onChange();
  }

  /** Joins, or tells of other wishes where this is a member. */
  join(): void {
    this.#isWanted = false;
    this.#isLost = false;
    if (this.#epoch === OUT_EPOCH) {
      this.#term++;
      this.#epoch = JOINING_EPOCH;
      this.#forget();
      this.#failureCount = 0;
    }
    this.#beatNow();
  }

  notePoll(): void {
    this.#lastPollMs = this.#nowMs();
  }

  takeFailure(): Error | null {
    const failure = this.#failure;
    // Who was fenced stays out: there is another member of the same name.
    const isFenced = failure instanceof KafkaError &&
      failure.errorName === "FENCED_INSTANCE_ID";
    if (!isFenced) this.#failure = null;
    return failure;
  }

  takeOutcome(): AssignmentOutcome | null {
    const outcome = this.#outcome;
    if (outcome === null) return null;
    this.#outcome = null;
    this.#given = this.#offered;
    return outcome;
  }

  /** Confirms to the coordinator, which gives to others what this member has let go. */
  noteAssigned(): void {
    if (this.#given === null) return;
    this.#owned = this.#given;
    this.#given = null;
    this.#beatNow();
  }

  coordinator(deadlineMs: number): Promise<number> {
    return this.#coordinator.find(deadlineMs);
  }

  noteFailure(error: unknown): void {
    this.#coordinator.noteFailure(error);
  }

  noteExpulsion(error: KafkaError, as: Committer): void {
    const isThis = as.memberId === this.#memberId &&
      as.generationId === this.#epoch;
    if (isThis) this.#expelled(error);
  }

  async leave(_reason: string, deadlineMs: number): Promise<void> {
    const { cluster, settings } = this.#parts;
    const memberId = this.#memberId;
    const wasIn = this.#epoch !== OUT_EPOCH && memberId !== "";
    this.#out();
    if (!wasIn) return;
    try {
      const nodeId = await this.coordinator(deadlineMs);
      await cluster.callNode(nodeId, HEARTBEAT, {
        groupId: settings.groupId,
        memberId,
        memberEpoch: settings.instanceId === null ? LEAVING_EPOCH : AWAY_EPOCH,
        instanceId: settings.instanceId,
      }, { deadlineMs, lane: "group" });
    } catch {
      // The session ends by itself where the word did not arrive.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  /** Ends the membership here. */
  #out(): void {
    this.#term++;
    this.#epoch = OUT_EPOCH;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#forget();
  }

  #forget(): void {
    this.#target = null;
    this.#outcome = null;
    this.#hasOffered = false;
    this.#given = null;
    this.#owned = [];
    this.#told = null;
    this.#hasToldPattern = false;
  }

  #expelled(error: KafkaError): void {
    if (error.errorName === "FENCED_INSTANCE_ID") return this.#fail(error);
    this.#out();
    this.#isLost = true;
    this.requestJoin();
  }

  #fail(thrown: unknown): void {
    const { settings } = this.#parts;
    const error = asError(thrown);
    const name = error instanceof KafkaError
      ? error.errorName
      : "UNKNOWN_SERVER_ERROR";
    const message = name === "UNSUPPORTED_VERSION"
      ? "the cluster does not speak group.protocol=consumer; set it to classic"
      : error.message;
    this.#failure = new KafkaError(
      name,
      `Group ${settings.groupId}: ${message}`,
      { cause: error },
    );
    this.#out();
    this.#isLost = true;
    this.requestJoin();
  }

  #beatNow(): void {
    this.#isDue = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (!this.#isBeating) void this.#beat();
  }

  #beatLater(pauseMs: number): void {
    this.#cancelTimer?.();
    const stuckInMs = this.#lastPollMs +
      this.#parts.settings.pollIntervalMaxMs + 1 - this.#nowMs();
    this.#cancelTimer = this.#parts.cluster.host.clock.after(
      Math.max(Math.min(pauseMs, stuckInMs), 0),
      () => this.#beatNow(),
    );
  }

  /** One heartbeat after the other, for as long as one is due. */
  async #beat(): Promise<void> {
    this.#isBeating = true;
    while (this.#isDue && !this.#isClosed && this.#epoch !== OUT_EPOCH) {
      this.#isDue = false;
      const { pollIntervalMaxMs } = this.#parts.settings;
      if (this.#nowMs() - this.#lastPollMs > pollIntervalMaxMs) {
        await this.#leaveStuck();
        continue;
      }
      const term = this.#term;
      const pauseMs = await this.#beatOnce(term);
      if (term === this.#term && !this.#isDue) this.#beatLater(pauseMs);
    }
    this.#isBeating = false;
    this.#isDue = false;
  }

  /** @returns How long until the next one. */
  async #beatOnce(term: number): Promise<number> {
    const { cluster } = this.#parts;
    const deadlineMs = cluster.deadline(cluster.settings.requestTimeoutMs);
    try {
      const nodeId = await this.coordinator(deadlineMs);
      if (term !== this.#term) return 0;
      const answer = await cluster.callNode(
        nodeId,
        HEARTBEAT,
        (version) => this.#request(version),
        { deadlineMs, lane: "group" },
      );
      if (term !== this.#term) return 0;
      const error = errorOfCode(answer.errorCode, answer.errorMessage);
      if (error !== null) throw error;
      await this.#take(answer, term);
      return this.#intervalMs;
    } catch (error) {
      return term === this.#term ? this.#failed(error) : 0;
    }
  }

  /** What has not been told yet. */
  #request(version: number): Request {
    const { settings, rack, wishes, cluster } = this.#parts;
    const canMatch = version >= PATTERN_VERSION_MIN && this.#canMatch;
    if (this.#memberId === "" && version >= PATTERN_VERSION_MIN) {
      this.#memberId = randomId(cluster.host);
    }
    const { topics, pattern } = wishes();
    const regex = canMatch ? pattern : null;
    const names = regex === null ? topics : [];
    const wanted = JSON.stringify([regex, names]);
    const told = this.#told;
    const isJoining = this.#epoch === JOINING_EPOCH;
    const isWhole = isJoining || told === null;
    const tellsWishes = isWhole || told.wishes !== wanted;
    const tellsOwned = isWhole || told.owned !== this.#owned;
    this.#told = { wishes: wanted, owned: this.#owned };
    const tellsPattern = tellsWishes &&
      (regex !== null || this.#hasToldPattern);
    if (tellsPattern) this.#hasToldPattern = regex !== null;
    return {
      groupId: settings.groupId,
      memberId: this.#memberId,
      memberEpoch: this.#epoch,
      instanceId: settings.instanceId,
      rackId: isWhole && rack !== "" ? rack : null,
      rebalanceTimeoutMs: isWhole ? settings.pollIntervalMaxMs : -1,
      subscribedTopicNames: tellsWishes ? [...names] : null,
      ...(tellsPattern ? { subscribedTopicRegex: regex ?? "" } : {}),
      serverAssignor: isWhole ? settings.remoteAssignor : null,
      topicPartitions: tellsOwned ? [...this.#owned] : null,
    };
  }

  async #take(
    answer: ConsumerGroupHeartbeatResponse,
    term: number,
  ): Promise<void> {
    this.#failureCount = 0;
    this.#memberId = answer.memberId ?? this.#memberId;
    this.#epoch = answer.memberEpoch;
    if (answer.heartbeatIntervalMs > 0) {
      this.#intervalMs = answer.heartbeatIntervalMs;
    }
    if (answer.assignment !== null) {
      this.#target = answer.assignment.topicPartitions;
      this.#outcome = null;
    }
    if (!this.#hasOffered) this.#target ??= [];
    if (this.#target !== null && this.#outcome === null) {
      await this.#offer(this.#target, term);
    }
  }

  /** Has a poll take what is to be owned, as far as the topics' names are known. */
  async #offer(target: readonly OwnedTopic[], term: number): Promise<void> {
    const names = await this.#names.known(target);
    // A departure since then stands instead.
    if (term !== this.#term || target !== this.#target) return;
    const offered = target.filter(({ topicId }) => names.has(topicId));
    if (offered.length === target.length) this.#target = null;
    const current = this.#given ?? this.#owned;
    if (this.#hasOffered && sameTopics(offered, current)) return;
    this.#hasOffered = true;
    this.#offered = offered;
    this.#outcome = {
      generationId: this.#epoch,
      partitions: partitionsOf(offered, names),
      partitionCounts: null,
    };
    this.#parts.onChange();
  }

  /** @returns How long until it is tried again. */
  #failed(thrown: unknown): number {
    const { cluster } = this.#parts;
    this.noteFailure(thrown);
    // What has arrived of the request is not known.
    this.#told = null;
    const name = thrown instanceof KafkaError ? thrown.errorName : "";
    if (name === "INVALID_REGULAR_EXPRESSION" && this.#canMatch) {
      // What this pattern means is found out here, then.
      this.#canMatch = false;
      this.#hasToldPattern = false;
      return 0;
    }
    if (isCoordinatorFailure(thrown) || name === "STALE_MEMBER_EPOCH") {
      const nowMs = this.#nowMs();
      if (this.#failureCount++ === 0) this.#failingSinceMs = nowMs;
      const { retryBackoff, apiTimeoutMs } = cluster.settings;
      const isLong = nowMs - this.#failingSinceMs >= apiTimeoutMs;
      if (this.#epoch === JOINING_EPOCH && isLong) {
        // The application hears of it, and may poll on.
        this.#failingSinceMs = nowMs;
        this.#failure = asError(thrown);
        this.#parts.onChange();
      }
      return backoffMs(retryBackoff, this.#failureCount, cluster.host.random);
    }
    if (thrown instanceof KafkaError && isExpulsion(thrown)) {
      this.#expelled(thrown);
    } else {
      this.#fail(thrown);
    }
    return 0;
  }

  /** The application has not polled for too long: others go on with its partitions. */
  async #leaveStuck(): Promise<void> {
    const { cluster } = this.#parts;
    await this.leave(
      "",
      cluster.deadline(cluster.settings.requestTimeoutMs),
    );
    this.#isLost = true;
    this.requestJoin();
  }

  #nowMs(): number {
    return this.#parts.cluster.host.clock.monotonicMs();
  }
}
