// How clients reach the brokers: by the address that each advertises for the
// listener that the client came by.

import { endpointOf } from "../controller/cluster_image.ts";
import type { Broker } from "./broker.ts";

/** A broker, as answers name it. */
export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** The live brokers that have a listener of this name, by id. */
export function brokersFor(
  broker: Broker,
  listenerName: string,
): NodeEndpoint[] {
  const nodes: NodeEndpoint[] = [];
  for (const image of broker.cluster.image.brokers.values()) {
    const endpoint = endpointOf(image, listenerName);
    if (endpoint === null) continue;
    const { host, port } = endpoint;
    nodes.push({ nodeId: image.id, host, port, rack: image.rack });
  }
  return nodes.sort((a, b) => a.nodeId - b.nodeId);
}
