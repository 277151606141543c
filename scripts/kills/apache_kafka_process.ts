// Apache Kafka in the place of kq's broker, so that both can be put through the same.

import {
  freePort as freePortPair,
  type RunningBroker,
  startKafka,
} from "../conformance/brokers.ts";
import type { Listening } from "./kq_process.ts";

/** A broker as `BrokerProcess` is one; it is never killed. */
export class ApacheKafkaProcess {
  readonly address: string;
  readonly #directory: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #port = freePortPair();
  readonly #listeners: Listening[];
  #broker: RunningBroker | null = null;

  /** @param overrides `key=value`, beside the port and the data. */
  constructor(directory: string, overrides: readonly string[]) {
    this.#directory = directory;
    this.#settings = Object.fromEntries(
      overrides.map((each) => each.split(/=(.*)/).slice(0, 2)),
    );
    this.address = `127.0.0.1:${this.#port}`;
    this.#listeners = [{
      name: "PLAINTEXT",
      address: this.address,
      advertised: this.address,
    }];
  }

  /** As `BrokerProcess` does. */
  addListener(listener: Listening): void {
    this.#listeners.push(listener);
  }

  /**
   * Starts it, and waits until it answers.
   *
   * @throws {Error} Where this machine cannot have it.
   */
  async start(): Promise<void> {
    const listed = (key: "address" | "advertised") =>
      this.#listeners.map((each) => `${each.name}://${each[key]}`).join(",");
    const names = [...this.#listeners.map(({ name }) => name), "CONTROLLER"];
    this.#broker = await startKafka({
      work: this.#directory,
      port: this.#port,
      settings: {
        "listeners": `${listed("address")},CONTROLLER://127.0.0.1:${
          this.#port + 1
        }`,
        "advertised.listeners": listed("advertised"),
        "listener.security.protocol.map": names.map((name) =>
          `${name}:PLAINTEXT`
        ).join(","),
        "inter.broker.listener.name": "PLAINTEXT",
        "group.coordinator.rebalance.protocols": "classic,consumer",
        ...this.#settings,
      },
    });
  }

  async end(): Promise<void> {
    await this.#broker?.stop();
    this.#broker = null;
  }
}
