// DescribeShareGroupOffsets (key 90): where share groups begin to read
// (KIP-932).
//
// Kafka 3.9 does not have it yet.

import { type Infer, message } from "../schema.ts";

export const describeShareGroupOffsetsRequest = message({
  key: 90,
  name: "DescribeShareGroupOffsetsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groups: {
      array: {
        groupId: "string",
        topics: {
          nullableSince: 0,
          array: {
            topicName: "string",
            partitions: { array: "int32" },
          },
        },
      },
    },
  },
});

export const describeShareGroupOffsetsResponse = message({
  key: 90,
  name: "DescribeShareGroupOffsetsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    groups: {
      array: {
        groupId: "string",
        topics: {
          array: {
            topicName: "string",
            topicId: "uuid",
            partitions: {
              array: {
                partitionIndex: "int32",
                startOffset: "int64",
                leaderEpoch: "int32",
                errorCode: "int16",
                errorMessage: {
                  type: "string",
                  nullableSince: 0,
                  default: null,
                },
              },
            },
          },
        },
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0, default: null },
      },
    },
  },
});

export type DescribeShareGroupOffsetsRequest = Infer<
  typeof describeShareGroupOffsetsRequest
>;
export type DescribeShareGroupOffsetsResponse = Infer<
  typeof describeShareGroupOffsetsResponse
>;
