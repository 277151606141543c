// Makes sure that a transaction's coordinator knows of every partition before the
// first record of the transaction gets there: else nobody would end it there.
//
//   newer clients   the partition's leader makes it part of the transaction
//   older clients   they have done so themselves; the leader asks whether it is
//
// Only the first append needs it: from then on the partition itself knows that the
// transaction is open.
//
// Source: KIP-890.

import { sleep } from "../host/host.ts";
import type { VerificationGuard } from "../log/verifications.ts";
import type { TopicPartition } from "../transactions/marker_writer.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";

/** What a request is about to append to a partition. */
export interface PartitionToVerify extends TopicPartition {
  /** Sequence number of the first record. */
  readonly baseSequence: number;
}

export interface TransactionToVerify {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Whether the client leaves it to the leaders to add partitions, and so each of its transactions has an epoch of its own. */
  readonly addsPartitions: boolean;
  readonly partitions: readonly PartitionToVerify[];
}

/** What an append may show, or why there is none. */
export type Verdict =
  | {
    readonly kind: "verified";
    /** As `PartitionLog.append` takes it. */
    readonly guard: VerificationGuard | null | undefined;
  }
  | {
    readonly kind: "refused";
    /** As the coordinator says it, or the partition. */
    readonly error: unknown;
  };

/** The end of the transaction before is only waited for so often, and so long each time. */
const RETRIES_MAX = 5;
const RETRY_PAUSE_MS = 20;

/** Refusals after which the same append may come again, and its place before others is kept. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS,
]);

/** One verdict for each partition, in order; at once where the coordinator's answer is. */
export function verifyTransaction(
  broker: Broker,
  request: TransactionToVerify,
): readonly Verdict[] | Promise<readonly Verdict[]> {
  const { partitions, addsPartitions } = request;
  if (
    !addsPartitions &&
    !broker.config["transaction.partition.verification.enable"]
  ) {
    return partitions.map(() => ({ kind: "verified", guard: undefined }));
  }
  const verdicts = partitions.map((each) => begin(broker, request, each));
  const asked = partitions.filter((_, i) => isAsked(verdicts[i]));
  if (asked.length === 0) return verdicts;
  const answers = addsPartitions
    ? add(broker, request, asked)
    : verify(broker, request, asked);
  const combine = (refusals: readonly unknown[]) => {
    let next = 0;
    return verdicts.map((verdict, i) => {
      if (!isAsked(verdict)) return verdict;
      const error = refusals[next++];
      if (error === null) return verdict;
      if (!isRetriable(error)) {
        cancel(broker, partitions[i], verdict.guard, {
          producerEpoch: request.producerEpoch,
          isMissing: isMissing(error),
        });
      }
      return { kind: "refused", error } as const;
    });
  };
  return answers instanceof Promise ? answers.then(combine) : combine(answers);
}

/** Whether the transaction is open in the partition, or what an append will have to show. */
function begin(
  broker: Broker,
  { producerId, producerEpoch, addsPartitions }: TransactionToVerify,
  { topic, partition, baseSequence }: PartitionToVerify,
): Verdict {
  try {
    const { producers } = broker.partitions.get(topic, partition).leaderLog(-1);
    const guard = producers.startVerification(
      { producerId, producerEpoch, baseSequence, hasOwnEpoch: addsPartitions },
      broker.host.clock.wallMs(),
    );
    return { kind: "verified", guard };
  } catch (error) {
    return { kind: "refused", error };
  }
}

function isAsked(
  verdict: Verdict,
): verdict is { kind: "verified"; guard: VerificationGuard } {
  return verdict.kind === "verified" && verdict.guard != null;
}

function cancel(
  { partitions }: Broker,
  { topic, partition }: TopicPartition,
  guard: VerificationGuard,
  refused: { readonly producerEpoch: number; readonly isMissing: boolean },
): void {
  partitions.find(topic, partition)?.log?.producers
    .cancelVerification(guard, refused);
}

/** Why each partition is refused; `null` where it is not. */
type Refusals = readonly unknown[];

/** Asks whether they are part of the transaction. */
function verify(
  broker: Broker,
  { transactionalId, producerId, producerEpoch }: TransactionToVerify,
  partitions: readonly TopicPartition[],
): Refusals | Promise<Refusals> {
  const { remoteCoordinators } = broker;
  const coordinator = remoteCoordinators.brokerOf(transactionalId);
  if (coordinator !== null) {
    return remoteCoordinators.ask(coordinator, {
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
      verifyOnly: true,
    });
  }
  try {
    return broker.transactions.verifyPartitions({
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
    }).map((code) => code === ErrorCode.NONE ? null : KafkaError.ofCode(code));
  } catch (error) {
    return partitions.map(() => error);
  }
}

/** Makes them part of the transaction, all or none; the one before may still be ending. */
function add(
  broker: Broker,
  request: TransactionToVerify,
  partitions: readonly TopicPartition[],
): Refusals | Promise<Refusals> {
  const each = (refusal: unknown) => partitions.map(() => refusal);
  const refusal = addOnce(broker, request, partitions);
  if (!(refusal instanceof Promise) && !isConcurrent(refusal)) {
    return each(refusal);
  }
  return addPatiently(broker, request, partitions, refusal).then(each);
}

/** @returns The refusal; `null` for none. */
async function addPatiently(
  broker: Broker,
  request: TransactionToVerify,
  partitions: readonly TopicPartition[],
  first: unknown,
): Promise<unknown> {
  let refusal = await first;
  for (let i = 0; i < RETRIES_MAX && isConcurrent(refusal); i++) {
    await sleep(broker.host.clock, RETRY_PAUSE_MS);
    refusal = await addOnce(broker, request, partitions);
  }
  return refusal;
}

/** @returns The refusal, or a promise of it; `null` for none. */
function addOnce(
  broker: Broker,
  { transactionalId, producerId, producerEpoch }: TransactionToVerify,
  partitions: readonly TopicPartition[],
): unknown {
  const { remoteCoordinators } = broker;
  const coordinator = remoteCoordinators.brokerOf(transactionalId);
  if (coordinator !== null) {
    return remoteCoordinators.ask(coordinator, {
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
      verifyOnly: false,
    }).then(theRefusal);
  }
  try {
    const added = broker.transactions.addPartitions({
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
      clientVersion: 2,
    });
    return added instanceof Promise
      ? added.then(() => null, (error) => error)
      : null;
  } catch (error) {
    return error;
  }
}

/** Of partitions that are added all or none. */
function theRefusal(refusals: Refusals): unknown {
  return refusals.find((each) => each !== null) ?? null;
}

function isConcurrent(error: unknown): boolean {
  return error instanceof KafkaError &&
    error.code === ErrorCode.CONCURRENT_TRANSACTIONS;
}

function isMissing(error: unknown): boolean {
  return error instanceof KafkaError &&
    error.code === ErrorCode.TRANSACTION_ABORTABLE;
}

function isRetriable(error: unknown): boolean {
  return error instanceof KafkaError && RETRIABLE.has(error.code);
}
