// What the leader of a partition asks of a transaction's coordinator on another
// broker: whether the partition is part of the transaction, or to make it so.
//
// Source: KIP-890 (AddPartitionsToTxn from version 4 on is sent by brokers).

import { exchange } from "../rpc/exchange.ts";
import type { TopicPartition } from "../transactions/marker_writer.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import type { Broker } from "./broker.ts";

const ADD_PARTITIONS = exchange(
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
);

export interface AskedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
}

/** The other broker that coordinates a transactional id; `null` where this one does, or none. */
export function remoteCoordinator(
  { cluster, transactions }: Broker,
  transactionalId: string,
): number | null {
  const partitions = cluster.image.topics.get(TRANSACTIONS_TOPIC)?.partitions;
  const index = transactions.partitionOf(transactionalId);
  const leader = partitions?.[index]?.leader ?? -1;
  return leader < 0 || leader === cluster.brokerId ? null : leader;
}

/** Why each partition is refused, in order; `null` where it is not. Never rejects. */
export async function askCoordinator(
  { peers }: Broker,
  coordinator: number,
  { transactionalId, producerId, producerEpoch, partitions }: AskedTransaction,
  { verifyOnly }: { readonly verifyOnly: boolean },
): Promise<readonly (KafkaError | null)[]> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  try {
    const { errorCode, resultsByTransaction } = await peers.ask(
      coordinator,
      ADD_PARTITIONS,
      {
        transactions: [{
          transactionalId,
          producerId,
          producerEpoch,
          verifyOnly,
          topics: Array.from(byTopic, ([name, items]) => ({
            name,
            partitions: items.map(({ partition }) => partition),
          })),
        }],
      },
    );
    const topics = resultsByTransaction.flatMap(({ topicResults }) =>
      topicResults
    );
    return partitions.map(({ topic, partition }) => {
      const code = topics.find(({ name }) => name === topic)
        ?.resultsByPartition
        .find(({ partitionIndex }) => partitionIndex === partition)
        ?.partitionErrorCode ?? (errorCode || ErrorCode.UNKNOWN_SERVER_ERROR);
      return code === ErrorCode.NONE ? null : KafkaError.ofCode(code);
    });
  } catch (error) {
    // Whatever it is, the producer tries again, and meets whoever coordinates then.
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = new KafkaError("COORDINATOR_NOT_AVAILABLE", reason);
    return partitions.map(() => refusal);
  }
}
