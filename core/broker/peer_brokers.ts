// The other brokers of the cluster, asked as any client asks them: one connection
// to each, made when it is needed.

import type { Cluster } from "../controller/cluster.ts";
import type { Host } from "../host/host.ts";
import { KafkaConnection } from "../rpc/client.ts";
import type { Exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";

export interface PeerBrokersOptions {
  readonly host: Host;
  readonly cluster: Cluster;
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: () => number;
}

const CONNECT_TIMEOUT_MS = 5000;
/** The only one that brokers serve. */
const SECURITY_PROTOCOL = "PLAINTEXT";

interface Peer {
  /** Of the registration: a broker that is back may be elsewhere. */
  readonly brokerEpoch: number;
  readonly connecting: Promise<KafkaConnection>;
  connection: KafkaConnection | null;
}

/** See the file's header. */
export class PeerBrokers {
  readonly #options: PeerBrokersOptions;
  readonly #peers = new Map<number, Peer>();
  #isClosed = false;

  constructor(options: PeerBrokersOptions) {
    this.#options = options;
  }

  /**
   * @throws {KafkaError} BROKER_NOT_AVAILABLE where there is no such broker now;
   * as `KafkaConnection.send`.
   * @throws {HostError} Where it does not answer.
   */
  async ask<Q extends MessageSchema, R extends MessageSchema>(
    brokerId: number,
    api: Exchange<Q, R>,
    request: InferInput<Q>,
    options: { readonly versionMax?: number } = {},
  ): Promise<Infer<R>> {
    const connection = await this.#connection(brokerId);
    return await connection.send(api, request, options);
  }

  close(): void {
    this.#isClosed = true;
    for (const { connection } of this.#peers.values()) connection?.close();
    this.#peers.clear();
  }

  #connection(brokerId: number): Promise<KafkaConnection> {
    const broker = this.#options.cluster.image.brokers.get(brokerId);
    const endpoint = broker?.endpoints.find(({ securityProtocol }) =>
      securityProtocol === SECURITY_PROTOCOL
    );
    if (broker === undefined || endpoint === undefined || this.#isClosed) {
      throw new KafkaError(
        "BROKER_NOT_AVAILABLE",
        `Broker ${brokerId} is not there.`,
      );
    }
    const known = this.#peers.get(brokerId);
    const isUsable = known?.brokerEpoch === broker.epoch &&
      known.connection?.isOpen !== false;
    if (known !== undefined && isUsable) return known.connecting;
    known?.connection?.close();
    const peer: Peer = {
      brokerEpoch: broker.epoch,
      connecting: this.#connect(endpoint),
      connection: null,
    };
    this.#peers.set(brokerId, peer);
    peer.connecting.then(
      (connection) => {
        peer.connection = connection;
        if (this.#isClosed) connection.close();
      },
      () => {
        if (this.#peers.get(brokerId) === peer) this.#peers.delete(brokerId);
      },
    );
    return peer.connecting;
  }

  #connect(
    address: { readonly host: string; readonly port: number },
  ): Promise<KafkaConnection> {
    const { host, cluster, timeoutMs } = this.#options;
    return KafkaConnection.open(host, address, {
      clientId: `broker-${cluster.brokerId}`,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: timeoutMs(),
    });
  }
}
