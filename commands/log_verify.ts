// kq log verify

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { type Disk, type Host, HostError } from "../core/host/host.ts";
import { LOCK_FILE } from "../core/log/checkpoint_kinds.ts";
import { META_PROPERTIES } from "../core/log/meta_properties.ts";
import { repairDirectory } from "../core/log/repair_directory.ts";
import type { Finding } from "../core/log/verify.ts";
import {
  partitionNames,
  type VerifiedDirectory,
  verifyDirectory,
} from "../core/log/verify_directory.ts";

export default command({
  details:
    "Checks every batch, and whether indexes, snapshots and checkpoints agree with\n" +
    "the log; says what can be done about each fault, and what the next start has to\n" +
    "read. Changes nothing; stop the broker first, or the newest files look torn.\n\n" +
    "--repair makes again from the log what can be made from it, finishes or removes\n" +
    "what a stop left half-way, and marks the directory as cleanly closed where all is\n" +
    "well then. It never cuts a .log unless --truncate-tail says so, and then only where\n" +
    "a start after a crash would: at offsets that were never synced.\n\n" +
    "Exits with 0 where nothing is wrong (any more), 1 where something is, 3 where a\n" +
    "broker has the directory and it was to be repaired.",
  args: [{
    name: "PATH",
    doc: "A partition's folder, or a data directory with all in it",
    many: true,
  }],
  flags: {
    quick: {
      kind: "switch",
      also: ["index-sanity-check", "verify-index-only"],
      doc: "Do not unpack batches",
    },
    repair: {
      kind: "switch",
      doc: "Make again what the log tells how to make",
    },
    "truncate-tail": {
      kind: "switch",
      doc: "With --repair: cut torn tails off, as a start would",
    },
    ...outputFlags,
  },
  examples: [
    "kq log verify kq-data",
    "kq log verify kq-data/orders-0 -o json",
    "kq log verify kq-data --repair",
  ],
  run: async (context, { flags, args }) => {
    const { host } = context;
    if (flags["truncate-tail"] && !flags.repair) {
      throw new UsageError("--truncate-tail goes with --repair only");
    }
    const rate = new ReadRate(host);
    const rows: FindingRow[] = [];
    const found: VerifiedDirectory[] = [];
    for (const place of placesOf(host.disk, args)) {
      const withRecords = !flags.quick;
      if (!flags.repair) {
        const verified = verifyDirectory(host.disk, place.directory, {
          withRecords,
          names: place.names,
        });
        found.push(verified);
        rows.push(...verified.findings);
        continue;
      }
      const release = lockDirectory(host.disk, place.directory);
      try {
        const { before, after } = await repairDirectory(
          host.disk,
          place.directory,
          {
            withRecords,
            names: place.names,
            truncateTail: flags["truncate-tail"],
            report: context.note,
          },
        );
        found.push(after);
        rows.push(...outcomes(before.findings, after.findings));
      } finally {
        release();
      }
    }
    await printRows(context.out, flags.output, {
      columns: [
        { field: "path" },
        { field: "position" },
        { field: "text" },
        { field: "repair" },
        ...(flags.repair ? [{ field: "isRepaired" }] : []),
      ],
      nameField: "path",
      rows: rows.map((row) => ({ ...row })),
    });
    const { partitions, cost } = summary(found, rate);
    const faults = rows.filter((row) => row.isRepaired !== true).length;
    const repaired = rows.length - faults;
    const done = repaired > 0 ? `, ${repaired} repaired` : "";
    if (faults > 0) {
      const verb = faults === 1 ? "1 fault" : `${faults} faults`;
      throw new ExitError(
        ExitCode.FAILED,
        `${partitions}, ${verb}${done}; ${cost}`,
      );
    }
    context.note(`${partitions}, no faults${done}; ${cost}`);
  },
});

interface FindingRow extends Finding {
  /** Only where it was tried. */
  readonly isRepaired?: boolean;
}

/** What was found before a repair and whether it is gone, and what came up on the way. */
function outcomes(
  before: readonly Finding[],
  after: readonly Finding[],
): FindingRow[] {
  const keyOf = (finding: Finding) =>
    `${finding.path}\n${finding.position}\n${finding.text}`;
  const left = new Map(after.map((finding) => [keyOf(finding), finding]));
  const rows = before.map((finding): FindingRow => ({
    ...finding,
    isRepaired: !left.delete(keyOf(finding)),
  }));
  for (const finding of left.values()) {
    rows.push({ ...finding, isRepaired: false });
  }
  return rows;
}

/** How long reading takes, by how long it just took. */
class ReadRate {
  readonly #host: Host;
  readonly #startMs: number;

  constructor(host: Host) {
    this.#host = host;
    this.#startMs = host.clock.monotonicMs();
  }

  /** @param readBytes What was read since this was made. */
  estimateMs(bytes: number, readBytes: number): number {
    const elapsedMs = this.#host.clock.monotonicMs() - this.#startMs;
    return readBytes === 0 ? 0 : Math.ceil(elapsedMs * bytes / readBytes);
  }
}

function summary(
  found: readonly VerifiedDirectory[],
  rate: ReadRate,
): { readonly partitions: string; readonly cost: string } {
  const all = found.flatMap(({ partitions }) => [...partitions.values()]);
  const logBytes = all.reduce((sum, { logBytes }) => sum + logBytes, 0);
  const startBytes = found.reduce((sum, each) => sum + each.startBytes, 0);
  const timeMs = rate.estimateMs(startBytes, logBytes);
  const cost = startBytes === 0
    ? "a start has nothing to rebuild"
    : `a start has to read ${startBytes} of ${logBytes} bytes, about ${timeMs} ms at the speed of this check`;
  return {
    partitions: all.length === 1 ? "1 partition" : `${all.length} partitions`,
    cost,
  };
}

/** @throws {ExitError} REFUSED where a broker has it. */
function lockDirectory(disk: Disk, directory: string): () => void {
  // A folder that lies somewhere else is no broker's.
  const isBrokers = [META_PROPERTIES, LOCK_FILE].some((name) =>
    disk.stat(`${directory}/${name}`) !== null
  );
  if (!isBrokers) return () => {};
  try {
    const lock = disk.lock(`${directory}/${LOCK_FILE}`);
    return () => lock.release();
  } catch (error) {
    if (!(error instanceof HostError && error.kind === "locked")) throw error;
    throw new ExitError(
      ExitCode.REFUSED,
      `${error.message}; stop the broker before its files are repaired`,
    );
  }
}

interface DirectoryPlace {
  readonly directory: string;
  /** Folders of partitions; all where left out. */
  readonly names?: readonly string[];
}

function placesOf(disk: Disk, paths: readonly string[]): DirectoryPlace[] {
  const single = new Map<string, string[]>();
  const places: DirectoryPlace[] = [];
  for (const path of paths) {
    if (!disk.stat(path)?.isDirectory) {
      throw new ExitError(ExitCode.NOT_FOUND, `there is no folder ${path}`);
    }
    const trimmed = path.length > 1 ? path.replace(/\/+$/, "") : path;
    if (disk.list(trimmed).some((name) => name.endsWith(".log"))) {
      const [directory, name] = splitPath(trimmed);
      const names = single.get(directory) ?? [];
      single.set(directory, [...names, name]);
    } else if (partitionNames(disk, trimmed).length > 0) {
      places.push({ directory: trimmed });
    } else {
      throw new ExitError(ExitCode.NOT_FOUND, `${path} has no partition`);
    }
  }
  for (const [directory, names] of single) places.push({ directory, names });
  return places;
}

function splitPath(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf("/");
  return slash === -1
    ? [".", path]
    : [path.slice(0, Math.max(1, slash)), path.slice(slash + 1)];
}
