// Every API by name: its key, and what a header has to know of it.
//
// This table stands apart from apis.ts so that a program can read and write
// headers without loading the messages of all APIs.
//
// Source: Kafka 3.9.1 and 4.1.0, protocol guide, "Api Keys".

interface ApiRow {
  readonly key: number;
  /** First version with compact types, tag buffers and the newer headers. */
  readonly flexibleSince: number | null;
  /** What can be read and written here. */
  readonly versions: readonly [first: number, last: number];
  /** What Kafka 3.9.1 has, and brokers of that time offer; `null` where it is newer or unstable there. */
  readonly versions39: readonly [first: number, last: number] | null;
}

/** One row for each API. */
export const apiRows = {
  Produce: { key: 0, flexibleSince: 9, versions: [0, 13], versions39: [0, 11] },
  Fetch: { key: 1, flexibleSince: 12, versions: [0, 18], versions39: [0, 17] },
  ListOffsets: {
    key: 2,
    flexibleSince: 6,
    versions: [0, 10],
    versions39: [0, 9],
  },
  Metadata: {
    key: 3,
    flexibleSince: 9,
    versions: [0, 13],
    versions39: [0, 12],
  },
  LeaderAndIsr: {
    key: 4,
    flexibleSince: 4,
    versions: [0, 7],
    versions39: [0, 7],
  },
  StopReplica: {
    key: 5,
    flexibleSince: 2,
    versions: [0, 4],
    versions39: [0, 4],
  },
  UpdateMetadata: {
    key: 6,
    flexibleSince: 6,
    versions: [0, 8],
    versions39: [0, 8],
  },
  ControlledShutdown: {
    key: 7,
    flexibleSince: 3,
    versions: [0, 3],
    versions39: [0, 3],
  },
  OffsetCommit: {
    key: 8,
    flexibleSince: 8,
    versions: [0, 10],
    versions39: [0, 9],
  },
  OffsetFetch: {
    key: 9,
    flexibleSince: 6,
    versions: [0, 10],
    versions39: [0, 9],
  },
  FindCoordinator: {
    key: 10,
    flexibleSince: 3,
    versions: [0, 6],
    versions39: [0, 6],
  },
  JoinGroup: {
    key: 11,
    flexibleSince: 6,
    versions: [0, 9],
    versions39: [0, 9],
  },
  Heartbeat: {
    key: 12,
    flexibleSince: 4,
    versions: [0, 4],
    versions39: [0, 4],
  },
  LeaveGroup: {
    key: 13,
    flexibleSince: 4,
    versions: [0, 5],
    versions39: [0, 5],
  },
  SyncGroup: {
    key: 14,
    flexibleSince: 4,
    versions: [0, 5],
    versions39: [0, 5],
  },
  DescribeGroups: {
    key: 15,
    flexibleSince: 5,
    versions: [0, 6],
    versions39: [0, 5],
  },
  ListGroups: {
    key: 16,
    flexibleSince: 3,
    versions: [0, 5],
    versions39: [0, 5],
  },
  SaslHandshake: {
    key: 17,
    flexibleSince: null,
    versions: [0, 1],
    versions39: [0, 1],
  },
  ApiVersions: {
    key: 18,
    flexibleSince: 3,
    versions: [0, 4],
    versions39: [0, 4],
  },
  CreateTopics: {
    key: 19,
    flexibleSince: 5,
    versions: [0, 7],
    versions39: [0, 7],
  },
  DeleteTopics: {
    key: 20,
    flexibleSince: 4,
    versions: [0, 6],
    versions39: [0, 6],
  },
  DeleteRecords: {
    key: 21,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  InitProducerId: {
    key: 22,
    flexibleSince: 2,
    versions: [0, 6],
    versions39: [0, 5],
  },
  OffsetForLeaderEpoch: {
    key: 23,
    flexibleSince: 4,
    versions: [0, 4],
    versions39: [0, 4],
  },
  AddPartitionsToTxn: {
    key: 24,
    flexibleSince: 3,
    versions: [0, 5],
    versions39: [0, 5],
  },
  AddOffsetsToTxn: {
    key: 25,
    flexibleSince: 3,
    versions: [0, 4],
    versions39: [0, 4],
  },
  EndTxn: { key: 26, flexibleSince: 3, versions: [0, 5], versions39: [0, 4] },
  WriteTxnMarkers: {
    key: 27,
    flexibleSince: 1,
    versions: [0, 2],
    versions39: [0, 1],
  },
  TxnOffsetCommit: {
    key: 28,
    flexibleSince: 3,
    versions: [0, 5],
    versions39: [0, 4],
  },
  DescribeAcls: {
    key: 29,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  CreateAcls: {
    key: 30,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  DeleteAcls: {
    key: 31,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  DescribeConfigs: {
    key: 32,
    flexibleSince: 4,
    versions: [0, 4],
    versions39: [0, 4],
  },
  AlterConfigs: {
    key: 33,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  AlterReplicaLogDirs: {
    key: 34,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  DescribeLogDirs: {
    key: 35,
    flexibleSince: 2,
    versions: [0, 4],
    versions39: [0, 4],
  },
  SaslAuthenticate: {
    key: 36,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  CreatePartitions: {
    key: 37,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  CreateDelegationToken: {
    key: 38,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  RenewDelegationToken: {
    key: 39,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  ExpireDelegationToken: {
    key: 40,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  DescribeDelegationToken: {
    key: 41,
    flexibleSince: 2,
    versions: [0, 3],
    versions39: [0, 3],
  },
  DeleteGroups: {
    key: 42,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  ElectLeaders: {
    key: 43,
    flexibleSince: 2,
    versions: [0, 2],
    versions39: [0, 2],
  },
  IncrementalAlterConfigs: {
    key: 44,
    flexibleSince: 1,
    versions: [0, 1],
    versions39: [0, 1],
  },
  AlterPartitionReassignments: {
    key: 45,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 0],
  },
  ListPartitionReassignments: {
    key: 46,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  OffsetDelete: {
    key: 47,
    flexibleSince: null,
    versions: [0, 0],
    versions39: [0, 0],
  },
  DescribeClientQuotas: {
    key: 48,
    flexibleSince: 1,
    versions: [0, 1],
    versions39: [0, 1],
  },
  AlterClientQuotas: {
    key: 49,
    flexibleSince: 1,
    versions: [0, 1],
    versions39: [0, 1],
  },
  DescribeUserScramCredentials: {
    key: 50,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  AlterUserScramCredentials: {
    key: 51,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  Vote: { key: 52, flexibleSince: 0, versions: [0, 2], versions39: [0, 1] },
  BeginQuorumEpoch: {
    key: 53,
    flexibleSince: 1,
    versions: [0, 1],
    versions39: [0, 1],
  },
  EndQuorumEpoch: {
    key: 54,
    flexibleSince: 1,
    versions: [0, 1],
    versions39: [0, 1],
  },
  DescribeQuorum: {
    key: 55,
    flexibleSince: 0,
    versions: [0, 2],
    versions39: [0, 2],
  },
  AlterPartition: {
    key: 56,
    flexibleSince: 0,
    versions: [0, 3],
    versions39: [0, 3],
  },
  UpdateFeatures: {
    key: 57,
    flexibleSince: 0,
    versions: [0, 2],
    versions39: [0, 1],
  },
  Envelope: { key: 58, flexibleSince: 0, versions: [0, 0], versions39: [0, 0] },
  FetchSnapshot: {
    key: 59,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 1],
  },
  DescribeCluster: {
    key: 60,
    flexibleSince: 0,
    versions: [0, 2],
    versions39: [0, 1],
  },
  DescribeProducers: {
    key: 61,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  BrokerRegistration: {
    key: 62,
    flexibleSince: 0,
    versions: [0, 4],
    versions39: [0, 4],
  },
  BrokerHeartbeat: {
    key: 63,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 1],
  },
  UnregisterBroker: {
    key: 64,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  DescribeTransactions: {
    key: 65,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  ListTransactions: {
    key: 66,
    flexibleSince: 0,
    versions: [0, 2],
    versions39: [0, 1],
  },
  AllocateProducerIds: {
    key: 67,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  ConsumerGroupHeartbeat: {
    key: 68,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 0],
  },
  ConsumerGroupDescribe: {
    key: 69,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 0],
  },
  ControllerRegistration: {
    key: 70,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  GetTelemetrySubscriptions: {
    key: 71,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  PushTelemetry: {
    key: 72,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  AssignReplicasToDirs: {
    key: 73,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  ListConfigResources: {
    key: 74,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: [0, 0],
  },
  DescribeTopicPartitions: {
    key: 75,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  ShareGroupHeartbeat: {
    key: 76,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: null,
  },
  ShareGroupDescribe: {
    key: 77,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: null,
  },
  ShareFetch: { key: 78, flexibleSince: 0, versions: [0, 1], versions39: null },
  ShareAcknowledge: {
    key: 79,
    flexibleSince: 0,
    versions: [0, 1],
    versions39: null,
  },
  AddRaftVoter: {
    key: 80,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  RemoveRaftVoter: {
    key: 81,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  UpdateRaftVoter: {
    key: 82,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: [0, 0],
  },
  InitializeShareGroupState: {
    key: 83,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  ReadShareGroupState: {
    key: 84,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  WriteShareGroupState: {
    key: 85,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  DeleteShareGroupState: {
    key: 86,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  ReadShareGroupStateSummary: {
    key: 87,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  StreamsGroupHeartbeat: {
    key: 88,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  StreamsGroupDescribe: {
    key: 89,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  DescribeShareGroupOffsets: {
    key: 90,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  AlterShareGroupOffsets: {
    key: 91,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  DeleteShareGroupOffsets: {
    key: 92,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  // Keys of kq's own: no other broker has them, and no other client hears of them.
  CompactPartitions: {
    key: 15000,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
  DescribeCompaction: {
    key: 15001,
    flexibleSince: 0,
    versions: [0, 0],
    versions39: null,
  },
} as const satisfies Record<string, ApiRow>;

/** The name of an API, such as `Produce`. */
export type ApiName = keyof typeof apiRows;

/** The keys by name: `apiKeys.Metadata` is 3. */
export const apiKeys = Object.fromEntries(
  Object.entries(apiRows).map(([name, row]) => [name, row.key]),
) as { readonly [N in ApiName]: (typeof apiRows)[N]["key"] };

const rowsByKey = new Map<number, ApiRow & { readonly name: ApiName }>(
  Object.entries(apiRows).map((
    [name, row],
  ) => [row.key, { name: name as ApiName, ...row }]),
);

/** The first key of the APIs that are kq's own; Kafka's are far below. */
export const OWN_API_KEY_MIN = 15000;

/** The row of a key; `undefined` where no API has it. */
export function apiByKey(
  key: number,
): (ApiRow & { readonly name: ApiName }) | undefined {
  return rowsByKey.get(key);
}

/** The version of the header in front of a request. */
export function requestHeaderVersion(key: number, version: number): 0 | 1 | 2 {
  if (key === apiKeys.ControlledShutdown && version === 0) return 0;
  return isFlexibleApi(key, version) ? 2 : 1;
}

/** The version of the header in front of an answer. */
export function responseHeaderVersion(key: number, version: number): 0 | 1 {
  // The client reads this answer before it knows what the broker understands.
  if (key === apiKeys.ApiVersions) return 0;
  return isFlexibleApi(key, version) ? 1 : 0;
}

function isFlexibleApi(key: number, version: number): boolean {
  return version >= (rowsByKey.get(key)?.flexibleSince ?? Infinity);
}
