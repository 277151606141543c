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
  const verdicts = verifyOnce(broker, request);
  // Who added the partitions has waited for the end of the transaction before.
  const mayWait = addsPartitions &&
    (verdicts instanceof Promise || verdicts.some(isEarly));
  return mayWait ? verifyPatiently(broker, request, verdicts) : verdicts;
}

/**
 * The transaction before may still be ending. Its marker makes guards void, also where
 * the question comes to the coordinator after it; then the question is asked again.
 */
async function verifyPatiently(
  broker: Broker,
  request: TransactionToVerify,
  first: readonly Verdict[] | Promise<readonly Verdict[]>,
): Promise<readonly Verdict[]> {
  let verdicts = await first;
  const isVoid = (verdict: Verdict, index: number) =>
    isAsked(verdict) &&
    logOf(broker, request.partitions[index])
        ?.producers.isVerificationCurrent(verdict.guard) === false;
  for (let i = 0; i < RETRIES_MAX; i++) {
    if (verdicts.some(isEarly)) await sleep(broker.host.clock, RETRY_PAUSE_MS);
    else if (!verdicts.some(isVoid)) break;
    verdicts = await verifyOnce(broker, request);
  }
  return verdicts;
}

function verifyOnce(
  broker: Broker,
  request: TransactionToVerify,
): readonly Verdict[] | Promise<readonly Verdict[]> {
  const { partitions, addsPartitions } = request;
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

function logOf({ partitions }: Broker, { topic, partition }: TopicPartition) {
  return partitions.find(topic, partition)?.log;
}

function cancel(
  broker: Broker,
  partition: TopicPartition,
  guard: VerificationGuard,
  refused: { readonly producerEpoch: number; readonly isMissing: boolean },
): void {
  logOf(broker, partition)?.producers.cancelVerification(guard, refused);
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

/** Makes them part of the transaction, all or none. */
function add(
  broker: Broker,
  { transactionalId, producerId, producerEpoch }: TransactionToVerify,
  partitions: readonly TopicPartition[],
): Refusals | Promise<Refusals> {
  const { remoteCoordinators } = broker;
  const coordinator = remoteCoordinators.brokerOf(transactionalId);
  const producer = { transactionalId, producerId, producerEpoch };
  if (coordinator !== null) {
    return remoteCoordinators.ask(coordinator, {
      ...producer,
      partitions,
      verifyOnly: false,
    });
  }
  const each = (refusal: unknown) => partitions.map(() => refusal);
  try {
    const added = broker.transactions.addPartitions({
      ...producer,
      partitions,
      clientVersion: 2,
    });
    return added instanceof Promise
      ? added.then(() => each(null), each)
      : each(null);
  } catch (error) {
    return each(error);
  }
}

function isEarly(verdict: Verdict): boolean {
  return verdict.kind === "refused" && verdict.error instanceof KafkaError &&
    verdict.error.code === ErrorCode.CONCURRENT_TRANSACTIONS;
}

function isMissing(error: unknown): boolean {
  return error instanceof KafkaError &&
    error.code === ErrorCode.TRANSACTION_ABORTABLE;
}

function isRetriable(error: unknown): boolean {
  return error instanceof KafkaError && RETRIABLE.has(error.code);
}
