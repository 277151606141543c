// Where a client should have asked: answers of newer versions name the leader of
// a partition that this broker does not lead, and how to reach it.
//
// Source: KIP-951.

import { ErrorCode } from "../wire/kafka/errors.ts";
import { brokersFor, type NodeEndpoint } from "./broker_endpoints.ts";
import type { RequestContext } from "./context.ts";
import type { Partition } from "./partition.ts";

/** Collects the leaders that one answer names. */
export class CurrentLeaders {
  readonly #context: RequestContext;
  readonly #isWanted: boolean;
  readonly #leaderIds = new Set<number>();

  /** @param sinceVersion First version of the answer that has a place for them. */
  constructor(context: RequestContext, sinceVersion: number) {
    this.#context = context;
    this.#isWanted = context.apiVersion >= sinceVersion;
  }

  /** The field for one partition; nothing where the error is not about leaders. */
  of(
    errorCode: number,
    partition: Partition | undefined,
  ): {
    readonly currentLeader?: {
      readonly leaderId: number;
      readonly leaderEpoch: number;
    };
  } {
    const isAboutLeader = errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
      errorCode === ErrorCode.FENCED_LEADER_EPOCH;
    if (!this.#isWanted || !isAboutLeader || partition === undefined) return {};
    const { leaderId, leaderEpoch } = partition.leadership;
    if (leaderId >= 0) this.#leaderIds.add(leaderId);
    return { currentLeader: { leaderId, leaderEpoch } };
  }

  /** The addresses of all leaders named so far. */
  endpoints(): { readonly nodeEndpoints?: readonly NodeEndpoint[] } {
    if (this.#leaderIds.size === 0) return {};
    const { broker, connection } = this.#context;
    return {
      nodeEndpoints: brokersFor(broker, connection.listenerName)
        .filter(({ nodeId }) => this.#leaderIds.has(nodeId)),
    };
  }
}
