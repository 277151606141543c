// Producer ids, given out to brokers in blocks, so that no two brokers give the
// same id to a producer.
//
// Source: KIP-730.

import type { ZnodeClient } from "../coordination/znode_client.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import {
  encodeProducerIds,
  parseProducerIds,
  PRODUCER_IDS,
} from "./znode_layout.ts";

/** How many ids a broker takes at a time. */
export const PRODUCER_ID_BLOCK_COUNT = 1000;

/**
 * Takes the next block.
 *
 * @throws {KafkaError} UNKNOWN_SERVER_ERROR where the ids that fit a number are used up.
 */
export async function allocateProducerIds(
  znodes: ZnodeClient,
  brokerId: number,
): Promise<{ readonly firstId: number; readonly count: number }> {
  for (;;) {
    const { data, stat } = await znodes.get(PRODUCER_IDS);
    const last = parseProducerIds(data);
    const start = last === null ? 0 : last.end + 1;
    const end = start + PRODUCER_ID_BLOCK_COUNT - 1;
    if (!Number.isSafeInteger(end)) {
      throw new KafkaError(
        "UNKNOWN_SERVER_ERROR",
        `All producer ids are used up: the last block ended at ${last?.end}`,
      );
    }
    try {
      const block = encodeProducerIds(brokerId, { start, end });
      await znodes.set(PRODUCER_IDS, block, stat.version);
      return { firstId: start, count: PRODUCER_ID_BLOCK_COUNT };
    } catch (error) {
      // Another broker was faster: take the block after its.
      if (!isZkError(error, "BAD_VERSION")) throw error;
    }
  }
}

/** The highest producer id that any broker may have given out; -1 where none was. */
export async function lastProducerId(znodes: ZnodeClient): Promise<number> {
  const { data } = await znodes.get(PRODUCER_IDS);
  return parseProducerIds(data)?.end ?? -1;
}
