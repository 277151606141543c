// What the commands share that look at transactions.

import { UsageError } from "../core/cli/usage_error.ts";
import type {
  Admin,
  ProducerDescription,
  TransactionDescription,
} from "../core/client/admin.ts";
import type { PartitionResult } from "../core/client/leader_calls.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { topicPattern } from "./_admin.ts";

/** Those with a transaction that has begun and not ended. */
export const OPEN_STATES: ReadonlySet<string> = new Set([
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "PrepareEpochFence",
]);

/**
 * Whether an id is meant: all where none is named.
 *
 * @throws {UsageError} Where a pattern is none, or is missing.
 */
export function idPatterns(
  args: readonly string[],
  isRegex: boolean,
): (id: string) => boolean {
  if (isRegex && args.length === 0) {
    throw new UsageError("--regex needs a pattern");
  }
  if (args.length === 0) return () => true;
  if (!isRegex) {
    const names = new Set(args);
    return (id) => names.has(id);
  }
  const patterns = args.map((text) => topicPattern(text));
  return (id) => patterns.some((pattern) => pattern.test(id));
}

/** An open transaction of a producer, as a partition sees it. */
export interface OpenTransaction extends TopicPartition {
  readonly producer: ProducerDescription;
}

/** Partitions that are asked for at once. */
const BATCH_COUNT = 500;

/** The producers of partitions, however many those are. */
export async function producersOf(
  admin: Admin,
  partitions: readonly TopicPartition[],
  brokerId: number | undefined,
): Promise<PartitionResult<readonly ProducerDescription[]>[]> {
  const results: PartitionResult<readonly ProducerDescription[]>[] = [];
  for (let start = 0; start < partitions.length; start += BATCH_COUNT) {
    const batch = partitions.slice(start, start + BATCH_COUNT);
    results.push(...await admin.describeProducers(batch, { brokerId }));
  }
  return results;
}

/** All transactions that are open in partitions. */
export function openTransactions(
  results: readonly PartitionResult<readonly ProducerDescription[]>[],
): OpenTransaction[] {
  return results.flatMap(({ topic, partition, value }) =>
    (value ?? [])
      .filter((producer) => producer.currentTransactionStartOffset >= 0)
      .map((producer) => ({ topic, partition, producer }))
  );
}

/** A transaction, and the transactional id under which its coordinator will end it. */
export interface OwnedTransaction {
  readonly transaction: OpenTransaction;
  /** `null`: no coordinator knows of it, so it hangs. */
  readonly owner: TransactionDescription | null;
}

/**
 * Finds who will end each transaction: a coordinator that has an id of the same
 * producer, and the partition among those that still wait for a marker.
 */
export async function findOwners(
  admin: Admin,
  transactions: readonly OpenTransaction[],
): Promise<OwnedTransaction[]> {
  if (transactions.length === 0) return [];
  const producerIds = new Set(
    transactions.map(({ producer }) => producer.producerId),
  );
  const listed = await admin.listTransactions({
    producerIds: [...producerIds],
  });
  const ids = new Map(
    listed.map((row) => [row.producerId, row.transactionalId]),
  );
  const asked = [...new Set(ids.values())];
  const described = await admin.describeTransactions(asked);
  const owners = new Map<string, TransactionDescription>();
  for (const { transactionalId, error, value } of described) {
    if (value !== null) owners.set(transactionalId, value);
    else if (!isMissing(error)) throw error;
  }
  return transactions.map((transaction) => {
    const id = ids.get(transaction.producer.producerId);
    const owner = id === undefined ? undefined : owners.get(id);
    const key = partitionKey(transaction);
    const isAwaited = owner?.partitions.some((place) =>
      partitionKey(place) === key
    );
    return { transaction, owner: isAwaited ? owner! : null };
  });
}

function isMissing(error: Error | null): boolean {
  return error instanceof KafkaError &&
    error.errorName === "TRANSACTIONAL_ID_NOT_FOUND";
}
