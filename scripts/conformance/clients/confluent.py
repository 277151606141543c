"""confluent-kafka (librdkafka): answers the operations of client.ts, one JSON line each."""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)
from confluent_groups import group_operations
from confluent_transactions import transaction_operations

BOOTSTRAP = sys.argv[1]
LARGE = 16 * 1024 * 1024


class Unsupported(Exception):
    pass


def text(data):
    return None if data is None else data.decode("utf-8")


def octets(value):
    return None if value is None else value.encode("utf-8")


def produce(topic, records, compression, acks, isIdempotent):
    producer = Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "acks": acks,
            "compression.type": compression,
            "enable.idempotence": isIdempotent,
            "message.max.bytes": LARGE,
            "linger.ms": 20,
        }
    )
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    for r in records:
        producer.produce(
            topic,
            key=octets(r["key"]),
            value=octets(r["value"]),
            headers=[(k, octets(v)) for k, v in r["headers"]],
            partition=0,
            on_delivery=delivered,
        )
    left = producer.flush(60)
    if failures:
        raise KafkaException(failures[0])
    if left:
        raise Exception("%d records were not delivered" % left)


def new_consumer():
    return Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.message.max.bytes": LARGE,
            "fetch.wait.max.ms": 100,
        }
    )


def consume(sources):
    consumer = new_consumer()
    try:
        consumer.assign([TopicPartition(s["topic"], s["partition"], s["offset"]) for s in sources])
        got = {(s["topic"], s["partition"]): [] for s in sources}
        wanted = {(s["topic"], s["partition"]): s["count"] for s in sources}
        deadline = time.monotonic() + 45
        while any(len(got[p]) < wanted[p] for p in wanted):
            if time.monotonic() > deadline:
                short = ["%s: %d of %d" % (p[0], len(got[p]), wanted[p]) for p in wanted if len(got[p]) < wanted[p]]
                raise Exception("records missing: " + ", ".join(short))
            for message in consumer.consume(500, timeout=0.2):
                if message.error():
                    raise KafkaException(message.error())
                got[(message.topic(), message.partition())].append(message)
        return [
            [
                {
                    "offset": m.offset(),
                    "timestampMs": m.timestamp()[1],
                    "key": text(m.key()),
                    "value": text(m.value()),
                    "headers": [[k, text(v)] for k, v in m.headers() or []],
                }
                for m in got[p][: wanted[p]]
            ]
            for p in wanted
        ]
    finally:
        consumer.close()


# One for all: a client that is collected too early drops its answers.
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})


def settle(futures):
    for future in futures.values():
        result = future.result(timeout=30)
    return result


def create_topic(topic, partitions, config):
    settle(ADMIN.create_topics([NewTopic(topic, partitions, 1, config=dict(config))]))


def list_topics():
    return sorted(ADMIN.list_topics(timeout=30).topics)


def partition_count(topic):
    return len(ADMIN.list_topics(topic, timeout=30).topics[topic].partitions)


def add_partitions(topic, total):
    settle(ADMIN.create_partitions([NewPartitions(topic, total)]))


def delete_topic(topic):
    settle(ADMIN.delete_topics([topic]))


def get_config(topic, key):
    return settle(ADMIN.describe_configs([ConfigResource("topic", topic)]))[key].value


def set_config(topic, key, value):
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource("topic", topic, incremental_configs=[entry])
    settle(ADMIN.incremental_alter_configs([resource]))


def delete_records(topic, before):
    settle(ADMIN.delete_records([TopicPartition(topic, 0, before)]))


def offsets(topic):
    consumer = new_consumer()
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
        return {"earliest": low, "latest": high}
    finally:
        consumer.close()


def offset_for_time(topic, timestampMs):
    consumer = new_consumer()
    try:
        return consumer.offsets_for_times([TopicPartition(topic, 0, timestampMs)], timeout=30)[0].offset
    finally:
        consumer.close()


OPERATIONS = {
    "produce": produce,
    "consume": consume,
    "createTopic": create_topic,
    "listTopics": list_topics,
    "partitionCount": partition_count,
    "addPartitions": add_partitions,
    "getConfig": get_config,
    "setConfig": set_config,
    "deleteRecords": delete_records,
    "offsets": offsets,
    "offsetForTime": offset_for_time,
    "deleteTopic": delete_topic,
    **group_operations(BOOTSTRAP, ADMIN, Unsupported),
    **transaction_operations(BOOTSTRAP),
}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        operation = OPERATIONS.get(request["operation"])
        try:
            if operation is None:
                raise Unsupported("has no such tool")
            answer = {"result": operation(**request["argument"])}
        except Unsupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
