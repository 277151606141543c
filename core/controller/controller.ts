// The controller: the one broker that decides for the cluster.
//
// Brokers race to make /controller, together with the next /controller_epoch.
// Whoever holds it brings the cluster to where it should be: partitions have
// leaders that live, topics that are to be deleted go. It does so by comparing
// the whole image with that, whenever anything changes, so that it needs no
// memory of what it has begun. Each of its writes checks the epoch, so that one
// that was deposed unawares changes nothing.

import { Serial } from "../base/serial.ts";
import type { Host } from "../host/host.ts";
import type {
  ZnodeClient,
  ZnodeOperation,
} from "../coordination/znode_client.ts";
import { isZkError, ZkError } from "../wire/zookeeper/errors.ts";
import type { ClusterImage, TopicImage } from "./cluster_image.ts";
import { changeNumber } from "./config_reader.ts";
import { decideChanges, type PartitionChange } from "./decide_changes.ts";
import {
  CONFIG_CHANGES,
  configPath,
  CONTROLLER,
  CONTROLLER_EPOCH,
  DELETE_TOPICS,
  deleteTopicPath,
  encodeController,
  encodeEpoch,
  encodeState,
  parseEpoch,
  partitionPath,
  partitionsPath,
  statePath,
  topicPath,
} from "./znode_layout.ts";

/** Operations in one multi: far below ZooKeeper's limit of 1 MB a request. */
const OPERATIONS_PER_MULTI = 1000;
/** How long a note of a configuration change is kept for slow brokers. */
const CONFIG_CHANGE_KEPT_MS = 15 * 60_000;

/** What a write gets that was decided on an image behind the znodes. */
const BEHIND: readonly string[] = ["NODE_EXISTS", "BAD_VERSION", "NO_NODE"];

export interface ControllerOptions {
  readonly host: Host;
  readonly znodes: ZnodeClient;
  readonly brokerId: number;
  /** The newest image. */
  readonly image: () => ClusterImage;
  readonly uncleanElectionDefault: () => boolean;
  /** Whether this broker has lost its replica of a partition with a log directory. */
  readonly isReplicaLost: (topic: string, index: number) => boolean;
  readonly trace: (line: string) => void;
  /** Called where the znodes cannot be read or written any more. */
  readonly onFailure: (error: unknown) => void;
}

/** A term as controller. */
interface Term {
  readonly epoch: number;
  /** Version of /controller_epoch that every write checks. */
  readonly epochVersion: number;
}

/** See the file's header. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #znodes: ZnodeClient;
  readonly #serial = new Serial();
  readonly #watchDeletions = () => this.#scheduleReconcile();
  #term: Term | null = null;
  #isScheduled = false;
  #isClosed = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#znodes = options.znodes;
  }

  get isActive(): boolean {
    return this.#term !== null;
  }

  /** Tries to become controller; does nothing where there is one. */
  elect(): Promise<void> {
    return this.#serial.run(() => this.#elect());
  }

  /** Takes note of a new image: acts on it, soon, or takes the place of a controller that is gone. */
  imageChanged(image: ClusterImage): void {
    const { brokerId } = this.#options;
    const isOther = image.controllerId !== brokerId;
    // An image from before this term says nothing about it.
    if (isOther && image.controllerEpoch >= (this.#term?.epoch ?? Infinity)) {
      this.#term = null;
    }
    if (image.controllerId === -1) this.#soon(() => this.#elect());
    this.#scheduleReconcile();
  }

  /** Takes note of replicas that this broker has lost. */
  replicasLost(): void {
    this.#scheduleReconcile();
  }

  /** Takes note that the session has ended: somebody else may be controller now. */
  resign(): void {
    this.#term = null;
  }

  /** Acts no more; what is under way is finished. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#serial.idle();
    this.#term = null;
  }

  #scheduleReconcile(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#soon(() => this.#reconcile());
  }

  #soon(job: () => Promise<void>): void {
    this.#serial.run(job).catch((error) => {
      if (!this.#isClosed) this.#options.onFailure(error);
    });
  }

  async #elect(): Promise<void> {
    if (this.#term !== null || this.#isClosed) return;
    const { host, brokerId } = this.#options;
    const { data, stat } = await this.#znodes.get(CONTROLLER_EPOCH);
    const epoch = parseEpoch(data) + 1;
    try {
      const [, set] = await this.#znodes.multi([
        {
          kind: "create",
          path: CONTROLLER,
          data: encodeController(brokerId, host.clock.wallMs()),
          mode: "ephemeral",
        },
        {
          kind: "set",
          path: CONTROLLER_EPOCH,
          data: encodeEpoch(epoch),
          version: stat.version,
        },
      ]);
      this.#term = { epoch, epochVersion: set.stat?.version ?? 0 };
    } catch (error) {
      if (!isZkError(error, "NODE_EXISTS", "BAD_VERSION")) throw error;
      // Another broker was faster, and its end is watched; or an answer was lost.
      this.#term = await this.#ownTerm();
    }
  }

  /** The term of this very session, where it has one. */
  async #ownTerm(): Promise<Term | null> {
    const controller = await this.#znodes.exists(CONTROLLER);
    if (controller?.ephemeralOwner !== this.#znodes.sessionId) return null;
    // Nobody else can raise it for as long as that znode is there.
    const { data, stat } = await this.#znodes.get(CONTROLLER_EPOCH);
    return { epoch: parseEpoch(data), epochVersion: stat.version };
  }

  async #reconcile(): Promise<void> {
    this.#isScheduled = false;
    if (this.#term === null || this.#isClosed) return;
    const image = this.#options.image();
    // The election may be newer than the image: the one that shows it comes here.
    if (image.controllerEpoch !== this.#term.epoch) return;
    try {
      const deleted = await this.#deleteTopics(image);
      const changes = decideChanges(image, {
        isUncleanAllowed: (topic) => this.#isUncleanAllowed(topic),
        isLeftAlone: (topic) => deleted.has(topic.name),
        lostBy: (topic, index) => this.#lostBy(topic, index),
      });
      await this.#write(changes, this.#term);
      await this.#purgeConfigChanges();
    } catch (error) {
      if (!(error instanceof ZkError) || isLost(error)) throw error;
      // The image was behind, by our own last write or by somebody else's: the one
      // that shows it comes here again, so there is nothing to tell.
      if (!BEHIND.includes(error.errorName)) {
        this.#options.trace(`Controller: ${error.message}`);
      }
      if (error.operationIndex === 0) this.#term = null;
    }
  }

  #lostBy(topic: string, index: number): readonly number[] {
    const { isReplicaLost, brokerId } = this.#options;
    return isReplicaLost(topic, index) ? [brokerId] : [];
  }

  #isUncleanAllowed(topic: TopicImage): boolean {
    const own = topic.config.get("unclean.leader.election.enable");
    return own === undefined
      ? this.#options.uncleanElectionDefault()
      : own === "true";
  }

  async #write(
    changes: readonly PartitionChange[],
    term: Term,
  ): Promise<void> {
    const isNew = (change: PartitionChange) => change.partitionEpoch === -1;
    const parents = new Set<string>();
    for (const { topic, index } of changes.filter(isNew)) {
      parents.add(partitionsPath(topic)).add(partitionPath(topic, index));
    }
    const missing = await this.#missing([...parents]);
    const operations = changes.flatMap((change): ZnodeOperation[] => {
      const { topic, index, state, partitionEpoch } = change;
      const path = statePath(topic, index);
      const data = encodeState({ ...state, controllerEpoch: term.epoch });
      if (!isNew(change)) {
        return [{ kind: "set", path, data, version: partitionEpoch }];
      }
      const made = [partitionsPath(topic), partitionPath(topic, index)]
        .filter((parent) => missing.delete(parent));
      return [
        ...made.map((parent) => createEmpty(parent)),
        { kind: "create", path, data, mode: "persistent" },
      ];
    });
    await this.#multi(operations, term);
  }

  /** Topics whose deletion was asked for: their znodes go, the note of it last. */
  async #deleteTopics(image: ClusterImage): Promise<ReadonlySet<string>> {
    const term = this.#term;
    const { names } = await this.#znodes.children(
      DELETE_TOPICS,
      this.#watchDeletions,
    );
    for (const name of names) {
      if (term === null) break;
      const topic = image.topics.get(name);
      const paths = [
        ...topic?.partitions.flatMap(({ index }) => [
          statePath(name, index),
          partitionPath(name, index),
        ]) ?? [],
        partitionsPath(name),
        topicPath(name),
        configPath({ kind: "topics", name }),
        deleteTopicPath(name),
      ];
      const missing = await this.#missing(paths);
      const operations = paths.filter((path) => !missing.has(path)).map((
        path,
      ): ZnodeOperation => ({ kind: "delete", path, version: -1 }));
      await this.#multi(operations, term);
    }
    return new Set(names);
  }

  async #purgeConfigChanges(): Promise<void> {
    const { names } = await this.#znodes.children(CONFIG_CHANGES);
    const oldest = names.filter((name) => changeNumber(name) >= 0).sort();
    const limitMs = this.#options.host.clock.wallMs() - CONFIG_CHANGE_KEPT_MS;
    for (const name of oldest) {
      const path = `${CONFIG_CHANGES}/${name}`;
      const stat = await this.#znodes.exists(path);
      if (stat !== null && stat.ctimeMs > limitMs) break;
      if (stat !== null) await this.#znodes.delete(path, -1);
    }
  }

  async #missing(paths: readonly string[]): Promise<Set<string>> {
    const stats = await Promise.all(
      paths.map((path) => this.#znodes.exists(path)),
    );
    return new Set(paths.filter((_, index) => stats[index] === null));
  }

  async #multi(
    operations: readonly ZnodeOperation[],
    term: Term,
  ): Promise<void> {
    for (let from = 0; from < operations.length; from += OPERATIONS_PER_MULTI) {
      await this.#znodes.multi([
        { kind: "check", path: CONTROLLER_EPOCH, version: term.epochVersion },
        ...operations.slice(from, from + OPERATIONS_PER_MULTI),
      ]);
    }
  }
}

function createEmpty(path: string): ZnodeOperation {
  return { kind: "create", path, data: null, mode: "persistent" };
}

function isLost(error: ZkError): boolean {
  return isZkError(error, "SESSION_EXPIRED", "CONNECTION_LOSS", "AUTH_FAILED");
}
