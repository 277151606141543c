// Whether a log takes what was made ready for it: by its size, and by what the
// log knows of the producers that sent it.

import type { TopicConfig } from "../config/topic_config.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { AppendOptions, PreparedAppend } from "./prepare_append.ts";
import type { AppendedSequence } from "./producer_entry.ts";
import type { ProducerState } from "./producer_state.ts";

/**
 * Looks at every batch before anything is written.
 *
 * @param name The log's, for messages.
 * @returns What the first repeated batch repeats; `null` where all are new.
 * @throws {KafkaError} RECORD_LIST_TOO_LARGE above `segment.bytes`;
 * UNKNOWN_PRODUCER_ID for an id that nobody was given; as `ProducerState.check`.
 */
export function judgeAppend(
  prepared: PreparedAppend,
  name: string,
  config: TopicConfig,
  producers: ProducerState,
  options: AppendOptions,
): AppendedSequence | null {
  const sizeBytes = prepared.bytes.length;
  const maxBytes = config["segment.bytes"];
  // A marker is never too large: without it a transaction would not end.
  if (sizeBytes > maxBytes && prepared.batches[0].marker === null) {
    throw new KafkaError(
      "RECORD_LIST_TOO_LARGE",
      `${sizeBytes} bytes of records do not fit a segment of ${maxBytes} bytes of ${name}.`,
    );
  }
  for (const batch of prepared.batches) {
    if (batch.producerId < 0) continue;
    const repeated = producers.check(
      batch,
      options.origin,
      options.verification,
    );
    if (repeated !== null) return repeated;
    if (options.origin === "client") {
      checkIssued(batch.producerId, name, producers, options);
    }
  }
  return null;
}

/** State that expired looks as if it never was; an id that nobody was given is told apart. */
function checkIssued(
  producerId: number,
  name: string,
  producers: ProducerState,
  { isProducerIssued }: AppendOptions,
): void {
  if (isProducerIssued === undefined || producers.has(producerId)) return;
  if (isProducerIssued(producerId)) return;
  throw new KafkaError(
    "UNKNOWN_PRODUCER_ID",
    `Nobody was given the producer id ${producerId} that writes to ${name}; ask for one with InitProducerId.`,
  );
}
