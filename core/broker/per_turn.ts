// Gathers what is to go to other brokers: what one turn of the event loop brings for
// a broker leaves in one request.

import type { Clock } from "../host/host.ts";

export interface PerTurnOptions<T> {
  readonly clock: Clock;
  /** What may be in a request only once, since its answer goes by it. */
  readonly keyOf: (item: T) => string | number;
  /** Called with at least one item; no two have the same key. */
  readonly send: (brokerId: number, items: readonly T[]) => void;
}

export class PerTurn<T> {
  readonly #options: PerTurnOptions<T>;
  #waiting = new Map<number, T[]>();

  constructor(options: PerTurnOptions<T>) {
    this.#options = options;
  }

  add(brokerId: number, item: T): void {
    if (this.#waiting.size === 0) {
      this.#options.clock.afterOthers(() => this.#sendAll());
    }
    const items = this.#waiting.get(brokerId);
    if (items === undefined) this.#waiting.set(brokerId, [item]);
    else items.push(item);
  }

  #sendAll(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [brokerId, items] of waiting) this.#sendTo(brokerId, items);
  }

  /** What has a key that is taken goes in the next request. */
  #sendTo(brokerId: number, items: readonly T[]): void {
    const { keyOf, send } = this.#options;
    let rest = items;
    while (rest.length > 0) {
      const byKey = new Map<string | number, T>();
      const later: T[] = [];
      for (const item of rest) {
        const key = keyOf(item);
        if (byKey.has(key)) later.push(item);
        else byKey.set(key, item);
      }
      send(brokerId, [...byKey.values()]);
      rest = later;
    }
  }
}

/** Partitions by topic, as requests name them. */
export function byTopic(
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): { readonly name: string; readonly partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [partition]);
    else known.push(partition);
  }
  return Array.from(topics, ([name, each]) => ({ name, partitions: each }));
}
