// The other brokers of the cluster, asked as any client asks them, over the listener
// that is between brokers: one connection to each, made when it is needed and kept.
//
//   none ─► connecting ─► open ─► none      closed, or the broker's registration ended
//              └──► resting ─► none         a moment in which nobody tries again

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Cluster } from "../controller/cluster.ts";
import {
  type BrokerEndpoint,
  type BrokerImage,
  type ClusterImage,
  endpointOf,
} from "../controller/cluster_image.ts";
import type { Host } from "../host/host.ts";
import { KafkaConnection } from "../rpc/client.ts";
import type { Exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";

export interface PeerBrokersOptions {
  readonly host: Host;
  readonly cluster: Pick<Cluster, "brokerId" | "image" | "onChange">;
  readonly config: () => BrokerConfig;
}

const CONNECT_TIMEOUT_MS = 5000;
/** After a connection that could not be made. */
const REST_MS = 100;
/** The only one that is spoken. */
const SECURITY_PROTOCOL = "PLAINTEXT";

interface Peer {
  /** Of the registration: a broker that is back may be elsewhere, and has forgotten what it was asked. */
  readonly brokerEpoch: number;
  readonly connecting: Promise<KafkaConnection>;
  /** `null` until there is one. */
  connection: KafkaConnection | null;
  /** Nobody tries again before, on the monotonic clock. */
  restUntilMs: number;
  isLeft: boolean;
}

/** See the file's header. */
export class PeerBrokers {
  readonly #options: PeerBrokersOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #stopFollowing: () => void;
  #isClosed = false;

  constructor(options: PeerBrokersOptions) {
    this.#options = options;
    this.#stopFollowing = options.cluster.onChange((image, before) => {
      if (image.brokers !== before.brokers) this.#leaveThoseGone(image);
    });
  }

  /**
   * Sends a request in the highest version that both sides know; requests to the same
   * broker leave in the order of the calls.
   *
   * @throws {KafkaError} BROKER_NOT_AVAILABLE where there is no such broker now; as
   * `KafkaConnection.send`.
   * @throws {HostError} Where it cannot be reached.
   */
  async ask<Q extends MessageSchema, R extends MessageSchema>(
    brokerId: number,
    api: Exchange<Q, R>,
    request: InferInput<Q>,
  ): Promise<Infer<R>> {
    const connection = await this.#connection(brokerId);
    return await connection.send(api, request, {
      timeoutMs: this.#options.config()["request.timeout.ms"],
    });
  }

  /** Ends all connections; requests that wait fail, and so do new ones. */
  close(): void {
    this.#isClosed = true;
    this.#stopFollowing();
    for (const brokerId of [...this.#peers.keys()]) this.#leave(brokerId);
  }

  /** @throws {KafkaError} BROKER_NOT_AVAILABLE. */
  #connection(brokerId: number): Promise<KafkaConnection> {
    const { cluster, host } = this.#options;
    const broker = cluster.image.brokers.get(brokerId);
    if (broker === undefined || this.#isClosed) throw notAvailable(brokerId);
    const known = this.#peers.get(brokerId);
    if (known !== undefined) {
      const isUsable = known.brokerEpoch === broker.epoch &&
        known.connection?.isOpen !== false &&
        (known.restUntilMs < 0 ||
          host.clock.monotonicMs() < known.restUntilMs);
      if (isUsable) return known.connecting;
      this.#leave(brokerId);
    }
    return this.#connect(broker);
  }

  #connect(broker: BrokerImage): Promise<KafkaConnection> {
    const { host, cluster, config } = this.#options;
    const endpoint = betweenBrokers(broker, config());
    const connecting = KafkaConnection.open(host, endpoint, {
      clientId: `broker-${cluster.brokerId}`,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: config()["request.timeout.ms"],
      negotiateTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    const peer: Peer = {
      brokerEpoch: broker.epoch,
      connecting,
      connection: null,
      restUntilMs: -1,
      isLeft: false,
    };
    this.#peers.set(broker.id, peer);
    connecting.then(
      (connection) => {
        if (peer.isLeft) connection.close();
        else peer.connection = connection;
      },
      () => peer.restUntilMs = host.clock.monotonicMs() + REST_MS,
    );
    return connecting;
  }

  /** Whoever waits for a broker whose registration has ended need not wait longer. */
  #leaveThoseGone({ brokers }: ClusterImage): void {
    for (const [brokerId, { brokerEpoch }] of [...this.#peers]) {
      if (brokers.get(brokerId)?.epoch !== brokerEpoch) this.#leave(brokerId);
    }
  }

  #leave(brokerId: number): void {
    const peer = this.#peers.get(brokerId);
    if (peer === undefined) return;
    this.#peers.delete(brokerId);
    peer.isLeft = true;
    peer.connection?.close();
  }
}

/** @throws {KafkaError} BROKER_NOT_AVAILABLE where it has no such listener. */
function betweenBrokers(
  broker: BrokerImage,
  config: BrokerConfig,
): BrokerEndpoint {
  const name = config["inter.broker.listener.name"];
  const protocol = config["security.inter.broker.protocol"];
  const endpoint = name !== null
    ? endpointOf(broker, name.toUpperCase())
    : broker.endpoints.find((each) => each.securityProtocol === protocol);
  if (endpoint?.securityProtocol !== SECURITY_PROTOCOL) {
    throw notAvailable(broker.id);
  }
  return endpoint;
}

function notAvailable(brokerId: number): KafkaError {
  return new KafkaError(
    "BROKER_NOT_AVAILABLE",
    `Broker ${brokerId} is not there, or has no listener for other brokers.`,
  );
}
