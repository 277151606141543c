// kq log verify

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import type { Disk } from "../core/host/host.ts";
import { parsePartitionName } from "../core/log/partition_files.ts";
import { verifyPartition } from "../core/log/verify.ts";

export default command({
  details:
    "Checks every batch, and whether indexes, snapshots and checkpoints agree with\n" +
    "the log. Changes nothing; stop the broker first, or the newest files look torn.",
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
    ...outputFlags,
  },
  examples: ["kq log verify kq-data", "kq log verify kq-data/orders-0 -o json"],
  run: async (context, { flags, args }) => {
    const { disk } = context.host;
    const folders = args.flatMap((path) => partitionFolders(disk, path));
    const findings = folders.flatMap((folder) =>
      verifyPartition(disk, folder, { withRecords: !flags.quick })
    );
    await printRows(context.out, flags.output, {
      columns: [{ field: "path" }, { field: "position" }, { field: "text" }],
      nameField: "path",
      rows: findings.map((finding) => ({ ...finding })),
    });
    const partitions = folders.length === 1
      ? "1 partition"
      : `${folders.length} partitions`;
    if (findings.length > 0) {
      throw new ExitError(
        ExitCode.FAILED,
        `${partitions}, ${findings.length} faults`,
      );
    }
    context.note(`${partitions}, no faults`);
  },
});

function partitionFolders(disk: Disk, path: string): string[] {
  if (!disk.stat(path)?.isDirectory) {
    throw new ExitError(ExitCode.NOT_FOUND, `there is no folder ${path}`);
  }
  const trimmed = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const names = disk.list(path);
  if (names.some((name) => name.endsWith(".log"))) return [trimmed];
  const folders = names.filter((name) =>
    parsePartitionName(name) !== null &&
    disk.stat(`${trimmed}/${name}`)?.isDirectory
  );
  if (folders.length === 0) {
    throw new ExitError(ExitCode.NOT_FOUND, `${path} has no partition`);
  }
  return folders.map((name) => `${trimmed}/${name}`);
}
