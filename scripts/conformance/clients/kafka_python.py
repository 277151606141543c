"""kafka-python, 2.0.2 and the newest: answers the operations of client.ts, one JSON line each."""

import json
import sys
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka_python_groups import group_operations
from kafka_python_transactions import transaction_operations

BOOTSTRAP = sys.argv[1]
MAJOR = int(kafka.__version__.split(".")[0])
LARGE = 16 * 1024 * 1024


class Unsupported(Exception):
    pass


def text(data):
    return None if data is None else data.decode("utf-8")


def octets(value):
    return None if value is None else value.encode("utf-8")


def produce(topic, records, compression, acks, isIdempotent):
    options = {}
    if isIdempotent:
        if MAJOR < 2 or kafka.__version__.startswith("2.0."):
            raise Unsupported("has no idempotent producer")
        options["enable_idempotence"] = True
    elif not kafka.__version__.startswith("2.0."):
        options["enable_idempotence"] = False
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        acks=acks if acks == "all" else int(acks),
        compression_type=None if compression == "none" else compression,
        max_request_size=LARGE,
        linger_ms=20,
        **options,
    )
    try:
        futures = [
            producer.send(
                topic,
                key=octets(r["key"]),
                value=octets(r["value"]),
                headers=[(k, octets(v)) for k, v in r["headers"]],
                partition=0,
            )
            for r in records
        ]
        producer.flush(timeout=60)
        for future in futures:
            future.get(timeout=60)
    finally:
        producer.close(timeout=10)


def new_consumer():
    return KafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LARGE,
        fetch_max_wait_ms=100,
    )


def consume(sources):
    consumer = new_consumer()
    try:
        partitions = [TopicPartition(s["topic"], s["partition"]) for s in sources]
        consumer.assign(partitions)
        for partition, source in zip(partitions, sources):
            consumer.seek(partition, source["offset"])
        got = {partition: [] for partition in partitions}
        wanted = {p: s["count"] for p, s in zip(partitions, sources)}
        deadline = time.monotonic() + 45
        while any(len(got[p]) < wanted[p] for p in partitions):
            if time.monotonic() > deadline:
                short = ["%s: %d of %d" % (p.topic, len(got[p]), wanted[p]) for p in partitions if len(got[p]) < wanted[p]]
                raise Exception("records missing: " + ", ".join(short))
            for partition, messages in consumer.poll(timeout_ms=500).items():
                got[partition].extend(messages)
        return [
            [
                {
                    "offset": m.offset,
                    "timestampMs": m.timestamp,
                    "key": text(m.key),
                    "value": text(m.value),
                    "headers": [[k, text(v)] for k, v in m.headers],
                }
                for m in got[p][: wanted[p]]
            ]
            for p in partitions
        ]
    finally:
        consumer.close()


def with_admin(run):
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP, request_timeout_ms=30000)
    try:
        return run(admin)
    finally:
        admin.close()


def checked(response):
    """Error codes that 2.0.2 leaves in its answers."""
    for field in ("topic_errors", "topic_error_codes"):
        for row in getattr(response, field, None) or []:
            if isinstance(row, (tuple, list)) and row[1] != 0:
                raise kafka.errors.for_code(row[1])(row[2] if len(row) > 2 else row[0])


def create_topic(topic, partitions, config):
    new = NewTopic(topic, partitions, 1, topic_configs=dict(config)) if config else NewTopic(topic, partitions, 1)
    with_admin(lambda admin: checked(admin.create_topics([new])))


def partition_count(topic):
    consumer = new_consumer()
    try:
        return len(consumer.partitions_for_topic(topic) or ())
    finally:
        consumer.close()


def list_topics():
    consumer = new_consumer()
    try:
        return sorted(consumer.topics())
    finally:
        consumer.close()


def add_partitions(topic, total):
    with_admin(lambda admin: checked(admin.create_partitions({topic: NewPartitions(total)})))


def delete_topic(topic):
    with_admin(lambda admin: checked(admin.delete_topics([topic])))


def get_config(topic, key):
    def run(admin):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        answer = admin.describe_configs([resource])
        if isinstance(answer, dict):
            return find_value(answer, key)
        for response in answer:
            for row in response.resources:
                for entry in row[4]:
                    if entry[0] == key:
                        return entry[1]
        raise Exception("no such key in the answer")

    return with_admin(run)


def find_value(tree, key):
    """The newest versions answer with dictionaries, whose depth changed between them."""
    if isinstance(tree, dict):
        if key in tree:
            entry = tree[key]
            return entry["value"] if isinstance(entry, dict) else getattr(entry, "value", entry)
        branches = tree.values()
    elif isinstance(tree, (list, tuple)):
        branches = tree
    else:
        return None
    return next((v for v in (find_value(b, key) for b in branches) if v is not None), None)


def set_config(topic, key, value):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={key: value})
    with_admin(lambda admin: checked(admin.alter_configs([resource])))


def delete_records(topic, before):
    def run(admin):
        if not hasattr(admin, "delete_records"):
            raise Unsupported("has no delete_records")
        admin.delete_records({TopicPartition(topic, 0): before}, timeout_ms=30000)

    with_admin(run)


def offsets(topic):
    consumer = new_consumer()
    try:
        partition = TopicPartition(topic, 0)
        return {
            "earliest": consumer.beginning_offsets([partition])[partition],
            "latest": consumer.end_offsets([partition])[partition],
        }
    finally:
        consumer.close()


def offset_for_time(topic, timestampMs):
    consumer = new_consumer()
    try:
        partition = TopicPartition(topic, 0)
        return consumer.offsets_for_times({partition: timestampMs})[partition].offset
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
    **group_operations(BOOTSTRAP, with_admin, Unsupported),
    **transaction_operations(BOOTSTRAP, Unsupported),
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
