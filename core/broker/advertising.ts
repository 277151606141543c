// Tells the cluster anew where this broker's clients connect, when
// `advertised.listeners` has changed while it runs.

import type { BrokerConfig } from "../config/broker_config.ts";
import { Serial } from "../base/serial.ts";
import { brokerListeners } from "../config/listeners.ts";
import type { Cluster } from "../controller/cluster.ts";
import type { BrokerEndpoint } from "../controller/cluster_image.ts";
import { advertisedEndpoints, type BoundListener } from "./bound_listeners.ts";
import type { Trace } from "./broker.ts";
import { describe } from "./failure.ts";

export interface AdvertisingOptions {
  readonly cluster: Cluster;
  /** As they were bound, and as the cluster was told at the start. */
  readonly bound: readonly BoundListener[];
  readonly config: () => BrokerConfig;
  readonly trace: Trace;
}

/** Begins to follow the configuration; returns how to stop. */
export function startAdvertising(
  { cluster, bound, config, trace }: AdvertisingOptions,
): () => void {
  const queue = new Serial();
  let told = textOf(bound);
  let seen: BrokerConfig | null = null;
  const look = () => {
    const current = config();
    if (current === seen) return;
    seen = current;
    const endpoints = advertisedEndpoints(bound, brokerListeners(current));
    const text = textOf(endpoints);
    if (text === told) return;
    told = text;
    queue.run(() => cluster.setEndpoints(endpoints)).catch((error) =>
      trace(`Cannot advertise ${text}: ${describe(error)}`)
    );
  };
  look();
  return cluster.onChange(look);
}

function textOf(endpoints: readonly BrokerEndpoint[]): string {
  return endpoints.map(({ listener, host, port }) =>
    `${listener}://${host}:${port}`
  ).join(",");
}
