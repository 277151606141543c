// Control records of a KRaft metadata log: leader changes, snapshots, voters.

import { type Infer, message, struct } from "../schema.ts";

const voter = struct({
  voterId: "int32",
  voterDirectoryId: { type: "uuid", since: 1 },
});

/** Who leads, and who voted for it. */
export const leaderChangeMessage = message({
  name: "LeaderChangeMessage",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    version: "int16",
    leaderId: "int32",
    voters: { array: voter },
    grantingVoters: { array: voter },
  },
});

/** The version of the quorum protocol. */
export const kRaftVersionRecord = message({
  name: "KRaftVersionRecord",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    version: "int16",
    kRaftVersion: "int16",
  },
});

/** First record of a snapshot. */
export const snapshotHeaderRecord = message({
  name: "SnapshotHeaderRecord",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    version: "int16",
    lastContainedLogTimestamp: "int64",
  },
});

/** Last record of a snapshot. */
export const snapshotFooterRecord = message({
  name: "SnapshotFooterRecord",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    version: "int16",
  },
});

/** The voters from here on. */
export const votersRecord = message({
  name: "VotersRecord",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    version: "int16",
    voters: {
      array: {
        voterId: "int32",
        voterDirectoryId: "uuid",
        endpoints: {
          array: {
            name: "string",
            host: "string",
            port: "uint16",
          },
        },
        kRaftVersionFeature: {
          struct: {
            minSupportedVersion: "int16",
            maxSupportedVersion: "int16",
          },
        },
      },
    },
  },
});

export type LeaderChangeMessage = Infer<typeof leaderChangeMessage>;
export type KRaftVersionRecord = Infer<typeof kRaftVersionRecord>;
export type SnapshotHeaderRecord = Infer<typeof snapshotHeaderRecord>;
export type SnapshotFooterRecord = Infer<typeof snapshotFooterRecord>;
export type VotersRecord = Infer<typeof votersRecord>;
