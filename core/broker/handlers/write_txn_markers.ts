// WriteTxnMarkers (key 27): ends transactions in partitions that this broker
// leads. Coordinators of other brokers send it, and administrators who abort a
// transaction that no coordinator knows of any more.
//
// Source: KIP-98, KIP-664, KIP-890, KIP-1228 (which rules of transactions a marker
// follows).

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type WriteTxnMarkersRequest,
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "../../wire/kafka/messages/write_txn_markers.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { TopicPartition } from "../../transactions/marker_writer.ts";
import { type RequestContext, serve } from "../context.ts";

type Marker = WriteTxnMarkersRequest["markers"][number];
type Response = InferInput<typeof writeTxnMarkersResponse>;
type Codes = readonly number[];

/** First version of transactions that have an epoch each. */
const EPOCH_EACH_SINCE = 2;

export const writeTxnMarkers = serve(
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
  {
    versions: [0, 2],
    // Coordinators send many without waiting; all markers are appended at once.
    letsNextStart: true,
    handle: ({ markers }, context) => {
      const codes = markers.map((marker) => writeOne(marker, context));
      return codes.some((each) => each instanceof Promise)
        ? Promise.all(codes).then((all) => answer(markers, all, context))
        : answer(markers, codes as Codes[], context);
    },
    failure: ({ errorCode }, request, context) => {
      if (request === null) return null;
      const { markers } = request;
      const codes = markers.map((marker) =>
        partitionsOf(marker).map(() => errorCode)
      );
      return answer(markers, codes, context);
    },
  },
);

function partitionsOf({ topics }: Marker): TopicPartition[] {
  return topics.flatMap(({ name, partitionIndexes }) =>
    partitionIndexes.map((partition) => ({ topic: name, partition }))
  );
}

function writeOne(
  marker: Marker,
  { broker }: RequestContext,
): Codes | Promise<Codes> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionVersion } =
    marker;
  const partitions = partitionsOf(marker);
  if (producerId < 0) {
    return partitions.map(() => ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  if (producerEpoch < 0) {
    return partitions.map(() => ErrorCode.INVALID_PRODUCER_EPOCH);
  }
  const isCommit = marker.transactionResult;
  return broker.markers.write(
    {
      producerId,
      producerEpoch,
      isCommit,
      coordinatorEpoch,
      isEpochRaised: transactionVersion >= EPOCH_EACH_SINCE,
    },
    partitions,
  );
}

/** Producers and topics come once each, however often they were named. */
function answer(
  markers: readonly Marker[],
  codes: readonly Codes[],
  { broker }: RequestContext,
): Response {
  const producers = new Map<number, Map<string, Map<number, number>>>();
  markers.forEach((marker, i) => {
    const topics = entryOf(producers, marker.producerId);
    partitionsOf(marker).forEach(({ topic, partition }, j) => {
      const errorCode = codes[i][j];
      broker.metrics.countError(errorCode);
      entryOf(topics, topic).set(partition, errorCode);
    });
  });
  return {
    markers: Array.from(producers, ([producerId, topics]) => ({
      producerId,
      topics: Array.from(topics, ([name, partitions]) => ({
        name,
        partitions: Array.from(
          partitions,
          ([partitionIndex, errorCode]) => ({ partitionIndex, errorCode }),
        ),
      })),
    })),
  };
}

/** The map under a key, made where it is missing. */
function entryOf<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let entry = map.get(key);
  if (entry === undefined) map.set(key, entry = new Map());
  return entry;
}
