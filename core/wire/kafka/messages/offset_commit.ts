// OffsetCommit (key 8): how a group stores how far it has read.
//
// v1 adds `generationIdOrMemberEpoch`, `memberId` and `commitTimestamp`; v2
// adds `retentionTimeMs`; v3 adds `throttleTimeMs`; v6 adds
// `committedLeaderEpoch`; v7 adds `groupInstanceId`; v8 is the first flexible
// version; v10 adds `topicId`. Kafka 4 no longer has v0 to v1. v10 came with
// Kafka 4.

import { type Infer, message } from "../schema.ts";

export const offsetCommitRequest = message({
  key: 8,
  name: "OffsetCommitRequest",
  versions: [0, 10],
  flexibleSince: 8,
  fields: {
    groupId: "string",
    /** -1 for a commit from outside of the group. */
    generationIdOrMemberEpoch: {
      type: "int32",
      since: 1,
      default: -1,
      ignorable: true,
    },
    memberId: { type: "string", since: 1, ignorable: true },
    groupInstanceId: {
      type: "string",
      since: 7,
      nullableSince: 7,
      default: null,
    },
    /** -1 for the broker's own. */
    retentionTimeMs: {
      type: "int64",
      since: 2,
      until: 4,
      default: -1,
      ignorable: true,
    },
    topics: {
      array: {
        name: { type: "string", until: 9, ignorable: true },
        topicId: { type: "uuid", since: 10, ignorable: true },
        partitions: {
          array: {
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: {
              type: "int32",
              since: 6,
              default: -1,
              ignorable: true,
            },
            commitTimestamp: { type: "int64", since: 1, until: 1, default: -1 },
            committedMetadata: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
  },
});

export const offsetCommitResponse = message({
  key: 8,
  name: "OffsetCommitResponse",
  versions: [0, 10],
  flexibleSince: 8,
  fields: {
    throttleTimeMs: { type: "int32", since: 3, ignorable: true },
    topics: {
      array: {
        name: { type: "string", until: 9, ignorable: true },
        topicId: { type: "uuid", since: 10, ignorable: true },
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
          },
        },
      },
    },
  },
});

export type OffsetCommitRequest = Infer<typeof offsetCommitRequest>;
export type OffsetCommitResponse = Infer<typeof offsetCommitResponse>;
