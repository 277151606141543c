// Records of `__consumer_offsets` for classic groups: committed offsets and
// the state of groups.
//
// Key and value start with an int16 version, which is not part of these
// schemas. The version of a key says what kind of record it is: 0 and 1 an
// offset, 2 a group.

import { type Infer, message, struct } from "../schema.ts";

/**
 * The first form of an offset's key; version 0 of `OffsetCommitKey` under the
 * name that 4.1 gives it.
 */
export const legacyOffsetCommitKey = message({
  name: "LegacyOffsetCommitKey",
  versions: [0, 0],
  fields: {
    group: "string",
    topic: "string",
    partition: "int32",
  },
});

/** The first form of an offset's value. */
export const legacyOffsetCommitValue = message({
  name: "LegacyOffsetCommitValue",
  versions: [0, 0],
  fields: {
    offset: "int64",
    metadata: "string",
    commitTimestamp: "int64",
  },
});

/** Versions 0 and 1 are the same. */
export const offsetCommitKey = message({
  name: "OffsetCommitKey",
  versions: [0, 1],
  fields: {
    group: "string",
    topic: "string",
    partition: "int32",
  },
});

/** An offset that a group has committed. */
export const offsetCommitValue = message({
  name: "OffsetCommitValue",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    offset: "int64",
    leaderEpoch: { type: "int32", since: 3, default: -1, ignorable: true },
    metadata: "string",
    commitTimestamp: "int64",
    expireTimestamp: {
      type: "int64",
      since: 1,
      until: 1,
      default: -1,
      ignorable: true,
    },
    topicId: { type: "uuid", tag: 0, since: 4, ignorable: true },
  },
});

/** One for each classic group. */
export const groupMetadataKey = message({
  name: "GroupMetadataKey",
  versions: [2, 2],
  fields: {
    group: "string",
  },
});

const memberMetadata = struct({
  memberId: "string",
  groupInstanceId: {
    type: "string",
    since: 3,
    nullableSince: 3,
    default: null,
    ignorable: true,
  },
  clientId: "string",
  clientHost: "string",
  rebalanceTimeout: { type: "int32", since: 1, default: -1, ignorable: true },
  sessionTimeout: "int32",
  subscription: "bytes",
  assignment: "bytes",
});

/** A classic group between rebalances. */
export const groupMetadataValue = message({
  name: "GroupMetadataValue",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    protocolType: "string",
    generation: "int32",
    protocol: { type: "string", nullableSince: 0 },
    leader: { type: "string", nullableSince: 0 },
    currentStateTimestamp: {
      type: "int64",
      since: 2,
      default: -1,
      ignorable: true,
    },
    members: { array: memberMetadata },
  },
});

export type LegacyOffsetCommitKey = Infer<typeof legacyOffsetCommitKey>;
export type LegacyOffsetCommitValue = Infer<typeof legacyOffsetCommitValue>;
export type OffsetCommitKey = Infer<typeof offsetCommitKey>;
export type OffsetCommitValue = Infer<typeof offsetCommitValue>;
export type GroupMetadataKey = Infer<typeof groupMetadataKey>;
export type GroupMetadataValue = Infer<typeof groupMetadataValue>;
