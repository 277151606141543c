// A member of a classic group, and those who wait for it to get an answer.

import type { InferInput } from "../../wire/kafka/schema.ts";
import type { joinGroupResponse } from "../../wire/kafka/messages/join_group.ts";
import type { syncGroupResponse } from "../../wire/kafka/messages/sync_group.ts";
import { bytesEqual, NO_BYTES } from "../../base/bytes.ts";

export type JoinResponse = InferInput<typeof joinGroupResponse>;
export type SyncResponse = InferInput<typeof syncGroupResponse>;

/** Answers a JoinGroup, once. */
export type JoinReply = (response: JoinResponse) => void;
/** Answers a SyncGroup, once. */
export type SyncReply = (response: SyncResponse) => void;

/** A way of assigning that a member can do, with what it says to it; opaque here. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** How a member came: all that a JoinGroup says of it. */
export interface MemberDescription {
  readonly memberId: string;
  /** Set for static members. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  /** The preferred one first. */
  readonly protocols: readonly MemberProtocol[];
}

export class ClassicMember {
  memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Uint8Array = NO_BYTES;
  /** It has joined and waits for the others. */
  awaitingJoin: JoinReply | null = null;
  /** It waits for the leader's assignment. */
  awaitingSync: SyncReply | null = null;
  /** It does not know its own id yet, and cannot say that it lives. */
  isNew = false;
  /** When it counts as gone, by the monotonic clock. */
  deadlineMs = Infinity;

  constructor(description: MemberDescription) {
    this.memberId = description.memberId;
    this.groupInstanceId = description.groupInstanceId;
    this.clientId = description.clientId;
    this.clientHost = description.clientHost;
    this.protocolType = description.protocolType;
    this.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    this.sessionTimeoutMs = description.sessionTimeoutMs;
    this.protocols = description.protocols;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** When its silence ends it: one that waits for us cannot be silent, unless it is new. */
  get dueMs(): number {
    const isWaiting = this.awaitingJoin !== null || this.awaitingSync !== null;
    return isWaiting && !this.isNew ? Infinity : this.deadlineMs;
  }

  metadataFor(protocolName: string | null): Uint8Array {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata ??
      NO_BYTES;
  }

  /** Whether it says the same as before, in the same order. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    return protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, i) => {
        const own = this.protocols[i];
        return name === own.name && bytesEqual(metadata, own.metadata);
      });
  }

  answerJoin(response: JoinResponse): void {
    const reply = this.awaitingJoin;
    this.awaitingJoin = null;
    reply?.(response);
  }

  answerSync(response: SyncResponse): void {
    const reply = this.awaitingSync;
    this.awaitingSync = null;
    reply?.(response);
  }
}
