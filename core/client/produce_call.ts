// One Produce request: some batches, at most one for each partition, on one
// connection.
//
// Source: Kafka protocol guide, "Produce API".

import { downConvert } from "../record/convert.ts";
import type { KafkaConnection } from "../rpc/client.ts";
import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  produceRequest,
  produceResponse,
} from "../wire/kafka/messages/produce.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { byTopic, partitionKey } from "./metadata.ts";
import type { ProducerBatch } from "./producer_batch.ts";

const PRODUCE = exchange(produceRequest, produceResponse);
/** The last version that names topics rather than their ids. */
const VERSION_MAX = 12;
const ANY_VERSION = { min: -1, max: VERSION_MAX } as const;
/** The first version that takes batches of magic 2. */
const MAGIC_2_VERSION = 3;

export type ProduceAnswer = Infer<typeof produceResponse>;
export type PartitionAnswer =
  ProduceAnswer["responses"][number]["partitionResponses"][number];

/**
 * Sends batches; brokers before 0.11 get them in the format that they know.
 *
 * @returns `null` where the broker does not answer (acks=0).
 * @throws {KafkaError} As `KafkaConnection.send`.
 */
export async function sendProduce(
  connection: KafkaConnection,
  batches: readonly ProducerBatch[],
  options: {
    readonly acks: -1 | 0 | 1;
    readonly timeoutMs: number;
    /** The transaction that the batches are of, and the versions that carry it. */
    readonly transaction?: {
      readonly transactionalId: string;
      readonly produceVersions: { readonly min: number; readonly max: number };
    } | null;
  },
): Promise<ProduceAnswer | null> {
  const transaction = options.transaction ?? null;
  const { min, max: versionMax } = transaction?.produceVersions ?? ANY_VERSION;
  const version = connection.versionOf(produceRequest, versionMax);
  if (version < min) {
    throw new KafkaError(
      "UNSUPPORTED_VERSION",
      `${connection.address} does not serve Produce v${min}, which the ` +
        "transaction needs",
    );
  }
  const isOld = version >= 0 && version < MAGIC_2_VERSION;
  const request = {
    transactionalId: transaction?.transactionalId ?? null,
    acks: options.acks,
    timeoutMs: options.timeoutMs,
    topicData: [...byTopic(batches)].map(([name, batches]) => ({
      name,
      partitionData: batches.map((batch) => ({
        index: batch.partition,
        records: isOld
          ? downConvert(batch.bytes(), version === 2 ? 1 : 0)
          : batch.bytes(),
      })),
    })),
  };
  const sending = { versionMax };
  if (options.acks !== 0) {
    return await connection.send(PRODUCE, request, sending);
  }
  await connection.sendUnanswered(PRODUCE, request, sending);
  return null;
}

/** What a batch fails with that an answer does not mention. */
export function leftOut(batch: ProducerBatch): KafkaError {
  return new KafkaError(
    "UNKNOWN_SERVER_ERROR",
    `The broker left ${partitionKey(batch)} out of its answer`,
  );
}

/** The error of each record: the broker may name the ones that are to blame. */
export function failureOf(
  error: KafkaError,
  answer: PartitionAnswer | null,
): (index: number) => Error {
  if (answer === null || answer.recordErrors.length === 0) return () => error;
  const messages = new Map(
    answer.recordErrors.map((e) => [e.batchIndex, e.batchIndexErrorMessage]),
  );
  return (index) =>
    messages.has(index)
      ? new KafkaError(error.errorName, messages.get(index) ?? error.message)
      : new KafkaError(
        error.errorName,
        `Not written, since other records of its batch were refused: ${error.message}`,
      );
}
