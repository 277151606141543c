// What a consumer asks of its membership of a group, whichever protocol it is by.
//
//   requestJoin → needsJoin → (poll) join → outcome → (poll) noteAssigned
//
// What is under way goes on in the background; what changes the application's
// partitions waits until a poll takes it.

import type { KafkaError } from "../wire/kafka/errors.ts";
import type { Committer } from "./group_offsets.ts";
import type { TopicPartition } from "./metadata.ts";

/** What a member has been given. */
export interface AssignmentOutcome {
  /** Generation, or member epoch. */
  readonly generationId: number;
  readonly partitions: readonly TopicPartition[];
  /** What a leader has gone by: numbers of partitions by topic. */
  readonly partitionCounts: ReadonlyMap<string, number> | null;
}

export interface Membership {
  /** True where partitions are kept until the coordinator asks for them. */
  readonly keepsPartitions: boolean;
  /** Whose commits these are. */
  readonly committer: Committer;
  /** Generation, or member epoch; -1 while this is no member. */
  readonly generationId: number;
  /** True where `join` has to be called. */
  readonly needsJoin: boolean;
  /** True while one of the group's rounds goes on that this member takes part in. */
  readonly isJoining: boolean;
  /** True where others may have what this member owned. */
  readonly isLost: boolean;

  /** Asks for a join with the next poll. */
  requestJoin(): void;
  /** Starts to join; what was owned has been given up as far as it has to be. */
  join(): void;
  /** Notes that the application is alive. */
  notePoll(): void;
  /** Why this is no member, told once. */
  takeFailure(): Error | null;
  /** What this member has been given last, once. */
  takeOutcome(): AssignmentOutcome | null;
  /** Notes that the application has what the last outcome gave, and no more. */
  noteAssigned(change: { readonly hasRevoked: boolean }): void;

  /**
   * The broker that coordinates the group.
   *
   * @throws {KafkaError} Where there is none for now.
   * @throws {ClusterUnreachableError} Where no broker answers.
   */
  coordinator(deadlineMs: number): Promise<number>;
  /** Has the coordinator looked for again where an error says so. */
  noteFailure(error: unknown): void;
  /** Notes that the coordinator does not know this member any more. */
  noteExpulsion(error: KafkaError, as: Committer): void;

  /** Leaves; a member with a fixed name may come back to what it has. */
  leave(reason: string, deadlineMs: number): Promise<void>;
  close(): void;
}

/** True where the coordinator says that this member, or its generation, is none of the group's. */
export function isExpulsion(error: KafkaError): boolean {
  return error.errorName === "UNKNOWN_MEMBER_ID" ||
    error.errorName === "ILLEGAL_GENERATION" ||
    error.errorName === "FENCED_INSTANCE_ID" ||
    error.errorName === "FENCED_MEMBER_EPOCH";
}
