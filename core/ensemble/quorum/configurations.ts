// The configurations that one server knows: the one in force, and one that was
// proposed and may come into force at any time.
//
//   see(config)        proposed; from now on both have to agree to everything
//   activate(config)   committed, or heard of from one who knows it committed
//
// Between the two an election, an epoch's history and each change need more than
// half of the voters of either.
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration".

import type { Member } from "./quorum_config.ts";
import { QuorumConfig, QuorumConfigError } from "./quorum_config.ts";

/** Keeps configurations where a start finds them. */
export interface ConfigKeeper {
  /** Proposed, and not in force. @returns When that is durable. */
  keepSeen(config: QuorumConfig): Promise<void>;
  /** In force. @returns When that is durable. */
  keepActive(config: QuorumConfig): Promise<void>;
}

export interface ConfigurationsOptions {
  readonly selfId: number;
  readonly active: QuorumConfig;
  /** What was proposed last, as far as this server knows. */
  readonly lastSeen?: QuorumConfig | null;
  /** Whether configurations change at all: `reconfigEnabled`. */
  readonly isChangeable?: boolean;
  readonly keeper?: ConfigKeeper;
}

/** See the file's header. */
export class Configurations {
  /** Whether configurations change at all. */
  readonly isChangeable: boolean;
  readonly #selfId: number;
  readonly #keeper: ConfigKeeper | null;
  #active: QuorumConfig;
  #lastSeen: QuorumConfig;
  #self: Member | null;
  #required: readonly QuorumConfig[];
  #kept: Promise<void> = Promise.resolve();
  #changed: () => void = () => {};

  constructor(options: ConfigurationsOptions) {
    const { active, selfId } = options;
    this.#selfId = selfId;
    this.isChangeable = options.isChangeable ?? false;
    this.#keeper = options.keeper ?? null;
    this.#active = active;
    const { lastSeen } = options;
    this.#lastSeen = lastSeen != null && lastSeen.version > active.version
      ? lastSeen
      : active;
    this.#self = active.members.get(selfId) ?? null;
    this.#required = this.#requiredNow();
  }

  /** Called after each change of the active configuration. */
  tell(changed: () => void): void {
    this.#changed = changed;
  }

  get active(): QuorumConfig {
    return this.#active;
  }

  get lastSeen(): QuorumConfig {
    return this.#lastSeen;
  }

  /** Whether one was proposed that is not in force yet. */
  get isChanging(): boolean {
    return this.#lastSeen.version > this.#active.version;
  }

  /** Those that have to agree to what is proposed now. */
  required(): readonly QuorumConfig[] {
    return this.#required;
  }

  /** Whether these servers are a quorum of all that are `required`. */
  isQuorum(ids: Iterable<number>): boolean {
    const set = new Set(ids);
    return this.required().every((config) => config.isQuorum(set));
  }

  /** Whether a server votes in any that is `required`. */
  isVoter(id: number): boolean {
    return this.#active.isVoter(id) ||
      (this.isChanging && this.#lastSeen.isVoter(id));
  }

  /** Ids of those that vote in any that is `required`. */
  voters(): Set<number> {
    const ids = new Set<number>();
    for (const { members } of this.required()) {
      for (const { id, type } of members.values()) {
        if (type === "participant") ids.add(id);
      }
    }
    return ids;
  }

  /** `null` for a server that none has. */
  member(id: number): Member | null {
    return this.#active.members.get(id) ?? this.#lastSeen.members.get(id) ??
      null;
  }

  /** This server as it was configured last, though it may have been removed. */
  get self(): Member {
    const self = this.#self ?? this.#lastSeen.members.get(this.#selfId);
    if (self === undefined || self === null) {
      throw new QuorumConfigError(
        `server ${this.#selfId} is in no configuration`,
      );
    }
    return self;
  }

  /** Whether this server only listens to what others agree on. */
  get isObserver(): boolean {
    return this.#active.members.get(this.#selfId)?.type === "observer";
  }

  /**
   * Takes note of a proposal: what a leader says counts, newer or not.
   *
   * @returns When it will not be forgotten: only then may it be acknowledged.
   */
  see(config: QuorumConfig): Promise<void> {
    if (!this.isChangeable || config.version === this.#lastSeen.version) {
      return this.#kept;
    }
    this.#lastSeen = config;
    this.#required = this.#requiredNow();
    this.#kept = this.#keeper?.keepSeen(config) ?? this.#kept;
    return this.#kept;
  }

  /** @returns Whether it is newer than the active one and has other members. */
  activate(config: QuorumConfig): boolean {
    if (!this.isChangeable || config.version <= this.#active.version) {
      return false;
    }
    const before = this.#active;
    this.#active = config;
    if (config.version > this.#lastSeen.version) this.#lastSeen = config;
    this.#self = config.members.get(this.#selfId) ?? this.#self;
    this.#required = this.#requiredNow();
    this.#keeper?.keepActive(config).catch(() => {});
    this.#changed();
    return !config.hasSameMembers(before);
  }

  #requiredNow(): readonly QuorumConfig[] {
    return this.isChanging ? [this.#active, this.#lastSeen] : [this.#active];
  }
}
