// What a group is to whoever does not care which protocol its members speak:
// the offset APIs, the listing, the deletion, the expiry.

import type { Now } from "../shards/shard_content.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";

/** Who commits. */
export interface Committer {
  /** `""` for one that is not a member. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Generation of a classic group, member epoch of the newer kind; -1 for a stranger. */
  readonly generationIdOrMemberEpoch: number;
  readonly apiVersion: number;
  /** By way of a transaction. */
  readonly isTransactional?: boolean;
}

/** Who reads offsets, where the request says it. */
export interface OffsetReader {
  readonly memberId: string | null;
  /** -1 where the reader is not a member. */
  readonly memberEpoch: number;
}

/** When offsets without an end of their own expire. */
export interface OffsetExpiry {
  /** Since when the retention counts; `null`: since each offset's commit. */
  readonly sinceMs: number | null;
  /** Topics whose offsets stay. */
  readonly isKept: (topic: string) => boolean;
}

/** A group of either kind. */
export interface Group {
  readonly groupId: string;
  readonly type: "classic" | "consumer";
  /** As ListGroups says it: `Empty`, `Stable`, `Assigning`… */
  readonly stateName: string;
  /** `consumer`, `connect`…; `""` where only offsets were ever stored. */
  readonly protocolType: string;
  /** Whether it has no members; some may be about to join. */
  readonly isEmpty: boolean;
  /**
   * Whether somebody may commit now; a member that may is alive.
   *
   * @returns An error code, 0 for yes.
   */
  checkCommit(by: Committer, now: Now): number;
  /** Whether somebody may read offsets. @returns An error code, 0 for yes. */
  checkFetch(by: OffsetReader): number;
  /** Whether offsets may be deleted by hand at all. @returns An error code, 0 for yes. */
  checkOffsetDelete(): number;
  /** Whether members read a topic now, and its offsets are theirs. */
  isSubscribedTo(topic: string): boolean;
  /** How its offsets expire; `null` where they do not as things are. */
  offsetExpiry(): OffsetExpiry | null;
  /** Records that end the group itself, without its offsets; none where none is stored. */
  tombstones(): CoordinatorRecord[];
}
