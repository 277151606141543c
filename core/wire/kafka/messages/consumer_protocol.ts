// What members of a consumer group tell each other through JoinGroup and
// SyncGroup: topics they want, partitions they get.
//
// Each is stored behind an int16 with its version. The broker does not look
// inside.

import { type Infer, message } from "../schema.ts";

/** What a member wants and, for the sticky assignors, what it owns. */
export const consumerProtocolSubscription = message({
  name: "ConsumerProtocolSubscription",
  versions: [0, 3],
  fields: {
    topics: { array: "string" },
    userData: { type: "bytes", nullableSince: 0, default: null },
    ownedPartitions: {
      since: 1,
      ignorable: true,
      array: {
        topic: "string",
        partitions: { array: "int32" },
      },
    },
    generationId: { type: "int32", since: 2, default: -1, ignorable: true },
    rackId: {
      type: "string",
      since: 3,
      nullableSince: 3,
      default: null,
      ignorable: true,
    },
  },
});

/** What a member gets. */
export const consumerProtocolAssignment = message({
  name: "ConsumerProtocolAssignment",
  versions: [0, 3],
  fields: {
    assignedPartitions: {
      array: {
        topic: "string",
        partitions: { array: "int32" },
      },
    },
    userData: { type: "bytes", nullableSince: 0, default: null },
  },
});

export type ConsumerProtocolSubscription = Infer<
  typeof consumerProtocolSubscription
>;
export type ConsumerProtocolAssignment = Infer<
  typeof consumerProtocolAssignment
>;
