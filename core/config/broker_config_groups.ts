// Configuration keys of a broker for consumer groups of the newer protocol
// (KIP-848).
//
// Source: Kafka documentation, "Configuration: Broker Configs".

import { MINUTE_MS } from "../base/units.ts";
import { type ConfigRows, INT_MAX } from "./table.ts";

/** Rows of the keys `group.consumer.*`, and of which protocols are served. */
export const brokerRowsGroups = {
  "group.consumer.assignors": {
    type: "list",
    default: [
      "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
      "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
    ],
    importance: "medium",
    doc:
      "Assignors of the coordinator, the default first: uniform, range, or Kafka's classes of these names.",
  },
  "group.consumer.heartbeat.interval.ms": {
    type: "int",
    default: 5000,
    min: 1,
    importance: "medium",
    doc: "How often a member of the newer protocol says that it lives.",
  },
  "group.consumer.max.heartbeat.interval.ms": {
    type: "int",
    default: 15_000,
    min: 1,
    importance: "medium",
    doc: "Upper limit of `group.consumer.heartbeat.interval.ms`.",
  },
  "group.consumer.max.session.timeout.ms": {
    type: "int",
    default: MINUTE_MS,
    min: 1,
    importance: "medium",
    doc: "Upper limit of `group.consumer.session.timeout.ms`.",
  },
  "group.consumer.max.size": {
    type: "int",
    default: INT_MAX,
    min: 1,
    importance: "medium",
    doc: "Most members of one group of the newer protocol.",
  },
  "group.consumer.migration.policy": {
    type: "string",
    default: "bidirectional",
    oneOf: ["bidirectional", "upgrade", "downgrade", "disabled"],
    ignoreCase: true,
    importance: "medium",
    doc:
      "Whether a group with members may change to the newer protocol, and back.",
  },
  "group.consumer.min.heartbeat.interval.ms": {
    type: "int",
    default: 5000,
    min: 1,
    importance: "medium",
    doc: "Lower limit of `group.consumer.heartbeat.interval.ms`.",
  },
  "group.consumer.min.session.timeout.ms": {
    type: "int",
    default: 45_000,
    min: 1,
    importance: "medium",
    doc: "Lower limit of `group.consumer.session.timeout.ms`.",
  },
  "group.consumer.session.timeout.ms": {
    type: "int",
    default: 45_000,
    min: 1,
    importance: "medium",
    doc: "Silence after which a member of the newer protocol is gone.",
  },
  "group.coordinator.rebalance.protocols": {
    type: "list",
    default: ["classic", "consumer"],
    oneOf: ["consumer", "classic", "share", "unknown"],
    importance: "medium",
    doc:
      "Protocols of groups; the newer one is refused where `consumer` is not among them.",
  },
} as const satisfies ConfigRows;
