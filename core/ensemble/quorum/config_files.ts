// Configurations on the disk, as ZooKeeper's servers keep them:
//
//   zoo.cfg                     names the file in force: dynamicConfigFile=…
//   zoo.cfg.dynamic.<version>   its server lines; the version is hex
//   zoo.cfg.dynamic.next        what was proposed and is not in force, with its version
//   zoo.cfg.bak                 zoo.cfg as it was before the first change
//
// Each is written aside, synced and renamed. A server that was started without a
// file has the same ones in its data directory, where the newest counts.
//
// Source: ZooKeeper documentation, "ZooKeeper Dynamic Reconfiguration"; observed on
// ZooKeeper 3.8.

import { decodeUtf8Lossy, encodeUtf8 } from "../../base/bytes.ts";
import { type Disk, HostError } from "../../host/host.ts";
import type { ConfigKeeper } from "./configurations.ts";
import { QuorumConfig, QuorumConfigError } from "./quorum_config.ts";

export interface ConfigFilesOptions {
  readonly disk: Disk;
  /** The `zoo.cfg`, or where it would be, as an absolute path. */
  readonly path: string;
  /** Whether that file is there and is to point to the server lines. */
  readonly isThere: boolean;
  readonly selfId: number;
  /** One line for a file that could not be written: the server goes on. */
  readonly trace: (line: string) => void;
}

/** Keys that the file in force says instead. */
const MOVED_KEYS = /^(server\.|group|weight|dynamicConfigFile|peerType)/;
const CLIENT_KEYS = /^clientPort(Address)?$/;
const FILE_BYTES_MAX = 1024 * 1024;

/** See the file's header. */
export class ConfigFiles implements ConfigKeeper {
  readonly #options: ConfigFilesOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ConfigFilesOptions) {
    this.#options = options;
  }

  /** What was proposed when the server ended; `null` where nothing was. */
  readSeen(): QuorumConfig | null {
    return readConfigFile(this.#options.disk, this.#nextPath);
  }

  /** The newest one that a server without a file has had in force, or null. */
  readActive(): QuorumConfig | null {
    const { disk, path } = this.#options;
    const slash = path.lastIndexOf("/");
    const prefix = `${path.slice(slash + 1)}.dynamic.`;
    if (disk.stat(path.slice(0, slash)) === null) return null;
    let newest: QuorumConfig | null = null;
    for (const name of disk.list(path.slice(0, slash))) {
      if (!name.startsWith(prefix)) continue;
      const version = versionOfName(name);
      if (version === null || version <= (newest?.version ?? -1n)) continue;
      const found = readConfigFile(disk, `${path.slice(0, slash)}/${name}`);
      newest = found?.withVersion(version) ?? newest;
    }
    return newest;
  }

  keepSeen(config: QuorumConfig): Promise<void> {
    return this.#inOrder(() => this.#write(this.#nextPath, config.toText()));
  }

  keepActive(config: QuorumConfig): Promise<void> {
    const { disk, path, isThere } = this.#options;
    const name = `${path}.dynamic.${config.version.toString(16)}`;
    return this.#inOrder(async () => {
      const lines = config.toText().split("\n").slice(0, -1).sort();
      await this.#write(name, lines.join("\n"));
      if (isThere) await this.#pointTo(name, config);
      const seen = this.readSeen();
      if (seen !== null && seen.version <= config.version) {
        disk.remove(this.#nextPath);
      }
    });
  }

  /** Resolves once all is written. */
  settled(): Promise<void> {
    return this.#last;
  }

  get #nextPath(): string {
    return `${this.#options.path}.dynamic.next`;
  }

  #inOrder(write: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(write).catch((error) => {
      if (!(error instanceof HostError)) throw error;
      this.#options.trace(
        `The configuration could not be kept: ${error.message}`,
      );
    });
    return this.#last;
  }

  async #pointTo(dynamicPath: string, config: QuorumConfig): Promise<void> {
    const { disk, path, selfId } = this.#options;
    const text = readText(disk, path);
    const hasClient = config.members.get(selfId)?.client !== null;
    const kept: string[] = [];
    let isContinued = false;
    let isKept = true;
    let hadDynamic = false;
    for (const line of text.replace(/\n$/, "").split("\n")) {
      if (!isContinued) {
        const key = /^\s*([^\s=:#!]+)/.exec(line)?.[1] ?? "";
        hadDynamic ||= key === "dynamicConfigFile";
        isKept = !MOVED_KEYS.test(key) &&
          !(hasClient && CLIENT_KEYS.test(key));
      }
      if (isKept) kept.push(line);
      isContinued = /(^|[^\\])(\\\\)*\\$/.test(line);
    }
    if (!hadDynamic) await this.#write(`${path}.bak`, text);
    kept.push(`dynamicConfigFile=${dynamicPath}`, "");
    await this.#write(path, kept.join("\n"));
  }

  async #write(path: string, text: string): Promise<void> {
    const { disk } = this.#options;
    const temporary = `${path}.tmp`;
    disk.makeDirectory(directoryOf(path));
    const file = disk.open(temporary, "create");
    try {
      file.truncate(0);
      file.writeAt(encodeUtf8(text), 0);
      await file.sync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
    await disk.syncDirectory(directoryOf(path));
  }
}

/** The version that the name of a dynamic file ends in; `null` where it has none. */
export function versionOfName(name: string): bigint | null {
  const hex = /\.dynamic\.([0-9a-f]{1,16})$/.exec(name)?.[1];
  return hex === undefined ? null : BigInt(`0x${hex}`);
}

/** @returns `null` where there is no such file, or it makes no sense. */
function readConfigFile(disk: Disk, path: string): QuorumConfig | null {
  if (disk.stat(path) === null) return null;
  try {
    return QuorumConfig.parse(readText(disk, path));
  } catch (error) {
    if (error instanceof QuorumConfigError) return null;
    throw error;
  }
}

function readText(disk: Disk, path: string): string {
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(Math.min(file.size(), FILE_BYTES_MAX));
    return decodeUtf8Lossy(bytes.subarray(0, file.readAt(bytes, 0)));
  } finally {
    file.close();
  }
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}
