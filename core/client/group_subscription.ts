// The topics that a member of a group wants, by name or by pattern, and whether
// something has changed there that the group has to share out anew.
//
// Source: Kafka documentation, "Consumer API": subscribe, metadata.max.age.ms.

import type { Cluster } from "./cluster.ts";
import { partitionCounts } from "./group_join.ts";
import { decodeMetadata } from "./metadata.ts";

/** Topics that are missing are looked for so often. */
const MISSING_INTERVAL_MS = 1000;

const INTERNAL_TOPICS = [
  "__consumer_offsets",
  "__transaction_state",
  "__share_group_state",
];

export interface GroupSubscriptionParts {
  readonly cluster: Cluster;
  /** A pattern has to match whole names. */
  readonly wanted: readonly string[] | RegExp;
  readonly excludesInternal: boolean;
  /** Told when the group has to share out anew. */
  readonly onChange: () => void;
}

export class GroupSubscription {
  readonly #parts: GroupSubscriptionParts;
  readonly #pattern: RegExp | null;
  #topics: readonly string[];
  #isKnown: boolean;
  /** What the assignment went by, where this member made it. */
  #counts: ReadonlyMap<string, number> | null = null;
  #looking: Promise<void> | null = null;
  #lookAtMs = 0;

  constructor(parts: GroupSubscriptionParts) {
    const { wanted } = parts;
    this.#parts = parts;
    this.#pattern = wanted instanceof RegExp
      ? new RegExp(`^(?:${wanted.source})$`, wanted.flags.replace("g", ""))
      : null;
    this.#topics = wanted instanceof RegExp ? [] : [...new Set(wanted)];
    this.#isKnown = this.#pattern === null;
  }

  get topics(): readonly string[] {
    return this.#topics;
  }

  /**
   * The pattern as a broker may match it; `null` where there is none, or where it
   * would match internal topics that are to be left out.
   */
  get brokerPattern(): string | null {
    const { wanted, excludesInternal } = this.#parts;
    if (!(wanted instanceof RegExp) || /[imsv]/.test(wanted.flags)) return null;
    const isRisky = excludesInternal &&
      INTERNAL_TOPICS.some((name) => this.#pattern!.test(name));
    return isRisky ? null : wanted.source;
  }

  /** Waits until it is known which topics a pattern means. */
  async known(): Promise<void> {
    if (!this.#isKnown) await this.#lookOnce();
  }

  /** Notes what an assignment went by; `null` where another member made it. */
  joined(counts: ReadonlyMap<string, number> | null): void {
    this.#counts = counts;
    this.#lookLater();
  }

  /** Looks for changes in the background, once it is time. */
  look(): void {
    if (this.#nowMs() < this.#lookAtMs) return;
    if (this.#pattern === null && this.#counts === null) return;
    // What fails now is tried again with the next look.
    this.#lookOnce().catch(() => this.#lookLater());
  }

  #lookOnce(): Promise<void> {
    this.#looking ??= this.#compare().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #compare(): Promise<void> {
    const counts = this.#counts;
    const hasNewTopics = this.#pattern !== null && await this.#match();
    const hasNewCounts = counts !== null && await this.#hasChanged(counts);
    this.#lookLater();
    if (hasNewTopics || hasNewCounts) this.#parts.onChange();
  }

  /** @returns True where the pattern matches other topics than before. */
  async #match(): Promise<boolean> {
    const { cluster, excludesInternal } = this.#parts;
    const known = cluster.metadata.topics;
    const answer = await cluster.fetchMetadata(null, {
      deadlineMs: cluster.deadline(),
      keep: (name) => known.has(name),
    });
    const topics = [...decodeMetadata(answer).topics.values()]
      .filter(({ name, isInternal }) =>
        this.#pattern!.test(name) && !(excludesInternal && isInternal)
      )
      .map(({ name }) => name)
      .sort();
    const isChanged = this.#isKnown &&
      (topics.length !== this.#topics.length ||
        topics.some((name, index) => name !== this.#topics[index]));
    this.#topics = topics;
    this.#isKnown = true;
    return isChanged;
  }

  async #hasChanged(counts: ReadonlyMap<string, number>): Promise<boolean> {
    const now = await partitionCounts(this.#parts.cluster, [...counts.keys()]);
    if (counts !== this.#counts) return false;
    return [...counts].some(([topic, count]) => now.get(topic) !== count);
  }

  #lookLater(): void {
    const isMissing = this.#topics.length === 0 ||
      [...this.#counts?.values() ?? []].includes(0);
    const { metadataMaxAgeMs } = this.#parts.cluster.settings;
    this.#lookAtMs = this.#nowMs() +
      (isMissing
        ? Math.min(MISSING_INTERVAL_MS, metadataMaxAgeMs)
        : metadataMaxAgeMs);
  }

  #nowMs(): number {
    return this.#parts.cluster.host.clock.monotonicMs();
  }
}
