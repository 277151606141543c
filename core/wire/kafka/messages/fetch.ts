// Fetch (key 1): how consumers and following replicas read record batches. The
// answer may be held back until enough bytes are there.
//
// v1 adds `throttleTimeMs`; v3 adds `maxBytes`; v4 adds `isolationLevel`,
// `lastStableOffset` and `abortedTransactions`; v5 adds `logStartOffset`; v7
// adds `sessionId`, `sessionEpoch`, `forgottenTopicsData` and `errorCode`; v9
// adds `currentLeaderEpoch`; v11 adds `rackId` and `preferredReadReplica`; v12
// adds `clusterId`, `lastFetchedEpoch`, `divergingEpoch`, `currentLeader` and
// `snapshotId` and is the first flexible version; v13 adds `topicId`; v15 adds
// `replicaState`; v16 adds `nodeEndpoints`; v17 adds `replicaDirectoryId`; v18
// adds `highWatermark`. Kafka 4 no longer has v0 to v3. v18 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const fetchRequest = message({
  key: 1,
  name: "FetchRequest",
  versions: [0, 18],
  flexibleSince: 12,
  fields: {
    clusterId: {
      type: "string",
      tag: 0,
      since: 12,
      nullableSince: 12,
      default: null,
      ignorable: true,
    },
    /** -1 for consumers, else the id of the broker that follows. */
    replicaId: { type: "int32", until: 14, default: -1 },
    replicaState: {
      tag: 1,
      since: 15,
      struct: {
        /** -1 for consumers, else the id of the broker that follows. */
        replicaId: { type: "int32", default: -1 },
        replicaEpoch: { type: "int64", default: -1 },
      },
    },
    maxWaitMs: "int32",
    minBytes: "int32",
    maxBytes: { type: "int32", since: 3, default: 2147483647, ignorable: true },
    /** 0 reads all records, 1 only those outside of open and aborted transactions. */
    isolationLevel: { type: "int8", since: 4, default: 0, ignorable: true },
    /** 0 where no session is open. */
    sessionId: { type: "int32", since: 7, default: 0, ignorable: true },
    /** 0 opens a session, -1 does without one or closes it. */
    sessionEpoch: { type: "int32", since: 7, default: -1, ignorable: true },
    /** In a session: only what changed since the last request. */
    topics: {
      array: {
        topic: { type: "string", until: 12, ignorable: true },
        topicId: { type: "uuid", since: 13, ignorable: true },
        partitions: {
          array: {
            partition: "int32",
            /** What the reader believes; -1 where it does not care. */
            currentLeaderEpoch: {
              type: "int32",
              since: 9,
              default: -1,
              ignorable: true,
            },
            fetchOffset: "int64",
            /** Leader epoch of the last record that a follower has; -1 for none. */
            lastFetchedEpoch: { type: "int32", since: 12, default: -1 },
            logStartOffset: {
              type: "int64",
              since: 5,
              default: -1,
              ignorable: true,
            },
            partitionMaxBytes: "int32",
            replicaDirectoryId: {
              type: "uuid",
              tag: 0,
              since: 17,
              ignorable: true,
            },
            highWatermark: {
              type: "int64",
              tag: 1,
              since: 18,
              default: 9223372036854775807n,
              ignorable: true,
            },
          },
        },
      },
    },
    /** What leaves the session. */
    forgottenTopicsData: {
      since: 7,
      array: {
        topic: { type: "string", until: 12, ignorable: true },
        topicId: { type: "uuid", since: 13, ignorable: true },
        partitions: { array: "int32" },
      },
    },
    rackId: { type: "string", since: 11, default: "", ignorable: true },
  },
});

/**
 * Errors: `OFFSET_OUT_OF_RANGE`, `NOT_LEADER_OR_FOLLOWER`,
 * `FENCED_LEADER_EPOCH`, `UNKNOWN_TOPIC_ID`; for the session
 * `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`.
 */
export const fetchResponse = message({
  key: 1,
  name: "FetchResponse",
  versions: [0, 18],
  flexibleSince: 12,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: { type: "int16", since: 7, ignorable: true },
    sessionId: { type: "int32", since: 7, default: 0 },
    /** In a session: only partitions with news. */
    responses: {
      array: {
        topic: { type: "string", until: 12, ignorable: true },
        topicId: { type: "uuid", since: 13, ignorable: true },
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            highWatermark: "int64",
            lastStableOffset: {
              type: "int64",
              since: 4,
              default: -1,
              ignorable: true,
            },
            logStartOffset: {
              type: "int64",
              since: 5,
              default: -1,
              ignorable: true,
            },
            /** Where a follower's log has parted from the leader's. */
            divergingEpoch: {
              tag: 0,
              since: 12,
              struct: {
                epoch: { type: "int32", default: -1 },
                endOffset: { type: "int64", default: -1 },
              },
            },
            currentLeader: {
              tag: 1,
              since: 12,
              struct: {
                leaderId: { type: "int32", default: -1 },
                leaderEpoch: { type: "int32", default: -1 },
              },
            },
            snapshotId: {
              tag: 2,
              since: 12,
              struct: {
                endOffset: { type: "int64", default: -1 },
                epoch: { type: "int32", default: -1 },
              },
            },
            abortedTransactions: {
              since: 4,
              nullableSince: 4,
              ignorable: true,
              array: {
                producerId: "int64",
                firstOffset: "int64",
              },
            },
            /** Where the consumer had better read; -1 for here. */
            preferredReadReplica: { type: "int32", since: 11, default: -1 },
            records: { type: "records", nullableSince: 0 },
          },
        },
      },
    },
    nodeEndpoints: {
      tag: 0,
      since: 16,
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullableSince: 16, default: null },
      },
    },
  },
});

export type FetchRequest = Infer<typeof fetchRequest>;
export type FetchResponse = Infer<typeof fetchResponse>;
