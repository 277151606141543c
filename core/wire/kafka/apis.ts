// The messages of every API, by key: for a server that dispatches, and for
// tools that read any frame. What needs one API imports its file alone.

import { type ApiName, apiRows } from "./api_keys.ts";
import { produceRequest, produceResponse } from "./messages/produce.ts";
import { fetchRequest, fetchResponse } from "./messages/fetch.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "./messages/list_offsets.ts";
import { metadataRequest, metadataResponse } from "./messages/metadata.ts";
import {
  leaderAndIsrRequest,
  leaderAndIsrResponse,
} from "./messages/leader_and_isr.ts";
import {
  stopReplicaRequest,
  stopReplicaResponse,
} from "./messages/stop_replica.ts";
import {
  updateMetadataRequest,
  updateMetadataResponse,
} from "./messages/update_metadata.ts";
import {
  controlledShutdownRequest,
  controlledShutdownResponse,
} from "./messages/controlled_shutdown.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "./messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "./messages/offset_fetch.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "./messages/find_coordinator.ts";
import { joinGroupRequest, joinGroupResponse } from "./messages/join_group.ts";
import { heartbeatRequest, heartbeatResponse } from "./messages/heartbeat.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "./messages/leave_group.ts";
import { syncGroupRequest, syncGroupResponse } from "./messages/sync_group.ts";
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from "./messages/describe_groups.ts";
import {
  listGroupsRequest,
  listGroupsResponse,
} from "./messages/list_groups.ts";
import {
  saslHandshakeRequest,
  saslHandshakeResponse,
} from "./messages/sasl_handshake.ts";
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from "./messages/api_versions.ts";
import {
  createTopicsRequest,
  createTopicsResponse,
} from "./messages/create_topics.ts";
import {
  deleteTopicsRequest,
  deleteTopicsResponse,
} from "./messages/delete_topics.ts";
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "./messages/delete_records.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "./messages/init_producer_id.ts";
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from "./messages/offset_for_leader_epoch.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "./messages/add_partitions_to_txn.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "./messages/add_offsets_to_txn.ts";
import { endTxnRequest, endTxnResponse } from "./messages/end_txn.ts";
import {
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "./messages/write_txn_markers.ts";
import {
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "./messages/txn_offset_commit.ts";
import {
  describeAclsRequest,
  describeAclsResponse,
} from "./messages/describe_acls.ts";
import {
  createAclsRequest,
  createAclsResponse,
} from "./messages/create_acls.ts";
import {
  deleteAclsRequest,
  deleteAclsResponse,
} from "./messages/delete_acls.ts";
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from "./messages/describe_configs.ts";
import {
  alterConfigsRequest,
  alterConfigsResponse,
} from "./messages/alter_configs.ts";
import {
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
} from "./messages/alter_replica_log_dirs.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "./messages/describe_log_dirs.ts";
import {
  saslAuthenticateRequest,
  saslAuthenticateResponse,
} from "./messages/sasl_authenticate.ts";
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from "./messages/create_partitions.ts";
import {
  createDelegationTokenRequest,
  createDelegationTokenResponse,
} from "./messages/create_delegation_token.ts";
import {
  renewDelegationTokenRequest,
  renewDelegationTokenResponse,
} from "./messages/renew_delegation_token.ts";
import {
  expireDelegationTokenRequest,
  expireDelegationTokenResponse,
} from "./messages/expire_delegation_token.ts";
import {
  describeDelegationTokenRequest,
  describeDelegationTokenResponse,
} from "./messages/describe_delegation_token.ts";
import {
  deleteGroupsRequest,
  deleteGroupsResponse,
} from "./messages/delete_groups.ts";
import {
  electLeadersRequest,
  electLeadersResponse,
} from "./messages/elect_leaders.ts";
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "./messages/incremental_alter_configs.ts";
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "./messages/alter_partition_reassignments.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "./messages/list_partition_reassignments.ts";
import {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from "./messages/offset_delete.ts";
import {
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from "./messages/describe_client_quotas.ts";
import {
  alterClientQuotasRequest,
  alterClientQuotasResponse,
} from "./messages/alter_client_quotas.ts";
import {
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
} from "./messages/describe_user_scram_credentials.ts";
import {
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
} from "./messages/alter_user_scram_credentials.ts";
import { voteRequest, voteResponse } from "./messages/vote.ts";
import {
  beginQuorumEpochRequest,
  beginQuorumEpochResponse,
} from "./messages/begin_quorum_epoch.ts";
import {
  endQuorumEpochRequest,
  endQuorumEpochResponse,
} from "./messages/end_quorum_epoch.ts";
import {
  describeQuorumRequest,
  describeQuorumResponse,
} from "./messages/describe_quorum.ts";
import {
  alterPartitionRequest,
  alterPartitionResponse,
} from "./messages/alter_partition.ts";
import {
  updateFeaturesRequest,
  updateFeaturesResponse,
} from "./messages/update_features.ts";
import { envelopeRequest, envelopeResponse } from "./messages/envelope.ts";
import {
  fetchSnapshotRequest,
  fetchSnapshotResponse,
} from "./messages/fetch_snapshot.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "./messages/describe_cluster.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "./messages/describe_producers.ts";
import {
  brokerRegistrationRequest,
  brokerRegistrationResponse,
} from "./messages/broker_registration.ts";
import {
  brokerHeartbeatRequest,
  brokerHeartbeatResponse,
} from "./messages/broker_heartbeat.ts";
import {
  unregisterBrokerRequest,
  unregisterBrokerResponse,
} from "./messages/unregister_broker.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "./messages/describe_transactions.ts";
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from "./messages/list_transactions.ts";
import {
  allocateProducerIdsRequest,
  allocateProducerIdsResponse,
} from "./messages/allocate_producer_ids.ts";
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "./messages/consumer_group_heartbeat.ts";
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from "./messages/consumer_group_describe.ts";
import {
  controllerRegistrationRequest,
  controllerRegistrationResponse,
} from "./messages/controller_registration.ts";
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from "./messages/get_telemetry_subscriptions.ts";
import {
  pushTelemetryRequest,
  pushTelemetryResponse,
} from "./messages/push_telemetry.ts";
import {
  assignReplicasToDirsRequest,
  assignReplicasToDirsResponse,
} from "./messages/assign_replicas_to_dirs.ts";
import {
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from "./messages/list_config_resources.ts";
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "./messages/describe_topic_partitions.ts";
import {
  shareGroupHeartbeatRequest,
  shareGroupHeartbeatResponse,
} from "./messages/share_group_heartbeat.ts";
import {
  shareGroupDescribeRequest,
  shareGroupDescribeResponse,
} from "./messages/share_group_describe.ts";
import {
  shareFetchRequest,
  shareFetchResponse,
} from "./messages/share_fetch.ts";
import {
  shareAcknowledgeRequest,
  shareAcknowledgeResponse,
} from "./messages/share_acknowledge.ts";
import {
  addRaftVoterRequest,
  addRaftVoterResponse,
} from "./messages/add_raft_voter.ts";
import {
  removeRaftVoterRequest,
  removeRaftVoterResponse,
} from "./messages/remove_raft_voter.ts";
import {
  updateRaftVoterRequest,
  updateRaftVoterResponse,
} from "./messages/update_raft_voter.ts";
import {
  initializeShareGroupStateRequest,
  initializeShareGroupStateResponse,
} from "./messages/initialize_share_group_state.ts";
import {
  readShareGroupStateRequest,
  readShareGroupStateResponse,
} from "./messages/read_share_group_state.ts";
import {
  writeShareGroupStateRequest,
  writeShareGroupStateResponse,
} from "./messages/write_share_group_state.ts";
import {
  deleteShareGroupStateRequest,
  deleteShareGroupStateResponse,
} from "./messages/delete_share_group_state.ts";
import {
  readShareGroupStateSummaryRequest,
  readShareGroupStateSummaryResponse,
} from "./messages/read_share_group_state_summary.ts";
import {
  streamsGroupHeartbeatRequest,
  streamsGroupHeartbeatResponse,
} from "./messages/streams_group_heartbeat.ts";
import {
  streamsGroupDescribeRequest,
  streamsGroupDescribeResponse,
} from "./messages/streams_group_describe.ts";
import {
  describeShareGroupOffsetsRequest,
  describeShareGroupOffsetsResponse,
} from "./messages/describe_share_group_offsets.ts";
import {
  alterShareGroupOffsetsRequest,
  alterShareGroupOffsetsResponse,
} from "./messages/alter_share_group_offsets.ts";
import {
  deleteShareGroupOffsetsRequest,
  deleteShareGroupOffsetsResponse,
} from "./messages/delete_share_group_offsets.ts";
import {
  compactPartitionsRequest,
  compactPartitionsResponse,
} from "./messages/compact_partitions.ts";
import {
  describeCompactionRequest,
  describeCompactionResponse,
} from "./messages/describe_compaction.ts";
import type { MessageSchema } from "./schema.ts";

export { apiKeys, type ApiName } from "./api_keys.ts";

/** One API with its messages. */
export interface Api {
  readonly key: number;
  readonly name: ApiName;
  readonly request: MessageSchema;
  readonly response: MessageSchema;
  /** What Kafka 3.9.1 offers; `null` where it is newer or unstable there. */
  readonly versions39: readonly [first: number, last: number] | null;
}

const messages: readonly {
  readonly name: ApiName;
  readonly request: MessageSchema;
  readonly response: MessageSchema;
}[] = [
  { name: "Produce", request: produceRequest, response: produceResponse },
  { name: "Fetch", request: fetchRequest, response: fetchResponse },
  {
    name: "ListOffsets",
    request: listOffsetsRequest,
    response: listOffsetsResponse,
  },
  { name: "Metadata", request: metadataRequest, response: metadataResponse },
  {
    name: "LeaderAndIsr",
    request: leaderAndIsrRequest,
    response: leaderAndIsrResponse,
  },
  {
    name: "StopReplica",
    request: stopReplicaRequest,
    response: stopReplicaResponse,
  },
  {
    name: "UpdateMetadata",
    request: updateMetadataRequest,
    response: updateMetadataResponse,
  },
  {
    name: "ControlledShutdown",
    request: controlledShutdownRequest,
    response: controlledShutdownResponse,
  },
  {
    name: "OffsetCommit",
    request: offsetCommitRequest,
    response: offsetCommitResponse,
  },
  {
    name: "OffsetFetch",
    request: offsetFetchRequest,
    response: offsetFetchResponse,
  },
  {
    name: "FindCoordinator",
    request: findCoordinatorRequest,
    response: findCoordinatorResponse,
  },
  { name: "JoinGroup", request: joinGroupRequest, response: joinGroupResponse },
  { name: "Heartbeat", request: heartbeatRequest, response: heartbeatResponse },
  {
    name: "LeaveGroup",
    request: leaveGroupRequest,
    response: leaveGroupResponse,
  },
  { name: "SyncGroup", request: syncGroupRequest, response: syncGroupResponse },
  {
    name: "DescribeGroups",
    request: describeGroupsRequest,
    response: describeGroupsResponse,
  },
  {
    name: "ListGroups",
    request: listGroupsRequest,
    response: listGroupsResponse,
  },
  {
    name: "SaslHandshake",
    request: saslHandshakeRequest,
    response: saslHandshakeResponse,
  },
  {
    name: "ApiVersions",
    request: apiVersionsRequest,
    response: apiVersionsResponse,
  },
  {
    name: "CreateTopics",
    request: createTopicsRequest,
    response: createTopicsResponse,
  },
  {
    name: "DeleteTopics",
    request: deleteTopicsRequest,
    response: deleteTopicsResponse,
  },
  {
    name: "DeleteRecords",
    request: deleteRecordsRequest,
    response: deleteRecordsResponse,
  },
  {
    name: "InitProducerId",
    request: initProducerIdRequest,
    response: initProducerIdResponse,
  },
  {
    name: "OffsetForLeaderEpoch",
    request: offsetForLeaderEpochRequest,
    response: offsetForLeaderEpochResponse,
  },
  {
    name: "AddPartitionsToTxn",
    request: addPartitionsToTxnRequest,
    response: addPartitionsToTxnResponse,
  },
  {
    name: "AddOffsetsToTxn",
    request: addOffsetsToTxnRequest,
    response: addOffsetsToTxnResponse,
  },
  { name: "EndTxn", request: endTxnRequest, response: endTxnResponse },
  {
    name: "WriteTxnMarkers",
    request: writeTxnMarkersRequest,
    response: writeTxnMarkersResponse,
  },
  {
    name: "TxnOffsetCommit",
    request: txnOffsetCommitRequest,
    response: txnOffsetCommitResponse,
  },
  {
    name: "DescribeAcls",
    request: describeAclsRequest,
    response: describeAclsResponse,
  },
  {
    name: "CreateAcls",
    request: createAclsRequest,
    response: createAclsResponse,
  },
  {
    name: "DeleteAcls",
    request: deleteAclsRequest,
    response: deleteAclsResponse,
  },
  {
    name: "DescribeConfigs",
    request: describeConfigsRequest,
    response: describeConfigsResponse,
  },
  {
    name: "AlterConfigs",
    request: alterConfigsRequest,
    response: alterConfigsResponse,
  },
  {
    name: "AlterReplicaLogDirs",
    request: alterReplicaLogDirsRequest,
    response: alterReplicaLogDirsResponse,
  },
  {
    name: "DescribeLogDirs",
    request: describeLogDirsRequest,
    response: describeLogDirsResponse,
  },
  {
    name: "SaslAuthenticate",
    request: saslAuthenticateRequest,
    response: saslAuthenticateResponse,
  },
  {
    name: "CreatePartitions",
    request: createPartitionsRequest,
    response: createPartitionsResponse,
  },
  {
    name: "CreateDelegationToken",
    request: createDelegationTokenRequest,
    response: createDelegationTokenResponse,
  },
  {
    name: "RenewDelegationToken",
    request: renewDelegationTokenRequest,
    response: renewDelegationTokenResponse,
  },
  {
    name: "ExpireDelegationToken",
    request: expireDelegationTokenRequest,
    response: expireDelegationTokenResponse,
  },
  {
    name: "DescribeDelegationToken",
    request: describeDelegationTokenRequest,
    response: describeDelegationTokenResponse,
  },
  {
    name: "DeleteGroups",
    request: deleteGroupsRequest,
    response: deleteGroupsResponse,
  },
  {
    name: "ElectLeaders",
    request: electLeadersRequest,
    response: electLeadersResponse,
  },
  {
    name: "IncrementalAlterConfigs",
    request: incrementalAlterConfigsRequest,
    response: incrementalAlterConfigsResponse,
  },
  {
    name: "AlterPartitionReassignments",
    request: alterPartitionReassignmentsRequest,
    response: alterPartitionReassignmentsResponse,
  },
  {
    name: "ListPartitionReassignments",
    request: listPartitionReassignmentsRequest,
    response: listPartitionReassignmentsResponse,
  },
  {
    name: "OffsetDelete",
    request: offsetDeleteRequest,
    response: offsetDeleteResponse,
  },
  {
    name: "DescribeClientQuotas",
    request: describeClientQuotasRequest,
    response: describeClientQuotasResponse,
  },
  {
    name: "AlterClientQuotas",
    request: alterClientQuotasRequest,
    response: alterClientQuotasResponse,
  },
  {
    name: "DescribeUserScramCredentials",
    request: describeUserScramCredentialsRequest,
    response: describeUserScramCredentialsResponse,
  },
  {
    name: "AlterUserScramCredentials",
    request: alterUserScramCredentialsRequest,
    response: alterUserScramCredentialsResponse,
  },
  { name: "Vote", request: voteRequest, response: voteResponse },
  {
    name: "BeginQuorumEpoch",
    request: beginQuorumEpochRequest,
    response: beginQuorumEpochResponse,
  },
  {
    name: "EndQuorumEpoch",
    request: endQuorumEpochRequest,
    response: endQuorumEpochResponse,
  },
  {
    name: "DescribeQuorum",
    request: describeQuorumRequest,
    response: describeQuorumResponse,
  },
  {
    name: "AlterPartition",
    request: alterPartitionRequest,
    response: alterPartitionResponse,
  },
  {
    name: "UpdateFeatures",
    request: updateFeaturesRequest,
    response: updateFeaturesResponse,
  },
  { name: "Envelope", request: envelopeRequest, response: envelopeResponse },
  {
    name: "FetchSnapshot",
    request: fetchSnapshotRequest,
    response: fetchSnapshotResponse,
  },
  {
    name: "DescribeCluster",
    request: describeClusterRequest,
    response: describeClusterResponse,
  },
  {
    name: "DescribeProducers",
    request: describeProducersRequest,
    response: describeProducersResponse,
  },
  {
    name: "BrokerRegistration",
    request: brokerRegistrationRequest,
    response: brokerRegistrationResponse,
  },
  {
    name: "BrokerHeartbeat",
    request: brokerHeartbeatRequest,
    response: brokerHeartbeatResponse,
  },
  {
    name: "UnregisterBroker",
    request: unregisterBrokerRequest,
    response: unregisterBrokerResponse,
  },
  {
    name: "DescribeTransactions",
    request: describeTransactionsRequest,
    response: describeTransactionsResponse,
  },
  {
    name: "ListTransactions",
    request: listTransactionsRequest,
    response: listTransactionsResponse,
  },
  {
    name: "AllocateProducerIds",
    request: allocateProducerIdsRequest,
    response: allocateProducerIdsResponse,
  },
  {
    name: "ConsumerGroupHeartbeat",
    request: consumerGroupHeartbeatRequest,
    response: consumerGroupHeartbeatResponse,
  },
  {
    name: "ConsumerGroupDescribe",
    request: consumerGroupDescribeRequest,
    response: consumerGroupDescribeResponse,
  },
  {
    name: "ControllerRegistration",
    request: controllerRegistrationRequest,
    response: controllerRegistrationResponse,
  },
  {
    name: "GetTelemetrySubscriptions",
    request: getTelemetrySubscriptionsRequest,
    response: getTelemetrySubscriptionsResponse,
  },
  {
    name: "PushTelemetry",
    request: pushTelemetryRequest,
    response: pushTelemetryResponse,
  },
  {
    name: "AssignReplicasToDirs",
    request: assignReplicasToDirsRequest,
    response: assignReplicasToDirsResponse,
  },
  {
    name: "ListConfigResources",
    request: listConfigResourcesRequest,
    response: listConfigResourcesResponse,
  },
  {
    name: "DescribeTopicPartitions",
    request: describeTopicPartitionsRequest,
    response: describeTopicPartitionsResponse,
  },
  {
    name: "ShareGroupHeartbeat",
    request: shareGroupHeartbeatRequest,
    response: shareGroupHeartbeatResponse,
  },
  {
    name: "ShareGroupDescribe",
    request: shareGroupDescribeRequest,
    response: shareGroupDescribeResponse,
  },
  {
    name: "ShareFetch",
    request: shareFetchRequest,
    response: shareFetchResponse,
  },
  {
    name: "ShareAcknowledge",
    request: shareAcknowledgeRequest,
    response: shareAcknowledgeResponse,
  },
  {
    name: "AddRaftVoter",
    request: addRaftVoterRequest,
    response: addRaftVoterResponse,
  },
  {
    name: "RemoveRaftVoter",
    request: removeRaftVoterRequest,
    response: removeRaftVoterResponse,
  },
  {
    name: "UpdateRaftVoter",
    request: updateRaftVoterRequest,
    response: updateRaftVoterResponse,
  },
  {
    name: "InitializeShareGroupState",
    request: initializeShareGroupStateRequest,
    response: initializeShareGroupStateResponse,
  },
  {
    name: "ReadShareGroupState",
    request: readShareGroupStateRequest,
    response: readShareGroupStateResponse,
  },
  {
    name: "WriteShareGroupState",
    request: writeShareGroupStateRequest,
    response: writeShareGroupStateResponse,
  },
  {
    name: "DeleteShareGroupState",
    request: deleteShareGroupStateRequest,
    response: deleteShareGroupStateResponse,
  },
  {
    name: "ReadShareGroupStateSummary",
    request: readShareGroupStateSummaryRequest,
    response: readShareGroupStateSummaryResponse,
  },
  {
    name: "StreamsGroupHeartbeat",
    request: streamsGroupHeartbeatRequest,
    response: streamsGroupHeartbeatResponse,
  },
  {
    name: "StreamsGroupDescribe",
    request: streamsGroupDescribeRequest,
    response: streamsGroupDescribeResponse,
  },
  {
    name: "DescribeShareGroupOffsets",
    request: describeShareGroupOffsetsRequest,
    response: describeShareGroupOffsetsResponse,
  },
  {
    name: "AlterShareGroupOffsets",
    request: alterShareGroupOffsetsRequest,
    response: alterShareGroupOffsetsResponse,
  },
  {
    name: "DeleteShareGroupOffsets",
    request: deleteShareGroupOffsetsRequest,
    response: deleteShareGroupOffsetsResponse,
  },
  {
    name: "CompactPartitions",
    request: compactPartitionsRequest,
    response: compactPartitionsResponse,
  },
  {
    name: "DescribeCompaction",
    request: describeCompactionRequest,
    response: describeCompactionResponse,
  },
];

/** Every API, by key. */
export const apis: ReadonlyMap<number, Api> = new Map(
  messages.map(({ name, request, response }) => {
    const { key, versions39 } = apiRows[name];
    return [key, { key, name, request, response, versions39 }];
  }),
);
