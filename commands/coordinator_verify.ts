// kq coordinator verify

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import {
  type CheckedFile,
  type CheckedFiles,
  filesFolder,
  verifyFiles,
} from "../core/ensemble/verify_files.ts";

export default command({
  details:
    "Checks the files of a coordinator, kq's or ZooKeeper's: every snapshot's seal,\n" +
    "every log entry's checksum, that no transaction is missing, that the tree has the\n" +
    "digest that the files say, and the epochs. Changes nothing. While a server runs on\n" +
    "it, the newest log may look torn.\n\n" +
    "Two servers that say the same zxid and digest have the same tree.\n\n" +
    "Exits with 0 where nothing is wrong, 1 where something is.",
  args: [{
    name: "DIR",
    doc: "A data directory, or its version-2, or a backup",
    many: true,
  }],
  flags: {
    logs: {
      kind: "text",
      value: "DIR",
      doc: "The dataLogDir of the one DIR, where that is another",
    },
    ...outputFlags,
  },
  examples: [
    "kq coordinator verify /var/lib/zookeeper",
    "kq coordinator verify kq-coordinator -o json",
  ],
  run: async (context, { flags, args }) => {
    const { disk } = context.host;
    if (flags.logs !== undefined && args.length > 1) {
      throw new UsageError("--logs goes with one DIR only");
    }
    const rows = [];
    const faults: string[] = [];
    for (const directory of args) {
      const files = filesFolder(disk, directory);
      const logs = flags.logs === undefined
        ? files
        : filesFolder(disk, flags.logs);
      if (files === null || logs === null) {
        throw new ExitError(
          ExitCode.NOT_FOUND,
          `${directory} has no files of a coordinator`,
        );
      }
      const checked = verifyFiles(disk, files, logs);
      rows.push(
        ...checked.files.map((file) =>
          rowOf(file.kind === "log" ? logs : files, file)
        ),
      );
      faults.push(...checked.faults);
      faults.push(...faultsOf(files, checked));
      if (checked.state !== null) context.note(summary(directory, checked));
    }
    await printRows(context.out, flags.output, {
      columns: [
        ...["path", "firstZxid", "lastZxid", "count", "bytes", "state"],
        "fault",
      ].map((field) => ({ field })),
      nameField: "path",
      rows,
    });
    for (const fault of faults) context.fail(fault);
    if (faults.length === 0) return;
    const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
    throw new ExitError(ExitCode.FAILED, count);
  },
});

function rowOf(files: string, file: CheckedFile) {
  return {
    path: `${files}/${file.name}`,
    kind: file.kind,
    firstZxid: hex(file.firstZxid),
    lastZxid: hex(file.lastZxid),
    count: file.count,
    bytes: file.sizeBytes,
    state: file.state,
    fault: file.fault === "" ? null : file.fault,
  };
}

/** A torn end is what a crash leaves, and no fault. */
function faultsOf(files: string, { files: checked }: CheckedFiles): string[] {
  return checked.filter(({ state, fault }) =>
    state === "damaged" || (state === "good" && fault !== "")
  ).map(({ name, fault }) => `${files}/${name}: ${fault}`);
}

function summary(directory: string, { state }: CheckedFiles): string {
  const { lastZxid, nodeCount, digest } = state!;
  return `${directory}: zxid ${
    hex(lastZxid)
  }, ${nodeCount} znodes, digest ${digest}`;
}

function hex(zxid: bigint | null): string | null {
  return zxid === null ? null : `0x${BigInt.asUintN(64, zxid).toString(16)}`;
}
