// The table of served APIs: what is not here does not exist for clients.

import type { ServedApi } from "./context.ts";
import { createAcls, deleteAcls, describeAcls } from "./handlers/acls.ts";
import { addOffsetsToTxn } from "./handlers/add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "./handlers/add_partitions_to_txn.ts";
import { alterClientQuotas } from "./handlers/alter_client_quotas.ts";
import { alterConfigs } from "./handlers/alter_configs.ts";
import { alterPartitionReassignments } from "./handlers/alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "./handlers/alter_replica_log_dirs.ts";
import { alterUserScramCredentials } from "./handlers/alter_user_scram_credentials.ts";
import { apiVersions } from "./handlers/api_versions.ts";
import { compactPartitions } from "./handlers/compact_partitions.ts";
import { consumerGroupDescribe } from "./handlers/consumer_group_describe.ts";
import { consumerGroupHeartbeat } from "./handlers/consumer_group_heartbeat.ts";
import { createPartitions } from "./handlers/create_partitions.ts";
import { createTopics } from "./handlers/create_topics.ts";
import { deleteGroups } from "./handlers/delete_groups.ts";
import { deleteRecords } from "./handlers/delete_records.ts";
import { deleteTopics } from "./handlers/delete_topics.ts";
import { describeClientQuotas } from "./handlers/describe_client_quotas.ts";
import { describeCluster } from "./handlers/describe_cluster.ts";
import { describeCompaction } from "./handlers/describe_compaction.ts";
import { describeConfigs } from "./handlers/describe_configs.ts";
import { describeGroups } from "./handlers/describe_groups.ts";
import { describeLogDirs } from "./handlers/describe_log_dirs.ts";
import { describeProducers } from "./handlers/describe_producers.ts";
import { describeTopicPartitions } from "./handlers/describe_topic_partitions.ts";
import { describeTransactions } from "./handlers/describe_transactions.ts";
import { describeUserScramCredentials } from "./handlers/describe_user_scram_credentials.ts";
import { electLeaders } from "./handlers/elect_leaders.ts";
import { endTxn } from "./handlers/end_txn.ts";
import { fetch } from "./handlers/fetch.ts";
import { findCoordinator } from "./handlers/find_coordinator.ts";
import { heartbeat } from "./handlers/heartbeat.ts";
import { incrementalAlterConfigs } from "./handlers/incremental_alter_configs.ts";
import { initProducerId } from "./handlers/init_producer_id.ts";
import { joinGroup } from "./handlers/join_group.ts";
import { leaveGroup } from "./handlers/leave_group.ts";
import { listGroups } from "./handlers/list_groups.ts";
import { listOffsets } from "./handlers/list_offsets.ts";
import { listPartitionReassignments } from "./handlers/list_partition_reassignments.ts";
import { listTransactions } from "./handlers/list_transactions.ts";
import { metadata } from "./handlers/metadata.ts";
import { offsetCommit } from "./handlers/offset_commit.ts";
import { offsetDelete } from "./handlers/offset_delete.ts";
import { offsetFetch } from "./handlers/offset_fetch.ts";
import { offsetForLeaderEpoch } from "./handlers/offset_for_leader_epoch.ts";
import { produce } from "./handlers/produce.ts";
import { syncGroup } from "./handlers/sync_group.ts";
import { txnOffsetCommit } from "./handlers/txn_offset_commit.ts";
import { writeTxnMarkers } from "./handlers/write_txn_markers.ts";

/** One row for each API, in no particular order. */
export const servedApis: readonly ServedApi[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  findCoordinator,
  apiVersions(() => servedApis),
  deleteRecords,
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  listTransactions,
  describeTransactions,
  offsetForLeaderEpoch,
  describeProducers,
  alterConfigs,
  createPartitions,
  createTopics,
  deleteTopics,
  describeCluster,
  describeConfigs,
  describeLogDirs,
  describeTopicPartitions,
  incrementalAlterConfigs,
  joinGroup,
  syncGroup,
  heartbeat,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  listGroups,
  describeGroups,
  deleteGroups,
  offsetDelete,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  electLeaders,
  alterPartitionReassignments,
  listPartitionReassignments,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterReplicaLogDirs,
  alterUserScramCredentials,
  describeAcls,
  createAcls,
  deleteAcls,
  compactPartitions,
  describeCompaction,
  txnOffsetCommit,
  writeTxnMarkers,
];
