// Requests that only the coordinator of a group, or of a transactional id,
// answers: sorted by coordinator, sent, and asked again where it has moved or is
// still loading.
//
// Source: Kafka protocol guide, "FindCoordinator"; KIP-699 (several at once).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import type { Lane } from "./broker_pool.ts";
import { asError, errorOfCode, isNetworkFailure } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";

const FIND_COORDINATOR = exchange(
  findCoordinatorRequest,
  findCoordinatorResponse,
);

/** What a coordinator coordinates, by the protocol's numbers. */
export const KeyType = { group: 0, transactionalId: 1 } as const;
export type KeyType = typeof KeyType[keyof typeof KeyType];

const KEY_NOUN = {
  [KeyType.group]: "group",
  [KeyType.transactionalId]: "transactional id",
} as const;

/** The first version that asks for several keys. */
const BATCHED_VERSION_MIN = 4;

/** One group's, or transactional id's, outcome: either `error` or `value` is `null`. */
export interface GroupResult<T> {
  readonly group: string;
  readonly error: Error | null;
  readonly value: T | null;
}

/** What a coordinator said of one group. */
export interface CoordinatorAnswer<T> {
  readonly group: string;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly value: T;
}

export interface CoordinatorCall<T> {
  readonly deadlineMs: number;
  /** What the names are of; of groups where left out. */
  readonly keyType?: KeyType;
  /** Asks one broker about groups that it coordinates. */
  readonly ask: (
    nodeId: number,
    groups: readonly string[],
  ) => Promise<readonly CoordinatorAnswer<T>[]>;
}

/** What moves or loads for a moment, and is asked for again. */
const PASSING: ReadonlySet<string> = new Set([
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR",
  "UNSTABLE_OFFSET_COMMIT",
  "BROKER_NOT_AVAILABLE",
]);

/** True where a coordinator may answer the same request later, or another one at once. */
export function isCoordinatorFailure(error: unknown): boolean {
  return isNetworkFailure(error) ||
    (error instanceof KafkaError && PASSING.has(error.errorName));
}

/**
 * Which broker coordinates each group or transactional id, asked once.
 *
 * @returns The broker's id, or why there is none for now.
 * @throws {ClusterUnreachableError} Where no broker answers.
 */
export async function findCoordinators(
  cluster: Cluster,
  groups: readonly string[],
  options: {
    readonly deadlineMs: number;
    readonly lane?: Lane;
    readonly keyType?: KeyType;
  },
): Promise<Map<string, number | KafkaError>> {
  const keyType = options.keyType ?? KeyType.group;
  const found = new Map<string, number | KafkaError>();
  let asked: readonly string[] = groups;
  for (let start = 0; start < groups.length; start += asked.length) {
    const answer = await cluster.callAny(FIND_COORDINATOR, (version) => {
      const isBatched = version >= BATCHED_VERSION_MIN;
      asked = isBatched ? groups.slice(start) : [groups[start]];
      return {
        key: isBatched ? "" : asked[0],
        keyType,
        coordinatorKeys: isBatched ? asked : [],
      };
    }, { deadlineMs: options.deadlineMs });
    const rows = answer.coordinators.length > 0
      ? answer.coordinators
      : [{ ...answer, key: asked[0] }];
    for (const { key, nodeId, errorCode, errorMessage } of rows) {
      found.set(key, errorOfCode(errorCode, errorMessage) ?? nodeId);
    }
  }
  const isUnknown = (node: number | KafkaError) =>
    typeof node === "number" && !cluster.metadata.nodes.has(node);
  if ([...found.values()].some(isUnknown)) {
    await cluster.refreshNodes(options.deadlineMs);
  }
  for (const [group, node] of found) {
    if (!isUnknown(node)) continue;
    found.set(
      group,
      new KafkaError(
        "COORDINATOR_NOT_AVAILABLE",
        `Broker ${node}, which coordinates ${
          KEY_NOUN[keyType]
        } ${group}, is not up`,
      ),
    );
  }
  return found;
}

/**
 * Asks the coordinators of groups or transactional ids, following them where they move.
 *
 * @returns One result per group, in the order asked.
 * @throws {ClusterUnreachableError} Where no broker tells who coordinates.
 */
export async function askCoordinators<T>(
  cluster: Cluster,
  groups: readonly string[],
  call: CoordinatorCall<T>,
): Promise<GroupResult<T>[]> {
  const results = new Map<string, GroupResult<T>>();
  let open = [...new Set(groups)];
  for (let attempt = 1; open.length > 0; attempt++) {
    const failures = await askOnce(cluster, open, call, results);
    open = open.filter((group) => {
      const error = failures.get(group);
      if (error === undefined) return false;
      const isOpen = isCoordinatorFailure(error);
      if (!isOpen) results.set(group, { group, error, value: null });
      return isOpen;
    });
    if (open.length === 0) break;
    if (await cluster.pause(attempt, call.deadlineMs)) continue;
    for (const group of open) {
      const error = located(group, failures.get(group)!, call.keyType);
      results.set(group, { group, error, value: null });
    }
    break;
  }
  return groups.map((group) => results.get(group)!);
}

async function askOnce<T>(
  cluster: Cluster,
  groups: readonly string[],
  call: CoordinatorCall<T>,
  results: Map<string, GroupResult<T>>,
): Promise<Map<string, Error>> {
  const failures = new Map<string, Error>();
  const byNode = new Map<number, string[]>();
  for (const [group, node] of await findCoordinators(cluster, groups, call)) {
    if (node instanceof Error) {
      failures.set(group, node);
      continue;
    }
    const list = byNode.get(node);
    if (list === undefined) byNode.set(node, [group]);
    else list.push(group);
  }
  await Promise.all([...byNode].map(async ([nodeId, asked]) => {
    try {
      for (const answer of await call.ask(nodeId, asked)) {
        const { group, errorCode, errorMessage, value } = answer;
        const error = errorOfCode(errorCode, errorMessage);
        if (error !== null) failures.set(group, error);
        else results.set(group, { group, error: null, value });
      }
    } catch (error) {
      for (const group of asked) failures.set(group, asError(error));
    }
  }));
  for (const group of groups) {
    if (results.has(group) || failures.has(group)) continue;
    failures.set(
      group,
      new KafkaError(
        "UNKNOWN_SERVER_ERROR",
        `${nounOf(call.keyType)} ${group} was left out of an answer`,
      ),
    );
  }
  return failures;
}

function located(
  group: string,
  error: Error,
  keyType: KeyType | undefined,
): Error {
  return error instanceof KafkaError
    ? new KafkaError(
      error.errorName,
      `${nounOf(keyType)} ${group}: ${error.message}`,
    )
    : error;
}

/** Begins a sentence. */
function nounOf(keyType: KeyType = KeyType.group): string {
  const noun = KEY_NOUN[keyType];
  return noun[0].toUpperCase() + noun.slice(1);
}
