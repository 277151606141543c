// A batch that a broker finds too large, cut into smaller ones.

import type { BatchProducer } from "../record/batch_builder.ts";
import { decodeBatch } from "../record/record_batch.ts";
import {
  type BatchFormat,
  ProducerBatch,
  sequenceAfter,
} from "./producer_batch.ts";
import { recordSizeMax } from "./producer_record.ts";

/** The share of the size that the parts may have. */
const PART_SHARE = 0.5;

/**
 * Cuts a batch into parts of about half its size, which keep its records in
 * order, their callbacks, and their sequence numbers.
 */
export function splitBatch(
  batch: ProducerBatch,
  format: BatchFormat,
  producer: Omit<BatchProducer, "baseSequence">,
): ProducerBatch[] {
  const records = decodeBatch(batch.bytes(), 0, { checkCrc: false });
  const partFormat = {
    ...format,
    maxBytes: Math.ceil(batch.sizeBytes * PART_SHARE),
  };
  // How many parts there will be is not known before; halves are at most three.
  const partCountMax = records.length;
  const parts: ProducerBatch[] = [];
  records.forEach((record, i) => {
    const callback = batch.callbackAt(i);
    const last = parts[parts.length - 1];
    if (last?.tryAppend(record, callback)) return;
    const part = new ProducerBatch(batch, {
      serial: batch.serial + parts.length * batch.serialSpan / partCountMax,
      serialSpan: batch.serialSpan / partCountMax,
      createdMs: batch.createdMs,
      reservedBytes: recordSizeMax(record.key, record.value, record.headers),
      format: partFormat,
    });
    part.tryAppend(record, callback);
    parts.push(part);
  });
  let sequence = batch.baseSequence;
  for (const part of parts) {
    part.close();
    part.attemptCount = batch.attemptCount;
    if (sequence >= 0) {
      part.setSequence({ ...producer, baseSequence: sequence });
      sequence = sequenceAfter(sequence, part.recordCount);
    }
  }
  return parts;
}
