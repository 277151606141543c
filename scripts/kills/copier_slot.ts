// One copier after another: each is a process that gets killed, or that ends where
// its producer is beyond use, and has a next one in its place.

import type { SimRandom } from "../../core/testing/sim_random.ts";
import { newerClientsClassPath } from "../conformance/apache_kafka.ts";
import { pythonWith } from "../conformance/install.ts";
import type { CopierOrders } from "./copier.ts";
import { denoCommand, KilledProcess } from "./kq_process.ts";

/** How a copier ends that has to be replaced. */
const BEYOND_USE = 3;
/** More than any right run has. */
const LIFE_MAX = 500;
/** Of producers that give up early, so that they overtake their own requests. */
const HASTE = {
  "request.timeout.ms": "1500",
  "delivery.timeout.ms": "4000",
};

/** Whose client a copier uses. */
export interface CopierKind {
  readonly command: readonly string[];
  readonly argsOf: (orders: CopierOrders) => readonly string[];
  /** What makes its producer give up early. */
  readonly haste: { readonly [key: string]: string };
}

const asJson = (orders: CopierOrders) => [JSON.stringify(orders)];

export const kqCopier: CopierKind = {
  command: denoCommand("scripts/kills/copier.ts"),
  argsOf: asJson,
  haste: HASTE,
};

/** @throws {UnavailableError} Where this machine cannot have it. */
export async function librdkafkaCopier(): Promise<CopierKind> {
  const packages = ["confluent-kafka==2.16.1"];
  return {
    command: [
      await pythonWith("confluent-kafka-2.16.1", packages),
      new URL("copier.py", import.meta.url).pathname,
    ],
    argsOf: asJson,
    haste: { ...HASTE, "socket.timeout.ms": "1500" },
  };
}

/** By Java's clients, of a version that takes a new epoch for each transaction. */
export async function javaCopier(): Promise<CopierKind> {
  const classPath = await newerClientsClassPath();
  if (classPath === null) throw new Error("Java's clients cannot be had here");
  return {
    command: [
      "java",
      "-cp",
      classPath,
      new URL("Copier.java", import.meta.url).pathname,
    ],
    argsOf: ({ consumer, producer, ...others }) => [
      ...Object.entries(others).map(([key, value]) => `${key}=${value}`),
      ...Object.entries(consumer).map(([key, value]) =>
        `consumer.${key}=${value}`
      ),
      ...Object.entries(producer).map(([key, value]) =>
        `producer.${key}=${value}`
      ),
    ],
    haste: HASTE,
  };
}

export interface CopierSlotOptions {
  readonly index: number;
  readonly kind: CopierKind;
  readonly random: SimRandom;
  readonly isHasty: boolean;
  /** What all copiers are told. */
  readonly orders: Omit<CopierOrders, "name" | "seed">;
  /** Told of one that ended by itself, with the wrong exit code. */
  readonly onFailure: (name: string, exitCode: number) => void;
}

export class CopierSlot {
  readonly #options: CopierSlotOptions;
  #lifeCount = 0;
  #process: KilledProcess | null = null;
  #isOver = false;
  /** Lives that ended by themselves. */
  replacedCount = 0;

  constructor(options: CopierSlotOptions) {
    this.#options = options;
  }

  start(): void {
    const { kind, onFailure, orders: { directory } } = this.#options;
    const life = this.#lifeCount++;
    const orders = this.#ordersOf(life);
    const { name } = orders;
    const started = this.#process = new KilledProcess(
      [...kind.command, ...kind.argsOf(orders)],
      { out: `${directory}/${name}.out`, err: `${directory}/${name}.err` },
    );
    void started.finished.then((code) => {
      if (this.#isOver || this.#process !== started) return;
      this.replacedCount++;
      if (code !== BEYOND_USE) onFailure(name, code);
      if (this.#lifeCount < LIFE_MAX) this.start();
    });
  }

  /** Whether a transaction is of one of its lives. */
  hasWritten(transaction: string): boolean {
    return transaction.startsWith(letterOf(this.#options.index));
  }

  async kill(): Promise<void> {
    const victim = this.#process;
    this.#process = null;
    await victim?.end("SIGKILL");
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#process?.end("SIGKILL");
  }

  #ordersOf(life: number): CopierOrders {
    const { index, kind, random, isHasty, orders } = this.#options;
    const name = `${letterOf(index)}${life}`;
    // A static member's place is taken at once, in a group of the older protocol.
    // Others have to be missed first; in the newer protocol a static member ends
    // until then, as its instance id has not been released.
    const place: CopierOrders["consumer"] = random.chance(0.5)
      ? { "group.instance.id": `place-${index}` }
      : {};
    return {
      ...orders,
      name,
      seed: random.below(2 ** 31),
      consumer: {
        ...orders.consumer,
        "max.poll.records": String(random.pick([500, 1000, 3000])),
        ...place,
      },
      producer: {
        ...orders.producer,
        ...isHasty ? kind.haste : {},
        // Another id leaves the last one's transaction open until it times out.
        "transactional.id": random.chance(0.2) ? name : `copier-${index}`,
      },
    };
  }
}

/** What the names of a slot's copiers begin with. */
function letterOf(index: number): string {
  return String.fromCharCode(97 + index);
}
