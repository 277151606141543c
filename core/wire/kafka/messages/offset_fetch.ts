// OffsetFetch (key 9): how a group learns how far it has read.
//
// v2 adds `errorCode`; v3 adds `throttleTimeMs`; v5 adds
// `committedLeaderEpoch`; v6 is the first flexible version; v7 adds
// `requireStable`; v8 adds `groups`. Kafka 4 no longer has v0. v10 came with
// Kafka 4.

import { type Infer, message } from "../schema.ts";

export const offsetFetchRequest = message({
  key: 9,
  name: "OffsetFetchRequest",
  versions: [0, 10],
  flexibleSince: 6,
  fields: {
    groupId: { type: "string", until: 7 },
    topics: {
      until: 7,
      nullableSince: 2,
      array: {
        name: { type: "string", until: 7 },
        partitionIndexes: { array: "int32", until: 7 },
      },
    },
    groups: {
      since: 8,
      array: {
        groupId: "string",
        memberId: {
          type: "string",
          since: 9,
          nullableSince: 9,
          default: null,
          ignorable: true,
        },
        memberEpoch: { type: "int32", since: 9, default: -1, ignorable: true },
        topics: {
          nullableSince: 8,
          array: {
            name: { type: "string", until: 9, ignorable: true },
            topicId: { type: "uuid", since: 10, ignorable: true },
            partitionIndexes: { array: "int32" },
          },
        },
      },
    },
    /** Refuses where an open transaction may still change the offset. */
    requireStable: { type: "bool", since: 7, default: false },
  },
});

/** An offset of -1 says that nothing is committed. */
export const offsetFetchResponse = message({
  key: 9,
  name: "OffsetFetchResponse",
  versions: [0, 10],
  flexibleSince: 6,
  fields: {
    throttleTimeMs: { type: "int32", since: 3, ignorable: true },
    topics: {
      until: 7,
      array: {
        name: { type: "string", until: 7 },
        partitions: {
          until: 7,
          array: {
            partitionIndex: { type: "int32", until: 7 },
            committedOffset: { type: "int64", until: 7 },
            committedLeaderEpoch: {
              type: "int32",
              since: 5,
              until: 7,
              default: -1,
              ignorable: true,
            },
            metadata: { type: "string", until: 7, nullableSince: 0 },
            errorCode: { type: "int16", until: 7 },
          },
        },
      },
    },
    errorCode: {
      type: "int16",
      since: 2,
      until: 7,
      default: 0,
      ignorable: true,
    },
    groups: {
      since: 8,
      array: {
        groupId: "string",
        topics: {
          array: {
            name: { type: "string", until: 9, ignorable: true },
            topicId: { type: "uuid", since: 10, ignorable: true },
            partitions: {
              array: {
                partitionIndex: "int32",
                committedOffset: "int64",
                committedLeaderEpoch: { type: "int32", default: -1 },
                metadata: { type: "string", nullableSince: 8 },
                errorCode: "int16",
              },
            },
          },
        },
        errorCode: { type: "int16", default: 0 },
      },
    },
  },
});

export type OffsetFetchRequest = Infer<typeof offsetFetchRequest>;
export type OffsetFetchResponse = Infer<typeof offsetFetchResponse>;
