// Logs that took the name of one that was deleted, while the checkpoints of their
// directory may still speak of that one: its start, its recovery point, its high
// watermark are not theirs.
//
//   delete ─► create, with a file "renewed" in the new folder ─► the checkpoints are
//   written anew, durably ─► "renewed" is removed ─► fsync of the folder
//
// A start that finds the file asks no checkpoint, and goes on from the third step.
// Nothing of such a log is called durable before the fourth.

import type { Disk } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";

/** The file's name; Apache Kafka passes over it. */
export const RENEWED_LOG = "renewed";

/** Whether checkpoints are not to be asked about the log in a folder. */
export function isRenewed(disk: Disk, folder: string): boolean {
  return disk.stat(`${folder}/${RENEWED_LOG}`) !== null;
}

/** Marks a new log's folder. */
export function markRenewed(disk: Disk, folder: string): void {
  disk.open(`${folder}/${RENEWED_LOG}`, "create").close();
}

/** Names that the checkpoints of one directory may know from another log. */
export class RenewedLogs {
  readonly #disk: Disk;
  readonly #folderOf: (name: string) => string | undefined;
  /** With a number for each time it was deleted. */
  readonly #names = new Map<string, number>();
  #count = 0;

  /** @param folderOf Where the log of a name is now. */
  constructor(disk: Disk, folderOf: (name: string) => string | undefined) {
    this.#disk = disk;
    this.#folderOf = folderOf;
  }

  get isAny(): boolean {
    return this.#names.size > 0;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    this.#names.set(name, ++this.#count);
  }

  /**
   * Forgets the names that are known now, once the checkpoints are written.
   *
   * @param writeCheckpoints Durably, with what the logs are now.
   * @throws {HostError} Where the disk failed.
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  async settle(writeCheckpoints: () => Promise<void>): Promise<void> {
    const names = [...this.#names];
    await writeCheckpoints();
    for (const [name, number] of names) {
      if (this.#names.get(name) !== number) continue;
      const folder = this.#folderOf(name);
      if (folder !== undefined && isRenewed(this.#disk, folder)) {
        this.#disk.remove(`${folder}/${RENEWED_LOG}`);
        await finalSync(() => this.#disk.syncDirectory(folder));
      }
      if (this.#names.get(name) === number) this.#names.delete(name);
    }
  }
}
