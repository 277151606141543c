"""The copier of copier.ts by librdkafka, told the same and with the same history."""

import json
import os
import random
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

ABORT_CHANCE = 0.1
PAUSE_CHANCE = 0.4
PAUSE_MAX_S = 0.3
POLL_S = 0.5
TIMEOUT_S = 60
BEYOND_USE = 3


class History:
    def __init__(self, directory, name):
        self.name = name
        self.count = 0
        self.file = os.open(f"{directory}/{name}.history", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(self, entry):
        data = (json.dumps(entry, separators=(",", ":")) + "\n").encode()
        while data:
            data = data[os.write(self.file, data) :]

    def begin(self, outcome="info", **operation):
        entry_id = f"{self.name}:{self.count}"
        self.count += 1
        now_ms = int(time.time() * 1000)
        ended = {"endMs": now_ms} if outcome == "ok" else {}
        self.write({"id": entry_id, "process": self.name, "outcome": outcome, "atMs": now_ms, **ended, **operation})
        return entry_id

    def end(self, entry_id, outcome, **more):
        self.write({"id": entry_id, "outcome": outcome, "endMs": int(time.time() * 1000), **more})


class Copier:
    def __init__(self, orders):
        self.orders = orders
        self.random = random.Random(orders["seed"])
        self.history = History(orders["directory"], orders["name"])
        self.transaction_count = 0
        self.session = 0
        self.has_rebalanced = False
        common = {"bootstrap.servers": orders["bootstrap"], "reconnect.backoff.max.ms": 200}
        consumer = dict(orders["consumer"])
        self.poll_count = int(consumer.pop("max.poll.records"))
        self.consumer = Consumer(
            {
                **common,
                "group.id": orders["group"],
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                **consumer,
            }
        )
        self.producer = Producer({**common, "linger.ms": 5, **orders["producer"]})

    def run(self):
        self.producer.init_transactions(TIMEOUT_S)
        self.consumer.subscribe(
            [self.orders["input"]], on_assign=self.rebalanced, on_revoke=self.rebalanced, on_lost=self.rebalanced
        )
        while True:
            messages = self.poll()
            if messages:
                self.copy(messages)

    def rebalanced(self, _consumer, _partitions):
        self.session += 1
        self.has_rebalanced = True

    def poll(self):
        """Messages by partition; those from before a rebalance are given again after it."""
        found = {}
        count = 0
        until = time.monotonic() + POLL_S
        while count < self.poll_count and time.monotonic() < until:
            message = self.consumer.poll(0.05)
            if self.has_rebalanced:
                self.has_rebalanced = False
                found = {}
                count = 0
            if message is None or message.error():
                if count > 0:
                    break
                continue
            found.setdefault(message.partition(), []).append(message)
            count += 1
        for partition, messages in found.items():
            self.history.begin(
                "ok",
                kind="poll",
                topic=self.orders["input"],
                partition=partition,
                isolation="read_committed",
                session=str(self.session),
                group=self.orders["group"],
                offsets=[message.offset() for message in messages],
                values=[message.value().decode() for message in messages],
            )
        return found

    def copy(self, found):
        transaction = f"{self.orders['name']}/{self.transaction_count}"
        self.transaction_count += 1
        is_commit = self.random.random() >= ABORT_CHANCE
        metadata = self.consumer.consumer_group_metadata()
        end_id = None
        try:
            self.producer.begin_transaction()
            self.send(found, transaction, is_commit)
            self.linger()
            self.send_offsets(found, transaction, metadata)
            if not is_commit and self.random.random() < 0.8:
                self.producer.flush(TIMEOUT_S)
            self.linger()
            end_id = self.history.begin(kind="end", transaction=transaction, isCommit=is_commit)
            self.retried(self.producer.commit_transaction if is_commit else self.producer.abort_transaction)
            self.history.end(end_id, "ok")
        except KafkaException as failure:
            if not failure.args[0].txn_requires_abort():
                raise
            print(f"{transaction}: {failure}", file=sys.stderr, flush=True)
            self.retried(self.producer.abort_transaction)
            if end_id is not None:
                self.history.end(end_id, "fail")
            is_commit = False
        if not is_commit:
            self.rewind(found)

    def linger(self):
        time.sleep(self.random.uniform(0, PAUSE_MAX_S) if self.random.random() < PAUSE_CHANCE else 0)

    def retried(self, step, *args):
        while True:
            try:
                return step(*args, TIMEOUT_S)
            except KafkaException as failure:
                if not failure.args[0].retriable():
                    raise

    def send(self, found, transaction, is_commit):
        count = self.orders["outputPartitionCount"]
        values_of = [[] for _ in range(count)]
        mark = "" if is_commit else "!"
        for messages in found.values():
            for message in messages:
                number = int(message.value())
                values_of[number % count].append(f"{mark}{number}:{number * 7919 % 1000003} {transaction}")
        for partition, values in enumerate(values_of):
            if values:
                self.send_all(partition, values, transaction)

    def send_all(self, partition, values, transaction):
        topic = self.orders["output"]
        entry_id = self.history.begin(
            kind="send", topic=topic, partition=partition, transaction=transaction, values=values, offsets=[]
        )
        offsets = []

        def delivered(error, message):
            if error is None:
                offsets.append(message.offset())
                if len(offsets) == len(values):
                    self.history.end(entry_id, "ok", offsets=offsets)

        for value in values:
            while True:
                try:
                    self.producer.produce(topic, value=value, partition=partition, on_delivery=delivered)
                    break
                except BufferError:
                    self.producer.poll(0.1)
            self.producer.poll(0)

    def send_offsets(self, found, transaction, metadata):
        topic = self.orders["input"]
        ids = [
            self.history.begin(
                kind="commit",
                topic=topic,
                partition=partition,
                offset=messages[-1].offset() + 1,
                group=self.orders["group"],
                transaction=transaction,
            )
            for partition, messages in found.items()
        ]
        offsets = [TopicPartition(topic, partition, ms[-1].offset() + 1) for partition, ms in found.items()]
        self.retried(self.producer.send_offsets_to_transaction, offsets, metadata)
        for entry_id in ids:
            self.history.end(entry_id, "ok")

    def rewind(self, found):
        self.session += 1
        for partition, messages in found.items():
            self.consumer.seek(TopicPartition(self.orders["input"], partition, messages[0].offset()))


if __name__ == "__main__":
    try:
        Copier(json.loads(sys.argv[1])).run()
    except KafkaException as failure:
        print(failure, file=sys.stderr, flush=True)
        sys.exit(BEYOND_USE)
