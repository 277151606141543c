// Follows the cluster's znodes by watches and makes an image of them.
//
// A watch says only that something changed. What changed is noted, and read
// anew, together with all else that was noted meanwhile; reading sets the watch
// again, so nothing is missed between the two.
//
//   watch fires → note → [serial: read what was noted, with watches] → new image

import { Serial } from "../base/serial.ts";
import type {
  ZnodeClient,
  ZnodeWatcher,
} from "../coordination/znode_client.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import type { BrokerImage, ClusterImage } from "./cluster_image.ts";
import { ConfigReader } from "./config_reader.ts";
import {
  emptyImage,
  ImageDraft,
  partitionImage,
  topicImage,
  type VersionedState,
} from "./image_draft.ts";
import {
  BROKER_IDS,
  brokerPath,
  CONTROLLER,
  CONTROLLER_EPOCH,
  LayoutError,
  parseBroker,
  parseController,
  parseEpoch,
  parseState,
  parseTopic,
  statePath,
  type TopicAssignment,
  topicPath,
  TOPICS,
} from "./znode_layout.ts";

export interface FollowerOptions {
  readonly znodes: ZnodeClient;
  readonly clusterId: string;
  readonly onImage: (image: ClusterImage, before: ClusterImage) => void;
  /** Called when what was noted has been read, a new image having been told of. */
  readonly onRefreshed: () => void;
  /** Called where the znodes cannot be read any more. */
  readonly onFailure: (error: unknown) => void;
  /** Told of znodes that hold what Kafka would not have written; they count as absent. */
  readonly trace: (line: string) => void;
}

/** What has to be read anew. */
interface Noted {
  controller: boolean;
  brokers: boolean;
  topicList: boolean;
  configs: boolean;
  readonly topics: Set<string>;
  readonly partitions: Map<string, Set<number>>;
}

function nothingNoted(): Noted {
  return {
    controller: false,
    brokers: false,
    topicList: false,
    configs: false,
    topics: new Set(),
    partitions: new Map(),
  };
}

/** See the file's header. */
export class MetadataFollower {
  readonly #options: FollowerOptions;
  readonly #znodes: ZnodeClient;
  readonly #configs: ConfigReader;
  readonly #serial = new Serial();
  /** Watchers by path: one function for a path is one watch, however often it is set. */
  readonly #watchers = new Map<string, ZnodeWatcher>();
  /** Topics that have a znode, also those that could not be read. */
  #known: ReadonlySet<string> = new Set();
  readonly #assignments = new Map<string, TopicAssignment>();
  #image: ClusterImage;
  #noted = nothingNoted();
  #isScheduled = false;
  #isClosed = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#znodes = options.znodes;
    this.#image = emptyImage(options.clusterId);
    this.#configs = new ConfigReader(
      options.znodes,
      () => this.#note((noted) => noted.configs = true),
    );
  }

  get image(): ClusterImage {
    return this.#image;
  }

  /** Number of the last configuration change that the image shows; -1 before the first. */
  get configChangeSeen(): number {
    return this.#configs.changeSeen;
  }

  /** Reads everything once; from then on, the image follows. Again in each new session, where no watch is left. */
  async start(): Promise<void> {
    await this.#configs.begin();
    const noted = this.#noted;
    noted.controller =
      noted.brokers =
      noted.topicList =
      noted.configs =
        true;
    for (const name of this.#known) noted.topics.add(name);
    this.#isScheduled = true;
    await this.#serial.run(() => this.#refresh());
  }

  close(): void {
    this.#isClosed = true;
  }

  #note(change: (noted: Noted) => void): void {
    if (this.#isClosed) return;
    change(this.#noted);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#serial.run(() => this.#refresh()).catch((error) => {
      if (!this.#isClosed) this.#options.onFailure(error);
    });
  }

  async #refresh(): Promise<void> {
    this.#isScheduled = false;
    const noted = this.#noted;
    this.#noted = nothingNoted();
    if (this.#isClosed) return;
    const draft = new ImageDraft(this.#image);
    await Promise.all([
      noted.controller && this.#readController(draft),
      noted.brokers && this.#readBrokers(draft),
      this.#readTopics(draft, noted),
    ]);
    // After the topics: a topic read just now may have older overrides.
    if (noted.configs) await this.#configs.readChanges(draft);
    const before = this.#image;
    this.#image = draft.build();
    if (this.#image !== before && !this.#isClosed) {
      this.#options.onImage(this.#image, before);
    }
    this.#options.onRefreshed();
  }

  async #readController(draft: ImageDraft): Promise<void> {
    const watch = this.#watcher(CONTROLLER, (noted) => noted.controller = true);
    const [found, epoch] = await Promise.all([
      this.#getOrWatch(CONTROLLER, watch),
      this.#znodes.get(CONTROLLER_EPOCH),
    ]);
    const id = found === null ? -1 : parseController(CONTROLLER, found.data);
    draft.setController(id, parseEpoch(epoch.data));
  }

  async #readBrokers(draft: ImageDraft): Promise<void> {
    const watch = this.#watcher(BROKER_IDS, (noted) => noted.brokers = true);
    const { names } = await this.#znodes.children(BROKER_IDS, watch);
    const ids = names.map(Number).sort((a, b) => a - b);
    const brokers = new Map<number, BrokerImage>();
    const found = await Promise.all(ids.map((id) => this.#readBroker(id)));
    for (const broker of found) {
      if (broker !== null) brokers.set(broker.id, broker);
    }
    draft.setBrokers(brokers);
  }

  async #readBroker(id: number): Promise<BrokerImage | null> {
    const path = brokerPath(id);
    const watch = this.#watcher(path, (noted) => noted.brokers = true);
    const found = await this.#getOrNull(path, watch);
    // Kafka makes the registration empty and fills it in the same multi.
    if (found === null || found.data.length === 0) return null;
    const registration = this.#parse(() => parseBroker(path, found.data));
    if (registration === null) return null;
    return { id, epoch: Number(found.stat.czxid), ...registration };
  }

  async #readTopics(draft: ImageDraft, noted: Noted): Promise<void> {
    if (noted.topicList) {
      const watch = this.#watcher(TOPICS, (next) => next.topicList = true);
      const { names } = await this.#znodes.children(TOPICS, watch);
      const present = new Set(names);
      for (const name of this.#known) {
        if (!present.has(name)) this.#forgetTopic(draft, name);
      }
      for (const name of present) {
        if (!this.#known.has(name)) noted.topics.add(name);
      }
      this.#known = present;
    }
    await Promise.all(
      [...noted.topics].map((name) => this.#readTopic(draft, name)),
    );
    for (const [name, indexes] of noted.partitions) {
      if (!noted.topics.has(name)) {
        await this.#readPartitions(draft, name, [...indexes]);
      }
    }
  }

  async #readTopic(draft: ImageDraft, name: string): Promise<void> {
    const path = topicPath(name);
    const watch = this.#watcher(path, (noted) => noted.topics.add(name));
    const found = await this.#getOrNull(path, watch);
    if (found === null) return this.#forgetTopic(draft, name);
    const assignment = this.#parse(() => parseTopic(path, found.data));
    if (assignment === null) return this.#forgetTopic(draft, name);
    const count = Math.max(-1, ...assignment.replicas.keys()) + 1;
    const [states, config] = await Promise.all([
      Promise.all(
        Array.from(
          { length: count },
          (_, index) => this.#readState(name, index),
        ),
      ),
      this.#configs.read({ kind: "topics", name }),
    ]);
    this.#assignments.set(name, assignment);
    draft.setTopic(topicImage(name, assignment, states, config));
  }

  async #readPartitions(
    draft: ImageDraft,
    name: string,
    indexes: readonly number[],
  ): Promise<void> {
    const states = await Promise.all(
      indexes.map((index) => this.#readState(name, index)),
    );
    const assignment = this.#assignments.get(name);
    if (assignment === undefined) return;
    const partitions = indexes.map((index, place) =>
      partitionImage(index, assignment, states[place])
    );
    draft.setPartitions(name, partitions);
  }

  async #readState(
    name: string,
    index: number,
  ): Promise<VersionedState | null> {
    const path = statePath(name, index);
    const watch = this.#watcher(path, (noted) => {
      const indexes = noted.partitions.get(name);
      if (indexes === undefined) noted.partitions.set(name, new Set([index]));
      else indexes.add(index);
    });
    const found = await this.#getOrWatch(path, watch);
    if (found === null) return null;
    const state = this.#parse(() => parseState(path, found.data));
    return state && { ...state, partitionEpoch: found.stat.version };
  }

  #forgetTopic(draft: ImageDraft, name: string): void {
    draft.removeTopic(name);
    const count = this.#assignments.get(name)?.replicas.size ?? 0;
    this.#assignments.delete(name);
    this.#watchers.delete(topicPath(name));
    for (let index = 0; index < count; index++) {
      this.#watchers.delete(statePath(name, index));
    }
  }

  #parse<T>(parse: () => T): T | null {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      this.#options.trace(error.message);
      return null;
    }
  }

  /** What a znode holds; where there is none, null, and no watch is left. */
  async #getOrNull(path: string, watch: ZnodeWatcher) {
    try {
      return await this.#znodes.get(path, watch);
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return null;
      throw error;
    }
  }

  /** What a znode holds; where there is none, null, and the watch waits for it. */
  async #getOrWatch(path: string, watch: ZnodeWatcher) {
    for (;;) {
      const found = await this.#getOrNull(path, watch);
      if (found !== null) return found;
      if (await this.#znodes.exists(path, watch) === null) return null;
    }
  }

  #watcher(path: string, change: (noted: Noted) => void): ZnodeWatcher {
    let watcher = this.#watchers.get(path);
    if (watcher === undefined) {
      watcher = () => this.#note(change);
      this.#watchers.set(path, watcher);
    }
    return watcher;
  }
}
