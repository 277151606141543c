// AddOffsetsToTxn (key 25): makes a group's offsets part of a transaction, which
// is to say the partition of `__consumer_offsets` that holds them.
//
// Source: KIP-98.

import { OFFSETS_TOPIC } from "../../groups/group_coordinator.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../../wire/kafka/messages/add_offsets_to_txn.ts";
import { serve } from "../context.ts";
import { fencingCode } from "../producer_fencing.ts";

const DONE = { throttleTimeMs: 0, errorCode: ErrorCode.NONE } as const;

export const addOffsetsToTxn = serve(
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
  {
    handle: ({ groupId, ...producer }, { broker }) => {
      const partition = broker.groups.partitionOf(groupId);
      const added = broker.transactions.addPartitions({
        ...producer,
        partitions: [{ topic: OFFSETS_TOPIC, partition }],
        clientVersion: 0,
      });
      return added instanceof Promise ? added.then(() => DONE) : DONE;
    },
    failure: ({ errorCode }, _request, { apiVersion }) => ({
      throttleTimeMs: 0,
      errorCode: fencingCode(errorCode, "addOffsetsToTxn", apiVersion),
    }),
  },
);
