// The small files in a partition's folder that say what it is and who led it:
// `partition.metadata` and `leader-epoch-checkpoint`.
//
// They are written at once when they change, so that a killed process loses
// nothing, and synced with the next flush, before the recovery point passes what
// they speak of. Both can be told again: the epochs by the batches, the topic's
// id by the cluster.

import type { Disk } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";
import type { Place } from "./file_pool.ts";
import type { LeaderEpoch, LeaderEpochs } from "./leader_epochs.ts";
import {
  formatPartitionMetadata,
  PARTITION_METADATA,
} from "./partition_metadata.ts";
import { replaceFileUnsynced } from "./replace_file.ts";

/** The file's name. */
export const LEADER_EPOCH_CHECKPOINT = "leader-epoch-checkpoint";

/** Stands for no revision of the epochs. */
const NO_REVISION = -1;

/** What the two files hold when a log is opened. */
export interface PartitionState {
  readonly epochs: LeaderEpochs;
  /** What the file of the epochs holds; `null` where there is none to believe. */
  readonly savedEpochs: readonly LeaderEpoch[] | null;
  /** Whether that would survive a crash. */
  readonly areEpochsSynced: boolean;
  /** Base64url; `null` where it is not known. */
  readonly topicId: string | null;
  /** Whether the folder, or the topic's id, may be missing after a crash. */
  readonly isNew: boolean;
}

/** Keeps the two files of one partition up to date. */
export class PartitionStateFiles {
  readonly #disk: Disk;
  readonly #place: Place;
  readonly #syncParent: () => Promise<void>;
  readonly #epochs: LeaderEpochs;
  #topicId: string | null;
  #isTopicIdWritten = true;
  #isTopicIdSynced: boolean;
  #isFolderSynced: boolean;
  /** What is in the file. */
  #written: readonly LeaderEpoch[] | null;
  #writtenRevision = NO_REVISION;
  #syncedRevision = NO_REVISION;

  /** @param syncParent Makes the folder's own name survive a crash. */
  constructor(
    disk: Disk,
    place: Place,
    syncParent: () => Promise<void>,
    state: PartitionState,
  ) {
    this.#disk = disk;
    this.#place = place;
    this.#syncParent = syncParent;
    this.#epochs = state.epochs;
    this.#topicId = state.topicId;
    this.#isTopicIdSynced = !state.isNew;
    this.#isFolderSynced = !state.isNew;
    this.#written = state.savedEpochs;
    if (!this.#isWritten()) return;
    this.#writtenRevision = state.epochs.revision;
    if (state.areEpochsSynced) this.#syncedRevision = this.#writtenRevision;
  }

  get topicId(): string | null {
    return this.#topicId;
  }

  /** Whether both files would survive a crash. */
  get isSynced(): boolean {
    return this.#syncedRevision === this.#epochs.revision &&
      this.#isFolderSynced &&
      (this.#isTopicIdSynced || this.#topicId === null);
  }

  /** Writes the topic's id, base64url. */
  setTopicId(topicId: string): void {
    this.#topicId = topicId;
    this.#isTopicIdSynced = false;
    this.#isTopicIdWritten = false;
    this.#writeTopicId(topicId);
  }

  /** Writes the epochs, where the file is behind. */
  writeEpochs(): void {
    const { revision, entries } = this.#epochs;
    if (this.#writtenRevision === revision) return;
    if (!this.#isWritten()) {
      replaceFileUnsynced(
        this.#disk,
        this.#path(LEADER_EPOCH_CHECKPOINT),
        this.#epochs.format(),
      );
      this.#written = [...entries];
    }
    this.#writtenRevision = revision;
  }

  /**
   * Makes the topic's id, and the folder's name, survive a crash; with
   * `withEpochs` the epochs as well.
   *
   * @returns Whether names in the folder still need a sync of it.
   */
  async sync(
    { withEpochs }: { readonly withEpochs: boolean },
  ): Promise<boolean> {
    let hasNewNames = false;
    if (!this.#isTopicIdSynced && this.#topicId !== null) {
      const topicId = this.#topicId;
      if (!this.#isTopicIdWritten) this.#writeTopicId(topicId);
      await this.#syncFile(PARTITION_METADATA);
      this.#isTopicIdSynced = topicId === this.#topicId;
      hasNewNames = true;
    }
    while (withEpochs && this.#syncedRevision !== this.#epochs.revision) {
      this.writeEpochs();
      const { revision } = this.#epochs;
      await this.#syncFile(LEADER_EPOCH_CHECKPOINT);
      this.#syncedRevision = revision;
      hasNewNames = true;
    }
    if (!this.#isFolderSynced) {
      await this.#syncParent();
      this.#isFolderSynced = true;
    }
    return hasNewNames;
  }

  #writeTopicId(topicId: string): void {
    replaceFileUnsynced(
      this.#disk,
      this.#path(PARTITION_METADATA),
      formatPartitionMetadata(topicId),
    );
    this.#isTopicIdWritten = true;
  }

  /** Whether the file holds just these epochs. */
  #isWritten(): boolean {
    const { entries } = this.#epochs;
    return this.#written?.length === entries.length &&
      this.#written.every(({ epoch, startOffset }, i) =>
        epoch === entries[i].epoch && startOffset === entries[i].startOffset
      );
  }

  async #syncFile(name: string): Promise<void> {
    const file = this.#disk.open(this.#path(name), "write");
    try {
      await finalSync(() => file.sync());
    } finally {
      file.close();
    }
  }

  #path(name: string): string {
    return `${this.#place.path}/${name}`;
  }
}
