// Configuration keys of a Kafka broker that mean nothing in kq: those of the
// Java machine and its classes, of KRaft's controllers, of tiered storage, and
// of threads that kq does not have. They are accepted, so that a file written
// for Kafka loads, and named at the start as without effect.
//
// Source: Kafka documentation, "Configuration: Broker Configs".

import { DAY_MS, GIB, HOUR_MS, KIB, MIB, MINUTE_MS } from "../base/units.ts";
import { METADATA_VERSIONS } from "./metadata_versions.ts";
import { type ConfigRows, LONG_MAX } from "./table.ts";
import { sharedRowsUnused } from "./shared_rows_unused.ts";
import { unused } from "./unused_row.ts";

/** Rows of keys that are accepted without effect. */
export const brokerRowsUnused = {
  ...sharedRowsUnused,
  "alter.config.policy.class.name": unused("class", null, "low"),
  "alter.log.dirs.replication.quota.window.num": unused("int", 11, "low", {
    min: 1,
  }),
  "alter.log.dirs.replication.quota.window.size.seconds": unused(
    "int",
    1,
    "low",
    { min: 1 },
  ),
  "authorizer.class.name": unused("string", "", "low"),
  "background.threads": unused("int", 10, "high", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "broker.heartbeat.interval.ms": unused("int", 2000, "medium"),
  "broker.session.timeout.ms": unused("int", 9000, "medium"),
  "client.quota.callback.class": unused("class", null, "low"),
  "control.plane.listener.name": unused("string", null, "high"),
  "controller.listener.names": unused("string", null, "high"),
  "controller.quorum.append.linger.ms": unused("int", 25, "medium"),
  "controller.quorum.bootstrap.servers": unused("list", [], "high"),
  "controller.quorum.election.backoff.max.ms": unused("int", 1000, "high"),
  "controller.quorum.election.timeout.ms": unused("int", 1000, "high"),
  "controller.quorum.fetch.timeout.ms": unused("int", 2000, "high"),
  "controller.quorum.request.timeout.ms": unused("int", 2000, "medium"),
  "controller.quorum.retry.backoff.ms": unused("int", 20, "low"),
  "controller.quorum.voters": unused("list", [], "high"),
  "controller.quota.window.num": unused("int", 11, "low", { min: 1 }),
  "controller.quota.window.size.seconds": unused("int", 1, "low", { min: 1 }),
  "create.topic.policy.class.name": unused("class", null, "low"),
  "delegation.token.expiry.check.interval.ms": unused("long", HOUR_MS, "low", {
    min: 1,
  }),
  "delegation.token.expiry.time.ms": unused("long", DAY_MS, "medium", {
    min: 1,
  }),
  "delegation.token.master.key": unused("password", null, "medium"),
  "delegation.token.max.lifetime.ms": unused("long", 7 * DAY_MS, "medium", {
    min: 1,
  }),
  "delegation.token.secret.key": unused("password", null, "medium"),
  "delete.records.purgatory.purge.interval.requests": unused(
    "int",
    1,
    "medium",
  ),
  "early.start.listeners": unused("string", null, "high"),
  "eligible.leader.replicas.enable": unused("boolean", false, "high"),
  "fetch.purgatory.purge.interval.requests": unused("int", 1000, "medium"),
  "group.coordinator.append.linger.ms": unused("int", 10, "medium", { min: 0 }),
  "group.coordinator.threads": unused("int", 1, "medium", { min: 1 }),
  "group.share.delivery.count.limit": unused("int", 5, "medium", {
    min: 2,
    max: 10,
  }),
  "group.share.heartbeat.interval.ms": unused("int", 5000, "medium", {
    min: 1,
  }),
  "group.share.max.groups": unused("short", 10, "medium", { min: 1, max: 100 }),
  "group.share.max.heartbeat.interval.ms": unused("int", 15_000, "medium", {
    min: 1,
  }),
  "group.share.max.record.lock.duration.ms": unused(
    "int",
    MINUTE_MS,
    "medium",
    { min: 30_000, max: 3_600_000 },
  ),
  "group.share.max.session.timeout.ms": unused("int", MINUTE_MS, "medium", {
    min: 1,
  }),
  "group.share.max.size": unused("short", 200, "medium", {
    min: 10,
    max: 1000,
  }),
  "group.share.min.heartbeat.interval.ms": unused("int", 5000, "medium", {
    min: 1,
  }),
  "group.share.min.record.lock.duration.ms": unused("int", 15_000, "medium", {
    min: 1000,
    max: 30_000,
  }),
  "group.share.min.session.timeout.ms": unused("int", 45_000, "medium", {
    min: 1,
  }),
  "group.share.partition.max.record.locks": unused("int", 200, "medium", {
    min: 100,
    max: 10_000,
  }),
  "group.share.record.lock.duration.ms": unused("int", 30_000, "medium", {
    min: 1000,
    max: 60_000,
  }),
  "group.share.session.timeout.ms": unused("int", 45_000, "medium", { min: 1 }),
  "initial.broker.registration.timeout.ms": unused("int", MINUTE_MS, "medium"),
  "kafka.metrics.polling.interval.secs": unused("int", 10, "low", { min: 1 }),
  "kafka.metrics.reporters": unused("list", [], "low"),
  "log.dir.failure.timeout.ms": unused("long", 30_000, "low", { min: 1 }),
  "log.local.retention.bytes": unused("long", -2, "medium", {
    min: -2,
    dynamic: "cluster-wide",
  }),
  "log.local.retention.ms": unused("long", -2, "medium", {
    min: -2,
    dynamic: "cluster-wide",
  }),
  "log.message.format.version": unused("string", "3.0-IV1", "medium", {
    oneOf: METADATA_VERSIONS,
  }),
  "metadata.log.dir": unused("string", null, "high"),
  "metadata.log.max.record.bytes.between.snapshots": unused(
    "long",
    20_971_520,
    "high",
    { min: 1 },
  ),
  "metadata.log.max.snapshot.interval.ms": unused("long", HOUR_MS, "high", {
    min: 0,
  }),
  "metadata.log.segment.bytes": unused("int", GIB, "high", { min: 12 }),
  "metadata.log.segment.ms": unused("long", 7 * DAY_MS, "high"),
  "metadata.max.idle.interval.ms": unused("int", 500, "low", { min: 0 }),
  "metadata.max.retention.bytes": unused("long", 100 * MIB, "high"),
  "metadata.max.retention.ms": unused("long", 7 * DAY_MS, "high"),
  "metric.reporters": unused("list", [], "low", { dynamic: "cluster-wide" }),
  "metrics.recording.level": unused("string", "INFO", "low"),
  "metrics.sample.window.ms": unused("long", 30_000, "low", { min: 1 }),
  "num.io.threads": unused("int", 8, "high", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "num.network.threads": unused("int", 3, "high", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "num.recovery.threads.per.data.dir": unused("int", 1, "high", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "num.replica.alter.log.dirs.threads": unused("int", null, "high"),
  "offsets.commit.required.acks": unused("short", -1, "high"),
  "password.encoder.cipher.algorithm": unused(
    "string",
    "AES/CBC/PKCS5Padding",
    "low",
  ),
  "password.encoder.iterations": unused("int", 4096, "low", { min: 1024 }),
  "password.encoder.key.length": unused("int", 128, "low", { min: 8 }),
  "password.encoder.keyfactory.algorithm": unused("string", null, "low"),
  "password.encoder.old.secret": unused("password", null, "medium"),
  "password.encoder.secret": unused("password", null, "medium"),
  "principal.builder.class": unused(
    "class",
    "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
    "medium",
    { dynamic: "per-broker" },
  ),
  "process.roles": unused("list", [], "high", {
    oneOf: ["broker", "controller"],
  }),
  "producer.purgatory.purge.interval.requests": unused("int", 1000, "medium"),
  "remote.fetch.max.wait.ms": unused("int", 500, "medium", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "remote.log.index.file.cache.total.size.bytes": unused("long", GIB, "low", {
    min: 1,
    dynamic: "cluster-wide",
  }),
  "remote.log.manager.copier.thread.pool.size": unused("int", -1, "medium"),
  "remote.log.manager.copy.max.bytes.per.second": unused(
    "long",
    LONG_MAX,
    "medium",
    { min: 1, dynamic: "cluster-wide" },
  ),
  "remote.log.manager.copy.quota.window.num": unused("int", 11, "medium", {
    min: 1,
  }),
  "remote.log.manager.copy.quota.window.size.seconds": unused(
    "int",
    1,
    "medium",
    { min: 1 },
  ),
  "remote.log.manager.expiration.thread.pool.size": unused("int", -1, "medium"),
  "remote.log.manager.fetch.max.bytes.per.second": unused(
    "long",
    LONG_MAX,
    "medium",
    { min: 1, dynamic: "cluster-wide" },
  ),
  "remote.log.manager.fetch.quota.window.num": unused("int", 11, "medium", {
    min: 1,
  }),
  "remote.log.manager.fetch.quota.window.size.seconds": unused(
    "int",
    1,
    "medium",
    { min: 1 },
  ),
  "remote.log.manager.task.interval.ms": unused("long", 30_000, "low", {
    min: 1,
  }),
  "remote.log.manager.thread.pool.size": unused("int", 10, "medium", {
    min: 1,
  }),
  "remote.log.metadata.custom.metadata.max.bytes": unused("int", 128, "low", {
    min: 0,
  }),
  "remote.log.metadata.manager.class.name": unused(
    "string",
    "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    "medium",
    { nonEmpty: true },
  ),
  "remote.log.metadata.manager.class.path": unused("string", null, "medium"),
  "remote.log.metadata.manager.impl.prefix": unused(
    "string",
    "rlmm.config.",
    "medium",
    { nonEmpty: true },
  ),
  "remote.log.metadata.manager.listener.name": unused(
    "string",
    null,
    "medium",
    { nonEmpty: true },
  ),
  "remote.log.reader.max.pending.tasks": unused("int", 100, "medium", {
    min: 1,
  }),
  "remote.log.reader.threads": unused("int", 10, "medium", { min: 1 }),
  "remote.log.storage.manager.class.name": unused("string", null, "medium", {
    nonEmpty: true,
  }),
  "remote.log.storage.manager.class.path": unused("string", null, "medium"),
  "remote.log.storage.manager.impl.prefix": unused(
    "string",
    "rsm.config.",
    "medium",
    { nonEmpty: true },
  ),
  "remote.log.storage.system.enable": unused("boolean", false, "medium"),
  "replica.selector.class": unused("string", null, "medium"),
  "replica.socket.receive.buffer.bytes": unused("int", 64 * KIB, "high"),
  "sasl.kerberos.kinit.cmd": unused("string", "/usr/bin/kinit", "medium", {
    dynamic: "per-broker",
  }),
  "sasl.kerberos.min.time.before.relogin": unused("long", 60_000, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.kerberos.principal.to.local.rules": unused(
    "list",
    ["DEFAULT"],
    "medium",
    { dynamic: "per-broker" },
  ),
  "sasl.kerberos.service.name": unused("string", null, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.kerberos.ticket.renew.jitter": unused("double", 0.05, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.kerberos.ticket.renew.window.factor": unused("double", 0.8, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.login.refresh.buffer.seconds": unused("short", 300, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.login.refresh.min.period.seconds": unused("short", 60, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.login.refresh.window.factor": unused("double", 0.8, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.login.refresh.window.jitter": unused("double", 0.05, "medium", {
    dynamic: "per-broker",
  }),
  "sasl.mechanism.controller.protocol": unused("string", "GSSAPI", "high"),
  "sasl.server.callback.handler.class": unused("class", null, "medium"),
  "ssl.allow.dn.changes": unused("boolean", false, "low"),
  "ssl.allow.san.changes": unused("boolean", false, "low"),
  "ssl.engine.factory.class": unused("class", null, "low", {
    dynamic: "per-broker",
  }),
  "ssl.keymanager.algorithm": unused("string", "SunX509", "medium", {
    dynamic: "per-broker",
  }),
  "ssl.provider": unused("string", null, "medium", { dynamic: "per-broker" }),
  "ssl.secure.random.implementation": unused("string", null, "low", {
    dynamic: "per-broker",
  }),
  "ssl.trustmanager.algorithm": unused("string", "PKIX", "medium", {
    dynamic: "per-broker",
  }),
  "telemetry.max.bytes": unused("int", MIB, "low", { min: 1 }),
  "zookeeper.clientCnxnSocket": unused("string", null, "medium"),
  "zookeeper.metadata.migration.enable": unused("boolean", false, "high"),
  "zookeeper.ssl.cipher.suites": unused("list", null, "low"),
  "zookeeper.ssl.client.enable": unused("boolean", false, "medium"),
  "zookeeper.ssl.crl.enable": unused("boolean", false, "low"),
  "zookeeper.ssl.enabled.protocols": unused("list", null, "low"),
  "zookeeper.ssl.endpoint.identification.algorithm": unused(
    "string",
    "HTTPS",
    "low",
  ),
  "zookeeper.ssl.keystore.location": unused("string", null, "medium"),
  "zookeeper.ssl.keystore.password": unused("password", null, "medium"),
  "zookeeper.ssl.keystore.type": unused("string", null, "medium"),
  "zookeeper.ssl.ocsp.enable": unused("boolean", false, "low"),
  "zookeeper.ssl.protocol": unused("string", "TLSv1.2", "low"),
  "zookeeper.ssl.truststore.location": unused("string", null, "medium"),
  "zookeeper.ssl.truststore.password": unused("password", null, "medium"),
  "zookeeper.ssl.truststore.type": unused("string", null, "medium"),
} as const satisfies ConfigRows;
