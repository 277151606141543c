// The members of an ensemble as they were changed while it ran, kept where the next
// start finds them: in the file of `dynamicConfigFile`, or in the data directory.
//
//   zoo.cfg.dynamic        in force: server.N lines, ending version=<hex>
//   zoo.cfg.dynamic.next   proposed: may come into force at any time
//
// Each is replaced as a whole. What is lost in a crash the server hears of again
// from the others: the change itself is in the log.
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration".

import { encodeUtf8 } from "../base/bytes.ts";
import { ConfigError } from "../config/config_error.ts";
import type { CoordinatorConfig } from "../config/coordinator_config.ts";
import { type Disk, HostError } from "../host/host.ts";
import { QuorumConfig, QuorumConfigError } from "./quorum/quorum_config.ts";
import { readFile } from "./recovery.ts";

/** What a start finds. */
export interface KeptMembers {
  /** `null` where nothing was ever changed. */
  readonly active: QuorumConfig | null;
  /** `null` where nothing is proposed beyond that. */
  readonly lastSeen: QuorumConfig | null;
}

/** See the file's header. */
export class MembersFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #trace: (line: string) => void;

  constructor(
    disk: Disk,
    config: CoordinatorConfig,
    trace: (line: string) => void,
  ) {
    this.#disk = disk;
    this.#trace = trace;
    this.#path = config.dynamicConfigFile ??
      `${config.dataDir}/zoo.cfg.dynamic`;
  }

  /** @throws {ConfigError} Where a file says nothing that makes sense. */
  read(): KeptMembers {
    const active = this.#read(this.#path);
    const next = this.#read(this.#nextPath);
    const isNewer = next !== null && next.version > (active?.version ?? 0n);
    return { active, lastSeen: isNewer ? next : null };
  }

  /** Proposed, and not in force. */
  keepSeen(config: QuorumConfig): void {
    this.#keep(this.#nextPath, config);
  }

  /** In force. */
  keepActive(config: QuorumConfig): void {
    this.#keep(this.#path, config);
    const next = this.#nextPath;
    if (this.#disk.stat(next) !== null) this.#disk.remove(next);
  }

  get #nextPath(): string {
    return `${this.#path}.next`;
  }

  #read(path: string): QuorumConfig | null {
    if (this.#disk.stat(path) === null) return null;
    try {
      const bytes = readFile(this.#disk, path);
      return QuorumConfig.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      if (!(error instanceof QuorumConfigError)) throw error;
      throw new ConfigError(error.message, { position: { source: path } });
    }
  }

  /** A server whose file cannot be written goes on: the ensemble knows its members. */
  #keep(path: string, config: QuorumConfig): void {
    const temporary = `${path}.tmp`;
    try {
      const file = this.#disk.open(temporary, "create");
      try {
        file.truncate(0);
        file.writeAt(encodeUtf8(`${config.toText()}\n`), 0);
      } finally {
        file.close();
      }
      this.#disk.rename(temporary, path);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#trace(`The members cannot be kept: ${error.message}`);
    }
  }
}
