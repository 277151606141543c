// A cluster as one client sees it: whom to ask, and what they said of the topics.
//
// It starts from `bootstrap.servers` and learns the rest from Metadata answers.
// Calls go to any broker, to the controller, or to a named broker; what fails on
// the way is tried again, with pauses that double, until the deadline.
//
// Deadlines are times of the host's monotonic clock, in milliseconds.
//
// Source: Kafka protocol guide, "Network" and "Metadata API".

import { type Address, type Host, sleep } from "../host/host.ts";
import {
  formatAddress,
  type KafkaConnection,
  type SendOptions,
} from "../rpc/client.ts";
import { type Exchange, exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  metadataRequest,
  metadataResponse,
} from "../wire/kafka/messages/metadata.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import { BrokerPool, type Lane } from "./broker_pool.ts";
import {
  asError,
  ClusterUnreachableError,
  isNetworkFailure,
} from "./client_error.ts";
import { backoffMs, type ClientSettings } from "./client_settings.ts";
import {
  type ClusterMetadata,
  type ClusterNode,
  decodeMetadata,
  EMPTY_METADATA,
  mergeMetadata,
  NO_TOPIC_ID,
} from "./metadata.ts";

export const METADATA = exchange(metadataRequest, metadataResponse);

/** A request, or how it is made for the version that will be spoken. */
export type RequestFor<Q extends MessageSchema> =
  | InferInput<Q>
  | ((version: number) => InferInput<Q>);

/** Where a call may go, and until when. */
export interface CallOptions extends SendOptions {
  readonly deadlineMs: number;
  readonly lane?: Lane;
}

export class Cluster {
  readonly host: Host;
  readonly settings: ClientSettings;
  readonly #pool: BrokerPool;
  /** In an order of its own, so that clients do not all start at the same broker. */
  readonly #bootstrap: readonly Address[];
  #metadata: ClusterMetadata = EMPTY_METADATA;
  #isClosed = false;

  constructor(host: Host, settings: ClientSettings) {
    this.host = host;
    this.settings = settings;
    this.#pool = new BrokerPool(host, settings);
    this.#bootstrap = shuffled(settings.bootstrap, host.random);
  }

  /** What is known now; a new object after each change. */
  get metadata(): ClusterMetadata {
    return this.#metadata;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The time until which a call may take, from now. */
  deadline(timeoutMs: number = this.settings.apiTimeoutMs): number {
    return this.host.clock.monotonicMs() + timeoutMs;
  }

  /**
   * Waits before a call is tried again.
   *
   * @returns False where the deadline would pass first.
   */
  async pause(failureCount: number, deadlineMs: number): Promise<boolean> {
    const { clock, random } = this.host;
    const pauseMs = backoffMs(
      this.settings.retryBackoff,
      failureCount,
      random,
    );
    if (this.#isClosed || clock.monotonicMs() + pauseMs >= deadlineMs) {
      return false;
    }
    await sleep(clock, pauseMs);
    return !this.#isClosed;
  }

  /**
   * Asks a broker that is known by id, once.
   *
   * @throws {KafkaError} Also `BROKER_NOT_AVAILABLE` where no such broker is known.
   * @throws {HostError} Where it cannot be reached.
   */
  async callNode<Q extends MessageSchema, R extends MessageSchema>(
    nodeId: number,
    api: Exchange<Q, R>,
    request: RequestFor<Q>,
    options: CallOptions,
  ): Promise<Infer<R>> {
    const connection = await this.connectionTo(nodeId, options);
    return await this.#send(connection, { api, request }, options);
  }

  /** An open connection to a broker that is known by id. */
  connectionTo(
    nodeId: number,
    options: { readonly deadlineMs: number; readonly lane?: Lane },
  ): Promise<KafkaConnection> {
    const node = this.#metadata.nodes.get(nodeId);
    if (node === undefined) {
      return Promise.reject(
        new KafkaError(
          "BROKER_NOT_AVAILABLE",
          `Broker ${nodeId} is not among the brokers that are up`,
        ),
      );
    }
    return this.#pool.connection(
      node,
      options.lane ?? "main",
      options.deadlineMs,
    );
  }

  /** The connection to a broker, where it is open already. */
  openConnectionTo(node: ClusterNode, lane: Lane): KafkaConnection | null {
    return this.#pool.existing(node, lane);
  }

  /**
   * Asks whichever broker answers, going on to the next where one cannot be
   * reached.
   *
   * @throws {ClusterUnreachableError} Where none answered before the deadline.
   */
  async callAny<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    request: RequestFor<Q>,
    options: CallOptions,
  ): Promise<Infer<R>> {
    const startMs = this.host.clock.monotonicMs();
    const tried = new Set<string>();
    let last: Error | null = null;
    for (let round = 1;; round++) {
      for (const address of this.#candidates()) {
        if (this.host.clock.monotonicMs() >= options.deadlineMs) break;
        tried.add(formatAddress(address));
        try {
          const connection = await this.#pool.connection(
            address,
            options.lane ?? "main",
            options.deadlineMs,
          );
          return await this.#send(connection, { api, request }, options);
        } catch (error) {
          if (!isNetworkFailure(error) || this.#isClosed) throw error;
          last = asError(error);
        }
      }
      if (await this.pause(round, options.deadlineMs)) continue;
      const timeoutMs = options.deadlineMs - startMs;
      throw new ClusterUnreachableError([...tried], timeoutMs, last);
    }
  }

  /**
   * Asks the controller, following it where it moves.
   *
   * @param errorCodes The codes of an answer, to see whether it is the controller's.
   */
  async callController<Q extends MessageSchema, R extends MessageSchema>(
    api: Exchange<Q, R>,
    request: RequestFor<Q>,
    options: CallOptions & {
      readonly errorCodes: (answer: Infer<R>) => Iterable<number>;
    },
  ): Promise<Infer<R>> {
    for (let failureCount = 1;; failureCount++) {
      let failure: Error;
      try {
        if (!this.#metadata.nodes.has(this.#metadata.controllerId)) {
          await this.refreshNodes(options.deadlineMs);
        }
        const { controllerId } = this.#metadata;
        const answer = await this.callNode(controllerId, api, request, options);
        const misdirected = [...options.errorCodes(answer)].find((code) =>
          code === NOT_CONTROLLER_CODE
        );
        if (misdirected === undefined) return answer;
        failure = KafkaError.ofCode(
          NOT_CONTROLLER_CODE,
          `Broker ${controllerId} is not the controller any more`,
        );
      } catch (error) {
        const isGone = error instanceof KafkaError &&
          error.errorName === "BROKER_NOT_AVAILABLE";
        if (!isNetworkFailure(error) && !isGone) throw error;
        if (error instanceof ClusterUnreachableError) throw error;
        failure = asError(error);
      }
      if (!await this.pause(failureCount, options.deadlineMs)) throw failure;
      await this.refreshNodes(options.deadlineMs);
    }
  }

  /** Learns anew which brokers there are and who is the controller. */
  async refreshNodes(deadlineMs: number): Promise<void> {
    await this.fetchMetadata([], { deadlineMs });
  }

  /** Learns the brokers unless they are known already. */
  async ensureNodes(deadlineMs: number): Promise<void> {
    if (this.#metadata.nodes.size === 0) await this.refreshNodes(deadlineMs);
  }

  /**
   * Asks for metadata of topics, or of all (`null`), and takes it into what is
   * known.
   *
   * @returns The answer as it came.
   */
  async fetchMetadata(
    topics: readonly string[] | null,
    options: CallOptions & {
      readonly allowAutoTopicCreation?: boolean;
      readonly includeAuthorizedOperations?: boolean;
      /** Topics not asked for that stay known; all by default. */
      readonly keep?: (topic: string) => boolean;
    },
  ): Promise<Infer<typeof metadataResponse>> {
    const answer = await this.callAny(METADATA, {
      topics: topics?.map((name) => ({ topicId: NO_TOPIC_ID, name })) ?? null,
      allowAutoTopicCreation: options.allowAutoTopicCreation ?? false,
      includeTopicAuthorizedOperations: options.includeAuthorizedOperations ??
        false,
    }, options);
    this.#metadata = mergeMetadata(
      this.#metadata,
      decodeMetadata(answer),
      options.keep ?? (() => true),
    );
    return answer;
  }

  /** Closes all connections; calls under way fail. */
  close(): void {
    this.#isClosed = true;
    this.#pool.close();
  }

  /** Whom to ask next: idle open connections first, what has just failed last. */
  #candidates(): Address[] {
    const nodes = shuffled(
      [...this.#metadata.nodes.values()],
      this.host.random,
    );
    const known = new Set(nodes.map(formatAddress));
    const rest = this.#bootstrap.filter((a) => !known.has(formatAddress(a)));
    const cost = (address: Address) => {
      const open = this.#pool.existing(address, "main");
      if (open !== null) return open.inFlightCount;
      return this.#pool.isResting(address, "main") ? 2e9 : 1e9;
    };
    return [...nodes, ...rest]
      .map((address) => ({ address, cost: cost(address) }))
      .sort((a, b) => a.cost - b.cost)
      .map(({ address }) => address);
  }

  #send<Q extends MessageSchema, R extends MessageSchema>(
    connection: KafkaConnection,
    call: { readonly api: Exchange<Q, R>; readonly request: RequestFor<Q> },
    options: CallOptions,
  ): Promise<Infer<R>> {
    const { api, request } = call;
    const version = connection.versionOf(api.request, options.versionMax);
    const leftMs = options.deadlineMs - this.host.clock.monotonicMs();
    const timeoutMs = options.timeoutMs ?? this.settings.requestTimeoutMs;
    return connection.send(
      api,
      typeof request === "function" ? request(version) : request,
      {
        versionMax: options.versionMax,
        timeoutMs: Math.max(Math.min(timeoutMs, leftMs), 1),
      },
    );
  }
}

const NOT_CONTROLLER_CODE = 41;

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
