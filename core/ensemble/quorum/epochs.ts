// The two epochs that a server must not forget, each in a file of its own:
//
//   acceptedEpoch   the newest that it has promised a leader to follow
//   currentEpoch    the newest whose history it has: of its leader, or as leader
//
// Decimal text, replaced atomically and synced before anybody is answered.
// Invariant: currentEpoch ≤ acceptedEpoch.
//
// Source: observed in data directories of ZooKeeper 3.8; testdata/quorum/.

import { type Disk, HostError } from "../../host/host.ts";
import { decodeUtf8Lossy, encodeUtf8 } from "../../base/bytes.ts";

type EpochName = "acceptedEpoch" | "currentEpoch";

const FILE_BYTES_MAX = 32;

/** See the file's header. */
export class Epochs {
  readonly #disk: Disk;
  readonly #directory: string;
  #accepted: bigint;
  #current: bigint;
  #failure: unknown = null;

  private constructor(
    disk: Disk,
    directory: string,
    accepted: bigint,
    current: bigint,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#accepted = accepted;
    this.#current = current;
  }

  /**
   * Reads both.
   *
   * @param directory The `version-2` of the data directory.
   * @param lastZxid Of the log: a server without these files takes its epoch from it.
   * @throws {HostError} `io` where a file makes no sense, or contradicts the log.
   */
  static open(disk: Disk, directory: string, lastZxid: bigint): Epochs {
    const logged = lastZxid >> 32n;
    const written = read(disk, directory, "currentEpoch") ?? logged;
    // A learner logs an epoch's transactions before it may enter that epoch: what
    // it has then is a first part of the epoch's history, as it is for all others.
    const current = written < logged ? logged : written;
    const accepted = read(disk, directory, "acceptedEpoch") ?? current;
    if (accepted < current) {
      throw new HostError(
        "io",
        `"${directory}/acceptedEpoch" says ${accepted}, less than currentEpoch ${current}; restore the directory from a backup`,
      );
    }
    return new Epochs(disk, directory, accepted, current);
  }

  get accepted(): bigint {
    return this.#accepted;
  }

  get current(): bigint {
    return this.#current;
  }

  /** Why nothing can be written any more, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Durable when this resolves. */
  async accept(epoch: bigint): Promise<void> {
    await this.#write("acceptedEpoch", epoch);
    this.#accepted = epoch;
  }

  /** Durable when this resolves; all of the epoch's history must be so before. */
  async enter(epoch: bigint): Promise<void> {
    await this.#write("currentEpoch", epoch);
    this.#current = epoch;
  }

  async #write(name: EpochName, epoch: bigint): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      await this.#replace(name, epoch);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #replace(name: EpochName, epoch: bigint): Promise<void> {
    const path = `${this.#directory}/${name}`;
    const temporary = `${path}.tmp`;
    const file = this.#disk.open(temporary, "create");
    try {
      const bytes = encodeUtf8(String(epoch));
      file.truncate(0);
      file.writeAt(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
    this.#disk.rename(temporary, path);
    await this.#disk.syncDirectory(this.#directory);
  }
}

/** @returns `null` where there is no such file. */
function read(disk: Disk, directory: string, name: EpochName): bigint | null {
  const path = `${directory}/${name}`;
  if (disk.stat(path) === null) return null;
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(FILE_BYTES_MAX);
    const size = file.readAt(bytes, 0);
    const text = decodeUtf8Lossy(bytes.subarray(0, size)).trim();
    if (!/^\d+$/.test(text)) {
      throw new HostError(
        "io",
        `"${path}" holds "${text}", not an epoch; restore the directory from a backup`,
      );
    }
    return BigInt(text);
  } finally {
    file.close();
  }
}
