// How the coordinator shares out partitions among the members of a group of the
// newer kind (KIP-848): what an assignor is given and what it gives.

import type { Assignment } from "../consumer/assignment.ts";

/** What an assignor knows of one member. */
export interface AssignorMember {
  readonly memberId: string;
  /** Of a static member; null otherwise. */
  readonly instanceId: string | null;
  /** Topics that it wants and that exist. */
  readonly topicIds: ReadonlySet<string>;
  /** What it was to have until now. */
  readonly current: Assignment;
}

/** The whole question. */
export interface AssignorInput {
  readonly members: readonly AssignorMember[];
  /** How many partitions each topic has that some member wants. */
  readonly partitionCounts: ReadonlyMap<string, number>;
}

/** A way to share out. */
export interface ServerAssignor {
  /** As members ask for it. */
  readonly name: string;
  /**
   * Gives every member its share: each partition of a topic that somebody wants
   * goes to exactly one member that wants it.
   */
  assign(input: AssignorInput): Map<string, Assignment>;
}
