"""Groups with confluent-kafka: see group_client.ts."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from group_member import Member, operations


class ConfluentMember(Member):
    def __init__(self, bootstrap, unsupported, group, topic, protocol, assignor, instanceId, autoCommit, heartbeatVersion):
        super().__init__(topic)
        if protocol == "consumer" and heartbeatVersion < 1:
            raise unsupported("wants version 1 of ConsumerGroupHeartbeat, which the broker has not")
        self.is_cooperative = protocol == "consumer" or assignor == "cooperative-sticky"
        self.config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": autoCommit,
            "auto.commit.interval.ms": 1000,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "group.protocol": protocol,
        }
        if protocol == "classic":
            self.config.update(
                {
                    "partition.assignment.strategy": assignor,
                    "session.timeout.ms": 10000,
                    "heartbeat.interval.ms": 200,
                }
            )
        if instanceId is not None:
            self.config["group.instance.id"] = instanceId

    def open(self):
        self.consumer = Consumer(self.config)
        self.consumer.subscribe([self.topic], on_assign=self.on_assign, on_revoke=self.on_revoke)

    def on_assign(self, consumer, partitions):
        if self.is_cooperative:
            consumer.incremental_assign(partitions)
            self.told(-1, set(self.assigned) | {p.partition for p in partitions})
        else:
            consumer.assign(partitions)
            self.told(-1, {p.partition for p in partitions})

    def on_revoke(self, consumer, partitions):
        self.lost({p.partition for p in partitions})
        if self.is_cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def poll(self):
        for message in self.consumer.consume(500, timeout=0.05):
            error = message.error()
            if error is None:
                self.take(message.partition(), message.offset(), message.value())
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise KafkaException(error)

    def commit(self, positions):
        offsets = [TopicPartition(self.topic, p, o) for p, o in positions.items()]
        for row in self.consumer.commit(offsets=offsets, asynchronous=False):
            if row.error is not None:
                raise KafkaException(row.error)

    def committed(self, partitions):
        rows = self.consumer.committed([TopicPartition(self.topic, p) for p in partitions], timeout=30)
        return [max(row.offset, -1) for row in rows]

    def close(self):
        self.consumer.close()


def group_operations(bootstrap, admin, unsupported):
    def list_groups():
        return [row.group_id for row in admin.list_consumer_groups().result(30).valid]

    def describe_group(group):
        found = admin.describe_consumer_groups([group])[group].result(30)
        return {"state": found.state.name, "members": len(found.members)}

    def group_offsets(group, topic, partitions):
        wanted = [TopicPartition(topic, p) for p in range(partitions)]
        request = [ConsumerGroupTopicPartitions(group, wanted)]
        rows = admin.list_consumer_group_offsets(request)[group].result(30).topic_partitions
        return [max(row.offset, -1) for row in sorted(rows, key=lambda row: row.partition)]

    def set_group_offset(group, topic, partition, offset):
        request = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])]
        for row in admin.alter_consumer_group_offsets(request)[group].result(30).topic_partitions:
            if row.error is not None:
                raise KafkaException(row.error)

    def delete_group_offset(group, topic, partition):
        raise unsupported("has no call to delete offsets")

    def delete_group(group):
        admin.delete_consumer_groups([group])[group].result(30)

    return {
        **operations(lambda **options: ConfluentMember(bootstrap, unsupported, **options)),
        "listGroups": list_groups,
        "describeGroup": describe_group,
        "groupOffsets": group_offsets,
        "setGroupOffset": set_group_offset,
        "deleteGroupOffset": delete_group_offset,
        "deleteGroup": delete_group,
    }
