// Configuration overrides in znodes. Who changes them leaves a numbered note
// under /config/changes, so that nobody needs a watch on each of them.

import type { ZnodeClient } from "../coordination/znode_client.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import type { ConfigOverrides } from "./cluster_image.ts";
import type { ImageDraft } from "./image_draft.ts";
import {
  CONFIG_CHANGE_PREFIX,
  CONFIG_CHANGES,
  type ConfigEntity,
  configPath,
  DEFAULT_ENTITY,
  parseConfig,
  parseConfigChange,
} from "./znode_layout.ts";

const NONE: ConfigOverrides = new Map();

/** The number at the end of a change's name; -1 where the name is another kind's. */
export function changeNumber(name: string): number {
  if (!name.startsWith(CONFIG_CHANGE_PREFIX)) return -1;
  const number = Number(name.slice(CONFIG_CHANGE_PREFIX.length));
  return Number.isSafeInteger(number) ? number : -1;
}

/** Reads overrides, and follows their changes. */
export class ConfigReader {
  readonly #znodes: ZnodeClient;
  readonly #watch: () => void;
  #changeSeen = -1;
  #isComplete = false;

  /** @param onChange Called when there may be something for `readChanges`. */
  constructor(znodes: ZnodeClient, onChange: () => void) {
    this.#znodes = znodes;
    this.#watch = () => onChange();
  }

  /** Number of the last change that was read. */
  get changeSeen(): number {
    return this.#changeSeen;
  }

  /**
   * Notes where changes begin; overrides that are read later are at least as new,
   * and all brokers' are read next.
   */
  async begin(): Promise<void> {
    this.#isComplete = false;
    const { names } = await this.#znodes.children(CONFIG_CHANGES);
    this.#changeSeen = Math.max(-1, ...names.map(changeNumber));
  }

  /** The overrides of something; empty where it has none. */
  async read(entity: ConfigEntity): Promise<ConfigOverrides> {
    const path = configPath(entity);
    try {
      const config = parseConfig(path, (await this.#znodes.get(path)).data);
      return config.size === 0 ? NONE : config;
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return NONE;
      throw error;
    }
  }

  /** Reads what changed since the last time; all brokers' overrides the first time. */
  async readChanges(draft: ImageDraft): Promise<void> {
    const { names } = await this.#znodes.children(CONFIG_CHANGES, this.#watch);
    const entities = new Map<string, ConfigEntity>();
    let last = this.#changeSeen;
    for (const name of names) {
      const number = changeNumber(name);
      if (number <= this.#changeSeen) continue;
      last = Math.max(last, number);
      const entity = await this.#readChange(`${CONFIG_CHANGES}/${name}`);
      if (entity !== null) entities.set(configPath(entity), entity);
    }
    if (!this.#isComplete) await this.#addBrokers(entities);
    await Promise.all(
      [...entities.values()].map((entity) => this.#apply(draft, entity)),
    );
    this.#isComplete = true;
    this.#changeSeen = last;
  }

  async #readChange(path: string): Promise<ConfigEntity | null> {
    try {
      return parseConfigChange(path, (await this.#znodes.get(path)).data);
    } catch (error) {
      // Old changes are removed by whoever comes by.
      if (isZkError(error, "NO_NODE")) return null;
      throw error;
    }
  }

  async #addBrokers(entities: Map<string, ConfigEntity>): Promise<void> {
    const { names } = await this.#znodes.children("/config/brokers");
    for (const name of names) {
      const entity = { kind: "brokers", name } as const;
      entities.set(configPath(entity), entity);
    }
  }

  async #apply(draft: ImageDraft, entity: ConfigEntity): Promise<void> {
    const { kind, name } = entity;
    if (kind === "topics") {
      const config = await this.read(entity);
      draft.setTopicConfig(name, config);
    } else if (kind === "brokers") {
      const config = await this.read(entity);
      draft.setBrokerConfig(
        name === DEFAULT_ENTITY ? null : Number(name),
        config,
      );
    }
  }
}
