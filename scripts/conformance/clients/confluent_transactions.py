"""Transactions with confluent-kafka: see transaction_client.ts."""

import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

TIMEOUT_S = 45
COPIED_AT_ONCE = 10


def transaction_operations(bootstrap):
    producers = {}
    # Only a consumer knows how to name a group; these never join theirs.
    consumers = {}

    def new_producer(transactional_id, timeout_ms):
        producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": timeout_ms,
                "message.timeout.ms": min(timeout_ms, 20000),
                "linger.ms": 5,
            }
        )
        producer.init_transactions(30)
        return producer

    def new_consumer(group):
        return Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
            }
        )

    def init_transactions(producer, transactionalId, timeoutMs):
        producers[producer] = new_producer(transactionalId, timeoutMs)

    def send_in(producer, topic, values):
        failures = []
        for value in values:
            producer.produce(
                topic, value=value, partition=0, on_delivery=lambda error, _: error and failures.append(error)
            )
        producer.flush(30)
        if failures:
            raise KafkaException(failures[0])

    def send_offsets(producer, group, topic, offset):
        if group not in consumers:
            consumers[group] = new_consumer(group)
        metadata = consumers[group].consumer_group_metadata()
        producers[producer].send_offsets_to_transaction([TopicPartition(topic, 0, offset)], metadata, 30)

    def close_producer(producer):
        producers.pop(producer)

    def read_committed(topic, until):
        consumer = new_consumer("unused")
        read = []
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            deadline = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline:
                for message in consumer.consume(500, timeout=0.2):
                    if message.error():
                        raise KafkaException(message.error())
                    read.append([message.offset(), message.value().decode()])
                    if read[-1][1] == until:
                        return read
        finally:
            consumer.close()
        raise Exception("'%s' did not come; %d records did" % (until, len(read)))

    def copy(transactionalId, group, **to_copy):
        producer = new_producer(transactionalId, 20000)
        consumer = new_consumer(group)
        try:
            return copy_between(consumer, producer, **to_copy)
        finally:
            consumer.close()

    def copy_between(consumer, producer, to, count, **source):
        topic = source["from"]
        consumer.subscribe([topic])
        copied = aborted = 0
        turn = 1
        deadline = time.monotonic() + TIMEOUT_S
        while copied < count:
            if time.monotonic() > deadline:
                raise Exception("%d records copied" % copied)
            messages = consumer.consume(COPIED_AT_ONCE, timeout=0.2)
            if not messages:
                continue
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
            producer.begin_transaction()
            for message in messages:
                producer.produce(to, value=message.value(), partition=0)
            positions = consumer.position(consumer.assignment())
            producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
            if turn % 3 == 0:
                producer.abort_transaction(30)
                aborted += 1
                [committed] = consumer.committed([TopicPartition(topic, 0)], timeout=30)
                consumer.seek(TopicPartition(topic, 0, max(committed.offset, 0)))
            else:
                producer.commit_transaction(30)
                copied += len(messages)
            turn += 1
        return aborted

    return {
        "initTransactions": init_transactions,
        "beginTransaction": lambda producer: producers[producer].begin_transaction(),
        "sendInTransaction": lambda producer, topic, values: send_in(producers[producer], topic, values),
        "sendOffsets": send_offsets,
        "commitTransaction": lambda producer: producers[producer].commit_transaction(30),
        "abortTransaction": lambda producer: producers[producer].abort_transaction(30),
        "closeProducer": close_producer,
        "readCommitted": read_committed,
        "copyInTransactions": copy,
    }
