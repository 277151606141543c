// What a leader counts: those that follow it, and what is under way.

import type { Configurations } from "./configurations.ts";
import type { LearnerLink } from "./learner_link.ts";

/** What a leader counts. */
export interface QuorumStats {
  /** All that are connected, in step or about to be. */
  readonly learnerCount: number;
  /** In step and logging what is proposed, with a vote or without. */
  readonly followerCount: number;
  /** Those of them that have no vote: about to join, or removed. */
  readonly nonVoterCount: number;
  readonly observerCount: number;
  /** Changes that are proposed and not committed. */
  readonly proposedCount: number;
  /** A change of the members is under way. */
  readonly isChanging: boolean;
}

export function countQuorum(
  links: Iterable<LearnerLink>,
  { active, isChanging }: Configurations,
  proposedCount: number,
): QuorumStats {
  const all = [...links];
  const inStep = all.filter(({ isSynced }) => isSynced);
  const followers = inStep.filter(({ isFollower }) => isFollower);
  return {
    learnerCount: all.length,
    followerCount: followers.length,
    nonVoterCount: followers.filter(({ id }) => !active.isVoter(id)).length,
    observerCount: inStep.length - followers.length,
    proposedCount,
    isChanging,
  };
}
