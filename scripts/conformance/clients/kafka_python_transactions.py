"""Transactions with kafka-python: see transaction_client.ts. 2.0.2 has none and reads all records there are."""

import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

TIMEOUT_S = 45
COPIED_AT_ONCE = 10
HAS_TRANSACTIONS = int(kafka.__version__.split(".")[0]) >= 3


def transaction_operations(bootstrap, unsupported):
    producers = {}

    def new_producer(transactional_id, timeout_ms):
        if not HAS_TRANSACTIONS:
            raise unsupported("has no transactions")
        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            max_block_ms=30000,
            linger_ms=5,
        )
        producer.init_transactions()
        return producer

    def new_consumer(group=None, topics=()):
        if not HAS_TRANSACTIONS:
            raise unsupported("has no isolation level")
        return KafkaConsumer(
            *topics,
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
            max_poll_records=COPIED_AT_ONCE,
        )

    def offset_and_metadata(offset):
        from kafka.structs import OffsetAndMetadata

        return OffsetAndMetadata(offset, "", -1)

    def init_transactions(producer, transactionalId, timeoutMs):
        producers[producer] = new_producer(transactionalId, timeoutMs)

    def send_in(producer, topic, values):
        futures = [producer.send(topic, value=value.encode(), partition=0) for value in values]
        producer.flush(timeout=30)
        for future in futures:
            future.get(timeout=30)

    def send_offsets(producer, group, topic, offset):
        offsets = {TopicPartition(topic, 0): offset_and_metadata(offset)}
        producers[producer].send_offsets_to_transaction(offsets, group)

    def close_producer(producer):
        producers.pop(producer).close(timeout=2)

    def read_committed(topic, until):
        consumer = new_consumer()
        read = []
        try:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, 0)
            deadline = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline:
                for messages in consumer.poll(timeout_ms=200).values():
                    for message in messages:
                        read.append([message.offset, message.value.decode()])
                        if read[-1][1] == until:
                            return read
        finally:
            consumer.close()
        raise Exception("'%s' did not come; %d records did" % (until, len(read)))

    def copy(transactionalId, group, to, count, **source):
        topic = source["from"]
        producer = new_producer(transactionalId, 20000)
        consumer = new_consumer(group, [topic])
        place = TopicPartition(topic, 0)
        copied = aborted = 0
        turn = 1
        deadline = time.monotonic() + TIMEOUT_S
        try:
            while copied < count:
                if time.monotonic() > deadline:
                    raise Exception("%d records copied" % copied)
                messages = consumer.poll(timeout_ms=200).get(place)
                if not messages:
                    continue
                producer.begin_transaction()
                for message in messages:
                    producer.send(to, value=message.value, partition=0)
                offsets = {place: offset_and_metadata(messages[-1].offset + 1)}
                producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
                if turn % 3 == 0:
                    producer.abort_transaction()
                    aborted += 1
                    consumer.seek(place, consumer.committed(place) or 0)
                else:
                    producer.commit_transaction()
                    copied += len(messages)
                turn += 1
            return aborted
        finally:
            consumer.close()
            producer.close(timeout=5)

    return {
        "initTransactions": init_transactions,
        "beginTransaction": lambda producer: producers[producer].begin_transaction(),
        "sendInTransaction": lambda producer, topic, values: send_in(producers[producer], topic, values),
        "sendOffsets": send_offsets,
        "commitTransaction": lambda producer: producers[producer].commit_transaction(),
        "abortTransaction": lambda producer: producers[producer].abort_transaction(),
        "closeProducer": close_producer,
        "readCommitted": read_committed,
        "copyInTransactions": copy,
    }
