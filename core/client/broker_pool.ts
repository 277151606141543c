// Connections to the brokers of one cluster, made when they are needed.
//
// They are kept by address, so that the one that was used to get started serves
// on once its broker is known by id. Fetches have a lane of their own: they wait
// at the broker, and everything behind them would wait too. So have the requests
// of a group's member, since JoinGroup waits for the other members.

import { type Address, type Host, HostError, sleep } from "../host/host.ts";
import { formatAddress, KafkaConnection } from "../rpc/client.ts";
import { asError } from "./client_error.ts";
import { backoffMs, type ClientSettings } from "./client_settings.ts";

/** What a connection is for; each has its own. */
export type Lane = "main" | "fetch" | "group";

interface Slot {
  readonly address: Address;
  connection: KafkaConnection | null;
  connecting: Promise<KafkaConnection> | null;
  failureCount: number;
  /** Until when no new attempt is made, on the monotonic clock. */
  restUntilMs: number;
}

export class BrokerPool {
  readonly #host: Host;
  readonly #settings: ClientSettings;
  readonly #slots = new Map<string, Slot>();
  #isClosed = false;

  constructor(host: Host, settings: ClientSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /**
   * An open connection to an address, made where there is none.
   *
   * @throws {HostError} Where the broker cannot be reached before `deadlineMs`.
   */
  connection(
    address: Address,
    lane: Lane,
    deadlineMs: number,
  ): Promise<KafkaConnection> {
    const slot = this.#slot(address, lane);
    if (slot.connection?.isOpen) return Promise.resolve(slot.connection);
    slot.connecting ??= this.#connect(slot, deadlineMs).finally(() => {
      slot.connecting = null;
    });
    return slot.connecting;
  }

  /** The open connection to an address, if there is one. */
  existing(address: Address, lane: Lane): KafkaConnection | null {
    const { connection } = this.#slot(address, lane);
    return connection?.isOpen ? connection : null;
  }

  /** True where an address has just failed, and rests before it is tried again. */
  isResting(address: Address, lane: Lane): boolean {
    return this.#slot(address, lane).restUntilMs >
      this.#host.clock.monotonicMs();
  }

  close(): void {
    this.#isClosed = true;
    for (const slot of this.#slots.values()) slot.connection?.close();
    this.#slots.clear();
  }

  #slot(address: Address, lane: Lane): Slot {
    const key = `${formatAddress(address)}/${lane}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = {
        address: { host: address.host, port: address.port },
        connection: null,
        connecting: null,
        failureCount: 0,
        restUntilMs: 0,
      };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  async #connect(slot: Slot, deadlineMs: number): Promise<KafkaConnection> {
    const { clock, random } = this.#host;
    const restMs = slot.restUntilMs - clock.monotonicMs();
    if (restMs > 0) {
      await sleep(clock, Math.min(restMs, deadlineMs - clock.monotonicMs()));
    }
    if (this.#isClosed) throw this.#closed(slot.address);
    const { connectTimeout, reconnectBackoff } = this.#settings;
    const leftMs = deadlineMs - clock.monotonicMs();
    const timeoutMs = Math.min(
      backoffMs(connectTimeout, slot.failureCount + 1, random),
      Math.max(leftMs, 1),
    );
    try {
      const connection = await KafkaConnection.open(this.#host, slot.address, {
        clientId: this.#settings.clientId,
        connectTimeoutMs: timeoutMs,
        negotiateTimeoutMs: Math.min(
          this.#settings.requestTimeoutMs,
          Math.max(leftMs, 1),
        ),
        requestTimeoutMs: this.#settings.requestTimeoutMs,
        idleMs: this.#settings.connectionsMaxIdleMs,
      });
      if (this.#isClosed) {
        connection.close();
        throw this.#closed(slot.address);
      }
      slot.connection = connection;
      slot.failureCount = 0;
      return connection;
    } catch (error) {
      slot.failureCount++;
      slot.restUntilMs = clock.monotonicMs() +
        backoffMs(reconnectBackoff, slot.failureCount, random);
      throw asError(error);
    }
  }

  #closed(address: Address): HostError {
    return new HostError(
      "closed",
      `Cannot connect to ${formatAddress(address)}: the client is closed`,
    );
  }
}
