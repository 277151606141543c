// Every configuration key of a client: producers, consumers and admin clients,
// by Kafka's own names.
//
// Source: Kafka documentation, "Configuration: Producer Configs", "Consumer
// Configs" and "Admin Configs"; defaults compared with testdata/config/.

import { KIB, MIB, MINUTE_MS } from "../base/units.ts";
import { commonClientRows } from "./client_config_common.ts";
import { configTable, INT_MAX, type Values } from "./table.ts";
import { unused } from "./unused_row.ts";

/** Keys of a producer. */
export const producerConfig = configTable({
  ...commonClientRows,
  "acks": {
    type: "string",
    default: "all",
    oneOf: ["all", "-1", "0", "1"],
    importance: "low",
    doc:
      "Replicas that have to have a record before it counts as sent: all, 1 (the leader) or 0 (none).",
  },
  "batch.size": {
    type: "int",
    default: 16 * KIB,
    min: 0,
    importance: "medium",
    doc: "Most bytes of records that are sent to a partition in one batch.",
  },
  "bootstrap.servers": {
    type: "list",
    default: [],
    importance: "high",
    doc:
      "Brokers to ask first, as HOST:PORT by comma; the others are learnt from them.",
  },
  "buffer.memory": {
    type: "long",
    default: 32 * MIB,
    min: 0,
    importance: "high",
    doc: "Bytes of records that may wait to be sent before `send` waits.",
  },
  "client.id": {
    type: "string",
    default: "",
    importance: "medium",
    doc: "Name that the brokers see, for quotas and traces.",
  },
  "compression.gzip.level": {
    type: "int",
    default: -1,
    min: 1,
    max: 9,
    orElse: -1,
    importance: "medium",
    doc: "Level of gzip.",
  },
  "compression.lz4.level": {
    type: "int",
    default: 9,
    min: 1,
    max: 17,
    importance: "medium",
    doc: "Level of lz4.",
  },
  "compression.type": {
    type: "string",
    default: "none",
    oneOf: ["none", "gzip", "snappy", "lz4", "zstd"],
    importance: "high",
    doc: "Compression of batches.",
  },
  "compression.zstd.level": {
    type: "int",
    default: 3,
    min: -131_072,
    max: 22,
    importance: "medium",
    doc: "Level of zstd.",
  },
  "connections.max.idle.ms": {
    type: "long",
    default: 9 * MINUTE_MS,
    importance: "medium",
    doc: "How long a connection may be silent before it is closed.",
  },
  "delivery.timeout.ms": {
    type: "int",
    default: 2 * MINUTE_MS,
    min: 0,
    importance: "medium",
    doc: "Longest time until a record is sent or failed.",
  },
  "enable.idempotence": {
    type: "boolean",
    default: true,
    importance: "low",
    doc: "Whether retries are kept from writing a record twice.",
  },
  "interceptor.classes": unused("list", [], "low"),
  "key.serializer": unused("class", null, "high"),
  "linger.ms": {
    type: "long",
    default: 0,
    min: 0,
    importance: "medium",
    doc: "How long a batch waits for more records.",
  },
  "max.block.ms": {
    type: "long",
    default: MINUTE_MS,
    min: 0,
    importance: "medium",
    doc: "How long `send` waits for room or metadata.",
  },
  "max.in.flight.requests.per.connection": {
    type: "int",
    default: 5,
    min: 1,
    importance: "low",
    doc: "Requests that may wait for an answer on one connection.",
  },
  "max.request.size": {
    type: "int",
    default: MIB,
    min: 0,
    importance: "medium",
    doc: "Largest request, and so the largest record, that is sent.",
  },
  "metadata.max.idle.ms": {
    type: "long",
    default: 5 * MINUTE_MS,
    min: 5000,
    importance: "low",
    doc: "How long metadata of an unused topic is kept.",
  },
  "metric.reporters": unused("list", [], "low"),
  "partitioner.adaptive.partitioning.enable": {
    type: "boolean",
    default: true,
    importance: "low",
    doc: "Whether partitions with shorter queues get more records without key.",
  },
  "partitioner.availability.timeout.ms": {
    type: "long",
    default: 0,
    min: 0,
    importance: "low",
    doc:
      "How long a partition may be unable to take batches before others are preferred; 0 for ever.",
  },
  "partitioner.class": {
    type: "class",
    default: null,
    importance: "medium",
    doc: "Class that chooses partitions; kq has its own, and refuses another.",
  },
  "partitioner.ignore.keys": {
    type: "boolean",
    default: false,
    importance: "medium",
    doc: "Whether records with a key are spread as those without.",
  },
  "receive.buffer.bytes": {
    type: "int",
    default: 32 * KIB,
    min: -1,
    importance: "medium",
    doc: "Receive buffer of a connection; -1 leaves it to the system.",
    effect: "none",
  },
  "retries": {
    type: "int",
    default: INT_MAX,
    min: 0,
    max: INT_MAX,
    importance: "high",
    doc: "How often a failed request is sent again.",
  },
  "transaction.timeout.ms": {
    type: "int",
    default: MINUTE_MS,
    importance: "low",
    doc:
      "How long a transaction may stay open before the coordinator aborts it.",
  },
  "transactional.id": {
    type: "string",
    default: null,
    nonEmpty: true,
    importance: "low",
    doc: "Name of a transactional producer, which fences its predecessors.",
  },
  "value.serializer": unused("class", null, "high"),
});

/** A producer's configuration by Kafka's own key names. */
export type ProducerConfig = Values<typeof producerConfig>;

/** Keys of a consumer. */
export const consumerConfig = configTable({
  ...commonClientRows,
  "allow.auto.create.topics": {
    type: "boolean",
    default: true,
    importance: "medium",
    doc: "Whether asking for a missing topic may create it.",
  },
  "auto.commit.interval.ms": {
    type: "int",
    default: 5000,
    min: 0,
    importance: "low",
    doc: "How often a group's positions are committed.",
  },
  "auto.offset.reset": {
    type: "string",
    default: "latest",
    oneOf: ["latest", "earliest", "none"],
    importance: "medium",
    doc:
      "Where to read when there is no valid offset: earliest, latest, or none for an error.",
  },
  "bootstrap.servers": {
    type: "list",
    default: [],
    importance: "high",
    doc:
      "Brokers to ask first, as HOST:PORT by comma; the others are learnt from them.",
  },
  "check.crcs": {
    type: "boolean",
    default: true,
    importance: "low",
    doc: "Whether the checksum of each batch is checked on arrival.",
  },
  "client.id": {
    type: "string",
    default: "",
    importance: "low",
    doc: "Name that the brokers see, for quotas and traces.",
  },
  "client.rack": {
    type: "string",
    default: "",
    importance: "low",
    doc: "Rack of the client, to read from a replica nearby.",
  },
  "connections.max.idle.ms": {
    type: "long",
    default: 9 * MINUTE_MS,
    importance: "medium",
    doc: "How long a connection may be silent before it is closed.",
  },
  "default.api.timeout.ms": {
    type: "int",
    default: MINUTE_MS,
    min: 0,
    importance: "medium",
    doc: "Longest time that one call takes, retries included.",
  },
  "enable.auto.commit": {
    type: "boolean",
    default: true,
    importance: "medium",
    doc: "Whether a group's positions are committed by themselves.",
  },
  "exclude.internal.topics": {
    type: "boolean",
    default: true,
    importance: "medium",
    doc: "Whether patterns leave internal topics out.",
  },
  "fetch.max.bytes": {
    type: "int",
    default: 50 * MIB,
    min: 0,
    importance: "medium",
    doc: "Most bytes that one fetch answer carries.",
  },
  "fetch.max.wait.ms": {
    type: "int",
    default: 500,
    min: 0,
    importance: "low",
    doc: "How long a broker waits for `fetch.min.bytes`.",
  },
  "fetch.min.bytes": {
    type: "int",
    default: 1,
    min: 0,
    importance: "high",
    doc: "Bytes that a broker waits for before it answers a fetch.",
  },
  "group.id": {
    type: "string",
    default: null,
    importance: "high",
    doc: "Name of the consumer's group.",
  },
  "group.instance.id": {
    type: "string",
    default: null,
    nonEmpty: true,
    importance: "medium",
    doc: "Fixed name of a member, which keeps its partitions over a restart.",
  },
  "group.protocol": {
    type: "string",
    default: "classic",
    oneOf: ["CONSUMER", "CLASSIC"],
    ignoreCase: true,
    importance: "high",
    doc: "Which protocol a group speaks.",
  },
  "group.remote.assignor": {
    type: "string",
    default: null,
    importance: "medium",
    doc:
      "Which of the coordinator's assignors shares out; of group.protocol=consumer.",
  },
  "heartbeat.interval.ms": {
    type: "int",
    default: 3000,
    importance: "high",
    doc: "How often a member says that it lives.",
  },
  "interceptor.classes": unused("list", [], "low"),
  "isolation.level": {
    type: "string",
    default: "read_uncommitted",
    oneOf: ["read_committed", "read_uncommitted"],
    importance: "medium",
    doc: "Whether records of open and aborted transactions are seen.",
  },
  "key.deserializer": unused("class", null, "high"),
  "max.partition.fetch.bytes": {
    type: "int",
    default: MIB,
    min: 0,
    importance: "high",
    doc: "Most bytes that one partition gives to a fetch answer.",
  },
  "max.poll.interval.ms": {
    type: "int",
    default: 5 * MINUTE_MS,
    min: 1,
    importance: "medium",
    doc: "Longest time between two polls before a member is thought stuck.",
  },
  "max.poll.records": {
    type: "int",
    default: 500,
    min: 1,
    importance: "medium",
    doc: "Most records that one poll gives.",
  },
  "metric.reporters": unused("list", [], "low"),
  "partition.assignment.strategy": {
    type: "list",
    default: [
      "class org.apache.kafka.clients.consumer.RangeAssignor",
      "class org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    ],
    importance: "medium",
    doc:
      "How partitions are shared in a group: range, roundrobin, sticky, cooperative-sticky, or Java's class names.",
  },
  "receive.buffer.bytes": {
    type: "int",
    default: 64 * KIB,
    min: -1,
    importance: "medium",
    doc: "Receive buffer of a connection; -1 leaves it to the system.",
    effect: "none",
  },
  "session.timeout.ms": {
    type: "int",
    default: 45_000,
    importance: "high",
    doc: "Silence after which a member is declared dead.",
  },
  "value.deserializer": unused("class", null, "high"),
});

/** A consumer's configuration by Kafka's own key names. */
export type ConsumerConfig = Values<typeof consumerConfig>;

/** Keys of an admin client. */
export const adminConfig = configTable({
  ...commonClientRows,
  "bootstrap.controllers": unused("list", [], "high"),
  "bootstrap.servers": {
    type: "list",
    default: [],
    importance: "high",
    doc:
      "Brokers to ask first, as HOST:PORT by comma; the others are learnt from them.",
  },
  "client.id": {
    type: "string",
    default: "",
    importance: "medium",
    doc: "Name that the brokers see, for quotas and traces.",
  },
  "connections.max.idle.ms": {
    type: "long",
    default: 5 * MINUTE_MS,
    importance: "medium",
    doc: "How long a connection may be silent before it is closed.",
  },
  "default.api.timeout.ms": {
    type: "int",
    default: MINUTE_MS,
    min: 0,
    importance: "medium",
    doc: "Longest time that one call takes, retries included.",
  },
  "metric.reporters": unused("list", [], "low"),
  "receive.buffer.bytes": {
    type: "int",
    default: 64 * KIB,
    min: -1,
    importance: "medium",
    doc: "Receive buffer of a connection; -1 leaves it to the system.",
    effect: "none",
  },
  "retries": {
    type: "int",
    default: INT_MAX,
    min: 0,
    max: INT_MAX,
    importance: "low",
    doc: "How often a failed request is sent again.",
  },
});

/** An admin's configuration by Kafka's own key names. */
export type AdminConfig = Values<typeof adminConfig>;
