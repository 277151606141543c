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
import type { LeaderEpochs } from "./leader_epochs.ts";
import {
  formatPartitionMetadata,
  PARTITION_METADATA,
} from "./partition_metadata.ts";
import { folderOf, replaceFile, replaceFileUnsynced } from "./replace_file.ts";

/** The file's name. */
export const LEADER_EPOCH_CHECKPOINT = "leader-epoch-checkpoint";

/** Keeps the two files of one partition up to date. */
export class PartitionStateFiles {
  readonly #disk: Disk;
  readonly #place: Place;
  readonly #epochs: LeaderEpochs;
  #topicId: string | null;
  #isTopicIdSynced: boolean;
  #isFolderSynced: boolean;
  #writtenRevision: number;
  #syncedRevision: number;

  /** @param isNew True where the folder was just made. */
  constructor(
    disk: Disk,
    place: Place,
    state: {
      readonly epochs: LeaderEpochs;
      /** Revision of the epochs that the file holds; -1 where it holds none. */
      readonly savedRevision: number;
      readonly topicId: string | null;
      readonly isNew: boolean;
    },
  ) {
    this.#disk = disk;
    this.#place = place;
    this.#epochs = state.epochs;
    this.#topicId = state.topicId;
    this.#isTopicIdSynced = !state.isNew;
    this.#isFolderSynced = !state.isNew;
    this.#writtenRevision = state.savedRevision;
    this.#syncedRevision = state.savedRevision;
  }

  get topicId(): string | null {
    return this.#topicId;
  }

  /** Writes the topic's id, base64url. */
  setTopicId(topicId: string): void {
    this.#topicId = topicId;
    this.#isTopicIdSynced = false;
    replaceFileUnsynced(
      this.#disk,
      this.#path(PARTITION_METADATA),
      formatPartitionMetadata(topicId),
    );
  }

  /** Writes the epochs, where the file is behind. */
  writeEpochs(): void {
    const { revision } = this.#epochs;
    if (this.#writtenRevision === revision) return;
    replaceFileUnsynced(
      this.#disk,
      this.#path(LEADER_EPOCH_CHECKPOINT),
      this.#epochs.format(),
    );
    this.#writtenRevision = revision;
  }

  /** Makes both files, and the folder's name, survive a crash. */
  async sync(): Promise<void> {
    if (!this.#isTopicIdSynced && this.#topicId !== null) {
      const topicId = this.#topicId;
      await replaceFile(
        this.#disk,
        this.#path(PARTITION_METADATA),
        formatPartitionMetadata(topicId),
      );
      this.#isTopicIdSynced = topicId === this.#topicId;
    }
    while (this.#syncedRevision !== this.#epochs.revision) {
      const { revision } = this.#epochs;
      await replaceFile(
        this.#disk,
        this.#path(LEADER_EPOCH_CHECKPOINT),
        this.#epochs.format(),
      );
      this.#syncedRevision = this.#writtenRevision = revision;
    }
    if (!this.#isFolderSynced) {
      await finalSync(() =>
        this.#disk.syncDirectory(folderOf(this.#place.path))
      );
      this.#isFolderSynced = true;
    }
  }

  #path(name: string): string {
    return `${this.#place.path}/${name}`;
  }
}
