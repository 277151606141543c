// Configuration keys that producers, consumers and admin clients share: how to
// reach the brokers, and how to prove who one is.
//
// Source: Kafka documentation, "Configuration: Producer Configs", "Consumer
// Configs" and "Admin Configs".

import { KIB, MINUTE_MS } from "../base/units.ts";
import type { ConfigRows } from "./table.ts";
import { sharedRowsUnused } from "./shared_rows_unused.ts";
import { unused } from "./unused_row.ts";

/** Keys that are the same for all clients. */
export const commonClientRows = {
  ...sharedRowsUnused,
  "client.dns.lookup": unused("string", "use_all_dns_ips", "medium", {
    oneOf: ["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"],
  }),
  "enable.metrics.push": unused("boolean", true, "low"),
  "metadata.max.age.ms": {
    type: "long",
    default: 5 * MINUTE_MS,
    min: 0,
    importance: "low",
    doc: "Age at which metadata is asked for again.",
  },
  "metadata.recovery.strategy": unused("string", "none", "low", {
    oneOf: ["REBOOTSTRAP", "NONE"],
    ignoreCase: true,
  }),
  "metrics.recording.level": unused("string", "INFO", "low", {
    oneOf: ["INFO", "DEBUG", "TRACE"],
  }),
  "metrics.sample.window.ms": unused("long", 30_000, "low", { min: 0 }),
  "reconnect.backoff.max.ms": {
    type: "long",
    default: 1000,
    min: 0,
    importance: "low",
    doc: "Longest pause before connecting again.",
  },
  "reconnect.backoff.ms": {
    type: "long",
    default: 50,
    min: 0,
    importance: "low",
    doc: "First pause before connecting again.",
  },
  "request.timeout.ms": {
    type: "int",
    default: 30_000,
    min: 0,
    importance: "medium",
    doc: "How long to wait for an answer.",
  },
  "retry.backoff.max.ms": {
    type: "long",
    default: 1000,
    min: 0,
    importance: "low",
    doc: "Longest pause before a request is sent again.",
  },
  "retry.backoff.ms": {
    type: "long",
    default: 100,
    min: 0,
    importance: "low",
    doc: "First pause before a request is sent again.",
  },
  "sasl.jaas.config": {
    type: "password",
    default: null,
    importance: "medium",
    doc: "User and password, in JAAS form.",
    effect: "none",
  },
  "sasl.kerberos.kinit.cmd": unused("string", "/usr/bin/kinit", "low"),
  "sasl.kerberos.min.time.before.relogin": unused("long", 60_000, "low"),
  "sasl.kerberos.service.name": unused("string", null, "medium"),
  "sasl.kerberos.ticket.renew.jitter": unused("double", 0.05, "low"),
  "sasl.kerberos.ticket.renew.window.factor": unused("double", 0.8, "low"),
  "sasl.login.refresh.buffer.seconds": unused("short", 300, "low", {
    min: 0,
    max: 3600,
  }),
  "sasl.login.refresh.min.period.seconds": unused("short", 60, "low", {
    min: 0,
    max: 900,
  }),
  "sasl.login.refresh.window.factor": unused("double", 0.8, "low", {
    min: 0.5,
    max: 1,
  }),
  "sasl.login.refresh.window.jitter": unused("double", 0.05, "low", {
    min: 0,
    max: 0.25,
  }),
  "sasl.mechanism": {
    type: "string",
    default: "GSSAPI",
    importance: "medium",
    doc: "How to log in.",
    effect: "none",
  },
  "sasl.oauthbearer.header.urlencode": unused("boolean", false, "low"),
  "security.protocol": {
    type: "string",
    default: "PLAINTEXT",
    oneOf: ["SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"],
    ignoreCase: true,
    importance: "medium",
    doc: "Security protocol of the brokers' listener.",
  },
  "send.buffer.bytes": {
    type: "int",
    default: 128 * KIB,
    min: -1,
    importance: "medium",
    doc: "Send buffer of a connection; -1 leaves it to the system.",
    effect: "none",
  },
  "socket.connection.setup.timeout.max.ms": {
    type: "long",
    default: 30_000,
    importance: "medium",
    doc: "Longest wait for a connection to be made.",
  },
  "socket.connection.setup.timeout.ms": {
    type: "long",
    default: 10_000,
    importance: "medium",
    doc: "First wait for a connection to be made.",
  },
  "ssl.cipher.suites": {
    type: "list",
    default: null,
    importance: "low",
    doc: "Cipher suites that are offered.",
    effect: "none",
  },
  "ssl.enabled.protocols": {
    type: "list",
    default: ["TLSv1.2", "TLSv1.3"],
    importance: "medium",
    doc: "TLS versions that are offered.",
    effect: "none",
  },
  "ssl.endpoint.identification.algorithm": {
    type: "string",
    default: "https",
    importance: "low",
    doc:
      "How a broker's name is checked against its certificate; empty for not at all.",
    effect: "none",
  },
  "ssl.engine.factory.class": unused("class", null, "low"),
  "ssl.key.password": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Password of the private key.",
    effect: "none",
  },
  "ssl.keymanager.algorithm": unused("string", "SunX509", "low"),
  "ssl.keystore.certificate.chain": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Certificate chain, as PEM text.",
    effect: "none",
  },
  "ssl.keystore.key": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Private key, as PEM text.",
    effect: "none",
  },
  "ssl.keystore.location": {
    type: "string",
    default: null,
    importance: "high",
    doc: "File of the certificate and private key.",
    effect: "none",
  },
  "ssl.keystore.password": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Password of the key file.",
    effect: "none",
  },
  "ssl.keystore.type": {
    type: "string",
    default: "JKS",
    importance: "medium",
    doc: "Form of the key file.",
    effect: "none",
  },
  "ssl.protocol": {
    type: "string",
    default: "TLSv1.3",
    importance: "medium",
    doc: "TLS version asked for first.",
    effect: "none",
  },
  "ssl.provider": unused("string", null, "medium"),
  "ssl.secure.random.implementation": unused("string", null, "low"),
  "ssl.trustmanager.algorithm": unused("string", "PKIX", "low"),
  "ssl.truststore.certificates": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Trusted certificates, as PEM text.",
    effect: "none",
  },
  "ssl.truststore.location": {
    type: "string",
    default: null,
    importance: "high",
    doc: "File of the trusted certificates.",
    effect: "none",
  },
  "ssl.truststore.password": {
    type: "password",
    default: null,
    importance: "high",
    doc: "Password of the file of trusted certificates.",
    effect: "none",
  },
  "ssl.truststore.type": {
    type: "string",
    default: "JKS",
    importance: "medium",
    doc: "Form of the file of trusted certificates.",
    effect: "none",
  },
} as const satisfies ConfigRows;
