"""Groups with kafka-python, 2.0.2 and the newest: see group_client.ts."""

import time

import kafka
from group_member import Member, operations
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.structs import OffsetAndMetadata

METADATA_S = 0.3
IS_OLD = kafka.__version__.startswith("2.0.")
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
if not IS_OLD:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

    ASSIGNORS["cooperative-sticky"] = CooperativeStickyAssignor


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        self.member.lost({p.partition for p in revoked})

    def on_partitions_assigned(self, assigned):
        consumer = self.member.consumer
        generation = consumer._coordinator._generation.generation_id
        self.member.told(generation, {p.partition for p in consumer.assignment()})


class KafkaPythonMember(Member):
    def __init__(self, bootstrap, unsupported, group, topic, protocol, assignor, instanceId, autoCommit, heartbeatVersion):
        super().__init__(topic)
        if protocol != "classic":
            raise unsupported("has no group.protocol=consumer")
        if assignor not in ASSIGNORS:
            raise unsupported("has no assignor %s" % assignor)
        self.config = {
            "bootstrap_servers": bootstrap,
            "group_id": group,
            "enable_auto_commit": autoCommit,
            "auto_commit_interval_ms": 1000,
            "auto_offset_reset": "earliest",
            "fetch_max_wait_ms": 50,
            "session_timeout_ms": 10000,
            "heartbeat_interval_ms": 200,
            "partition_assignment_strategy": [ASSIGNORS[assignor]],
        }
        if instanceId is not None:
            if IS_OLD:
                raise unsupported("has no static members")
            self.config["group_instance_id"] = instanceId

    def open(self):
        self.consumer = KafkaConsumer(**self.config)
        self.consumer.subscribe([self.topic], listener=Listener(self))
        # A leader of 3.0.12 that is elected before it knows the topic assigns nothing, and stays with that. Unless the
        # coordinator waits before the first rebalance, as it does by default, the topic may come too late.
        time.sleep(METADATA_S)

    def poll(self):
        for messages in self.consumer.poll(timeout_ms=50).values():
            for m in messages:
                self.take(m.partition, m.offset, m.value)

    def commit(self, positions):
        self.consumer.commit({TopicPartition(self.topic, p): OffsetAndMetadata(o, "") for p, o in positions.items()})

    def committed(self, partitions):
        offsets = [self.consumer.committed(TopicPartition(self.topic, p)) for p in partitions]
        return [-1 if offset is None else offset for offset in offsets]

    def close(self):
        self.consumer.close(autocommit=self.config["enable_auto_commit"])


def offset_list(found, topic, partitions):
    rows = [found.get(TopicPartition(topic, p)) for p in range(partitions)]
    return [-1 if row is None else row.offset for row in rows]


def check(errors):
    for error in errors:
        if error is not None and getattr(error, "errno", 0) != 0:
            raise error() if isinstance(error, type) else error


def group_operations(bootstrap, with_admin, unsupported):
    def list_groups():
        if IS_OLD:
            return [row[0] for row in with_admin(lambda admin: admin.list_consumer_groups())]
        rows = with_admin(lambda admin: admin.list_groups())
        return [row["group_id"] if isinstance(row, dict) else row[0] for row in rows]

    def describe_group(group):
        if IS_OLD:
            found = with_admin(lambda admin: admin.describe_consumer_groups([group]))[0]
            return {"state": found.state, "members": len(found.members)}
        found = with_admin(lambda admin: admin.describe_groups([group]))[group]
        return {"state": found["group_state"], "members": len(found["members"])}

    def group_offsets(group, topic, partitions):
        wanted = [TopicPartition(topic, p) for p in range(partitions)]
        if IS_OLD:
            found = with_admin(lambda admin: admin.list_consumer_group_offsets(group, partitions=wanted))
        else:
            found = with_admin(lambda admin: admin.list_group_offsets({group: wanted}))[group]
        return offset_list(found, topic, partitions)

    def set_group_offset(group, topic, partition, offset):
        if IS_OLD:
            raise unsupported("has no call to set offsets")
        offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "")}
        check(with_admin(lambda admin: admin.alter_group_offsets(group, offsets)).values())

    def delete_group_offset(group, topic, partition):
        if IS_OLD:
            raise unsupported("has no call to delete offsets")
        partitions = [TopicPartition(topic, partition)]
        check(with_admin(lambda admin: admin.delete_group_offsets(group, partitions)).values())

    def delete_group(group):
        if IS_OLD:
            check(error for _, error in with_admin(lambda admin: admin.delete_consumer_groups([group])))
        else:
            answer = with_admin(lambda admin: admin.delete_groups([group]))[group]
            if answer != "OK":
                raise Exception(answer)

    return {
        **operations(lambda **options: KafkaPythonMember(bootstrap, unsupported, **options)),
        "listGroups": list_groups,
        "describeGroup": describe_group,
        "groupOffsets": group_offsets,
        "setGroupOffset": set_group_offset,
        "deleteGroupOffset": delete_group_offset,
        "deleteGroup": delete_group,
    }
