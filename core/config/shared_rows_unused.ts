// Keys without effect in kq that brokers and clients have alike: the Java
// machine's metrics, and logins by OAuth.
//
// Source: Kafka documentation, "Configuration".

import { HOUR_MS } from "../base/units.ts";
import type { ConfigRows } from "./table.ts";
import { unused } from "./unused_row.ts";

/** Rows of keys that both accept without effect. */
export const sharedRowsUnused = {
  "auto.include.jmx.reporter": unused("boolean", true, "low"),
  "metrics.num.samples": unused("int", 2, "low", { min: 1 }),
  "sasl.client.callback.handler.class": unused("class", null, "medium"),
  "sasl.login.callback.handler.class": unused("class", null, "medium"),
  "sasl.login.class": unused("class", null, "medium"),
  "sasl.login.connect.timeout.ms": unused("int", null, "low"),
  "sasl.login.read.timeout.ms": unused("int", null, "low"),
  "sasl.login.retry.backoff.max.ms": unused("long", 10_000, "low"),
  "sasl.login.retry.backoff.ms": unused("long", 100, "low"),
  "sasl.oauthbearer.clock.skew.seconds": unused("int", 30, "low"),
  "sasl.oauthbearer.expected.audience": unused("list", null, "low"),
  "sasl.oauthbearer.expected.issuer": unused("string", null, "low"),
  "sasl.oauthbearer.jwks.endpoint.refresh.ms": unused("long", HOUR_MS, "low"),
  "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": unused(
    "long",
    10_000,
    "low",
  ),
  "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": unused("long", 100, "low"),
  "sasl.oauthbearer.jwks.endpoint.url": unused("string", null, "medium"),
  "sasl.oauthbearer.scope.claim.name": unused("string", "scope", "low"),
  "sasl.oauthbearer.sub.claim.name": unused("string", "sub", "low"),
  "sasl.oauthbearer.token.endpoint.url": unused("string", null, "medium"),
  "security.providers": unused("string", null, "low"),
} as const satisfies ConfigRows;
