// The control batch that ends a transaction, as a leader appends it.

import type { TopicConfig } from "../config/topic_config.ts";
import { setLogAppendTime } from "../record/batch_header.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import type { TransactionEnd } from "./check_producer.ts";

/** Encodes it, with offset 0, for a topic with this configuration. */
export function markerBatch(
  end: TransactionEnd,
  nowMs: number,
  config: TopicConfig,
): Uint8Array {
  const { producerId, producerEpoch, coordinatorEpoch } = end;
  const batch = encodeEndTransactionMarker(
    { type: end.isCommit ? "commit" : "abort", coordinatorEpoch },
    { timestampMs: nowMs, producerId, producerEpoch },
  );
  if (config["message.timestamp.type"] === "LogAppendTime") {
    setLogAppendTime(batch, 0, nowMs);
  }
  return batch;
}
