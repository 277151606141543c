// kq log dump

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { jsonBytes } from "../core/cli/record_json.ts";
import { cellText, printable, type Row } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { type Disk, HostError } from "../core/host/host.ts";
import { CorruptFileError } from "../core/log/corrupt_file_error.ts";
import { dumpableFiles, dumpFile } from "../core/log/dump.ts";
import type { DumpRow } from "../core/log/dump_rows.ts";

export default command({
  details:
    "Reads .log, .index, .timeindex, .txnindex, .snapshot and checkpoint files\n" +
    "by their names, whoever wrote them, and changes nothing.",
  args: [{
    name: "PATH",
    doc: "A file, or a partition's folder",
    optional: true,
    many: true,
  }],
  flags: {
    files: { kind: "text", value: "PATH,…", doc: "The same by comma" },
    "print-data-log": {
      kind: "switch",
      short: "r",
      also: ["records"],
      doc: "Show the records of each batch",
    },
    "deep-iteration": { kind: "switch", doc: "The same" },
    "from-offset": {
      kind: "whole",
      short: "s",
      min: 0,
      doc: "Leave out what is before this offset",
    },
    output: {
      kind: "choice",
      short: "o",
      of: ["text", "json", "ndjson"],
      default: "text",
      doc: "How to print",
    },
  },
  examples: [
    "kq log dump kq-data/orders-0",
    "kq log dump kq-data/orders-0/00000000000000000000.log -r -o ndjson",
  ],
  run: async ({ host, out }, { flags, args }) => {
    const paths = [...args, ...flags.files?.split(",") ?? []];
    if (paths.length === 0) throw new UsageError("PATH is missing");
    const withRecords = flags["print-data-log"] || flags["deep-iteration"];
    const options = { withRecords, fromOffset: flags["from-offset"] };
    let faultCount = 0;
    let isFirst = true;
    if (flags.output === "json") await out.text("[");
    for (const path of paths.flatMap((path) => filesOf(host.disk, path))) {
      if (flags.output === "text") await out.line(`Dumping ${path}`);
      for (const row of rowsOf(host.disk, path, options)) {
        if (row.kind === "fault") faultCount++;
        if (flags.output === "text") {
          await out.line(textLine(row));
          continue;
        }
        const json = JSON.stringify({ path, ...jsonRow(row) });
        if (flags.output === "ndjson") await out.line(json);
        else await out.text(`${isFirst ? "\n" : ",\n"}  ${json}`);
        isFirst = false;
      }
    }
    if (flags.output === "json") await out.line(isFirst ? "]" : "\n]");
    if (faultCount > 0) {
      throw new ExitError(ExitCode.FAILED, `${faultCount} faults found`);
    }
  },
});

function filesOf(disk: Disk, path: string): string[] {
  const info = disk.stat(path);
  if (info === null) {
    throw new ExitError(ExitCode.NOT_FOUND, `there is no ${path}`);
  }
  if (!info.isDirectory) return [path];
  const files = dumpableFiles(disk, path);
  if (files.length > 0) return files;
  throw new ExitError(ExitCode.NOT_FOUND, `${path} has no file of a log`);
}

function* rowsOf(
  disk: Disk,
  path: string,
  options: Parameters<typeof dumpFile>[2],
): Iterable<DumpRow> {
  try {
    yield* dumpFile(disk, path, options);
  } catch (error) {
    if (error instanceof CorruptFileError) {
      throw new UsageError(error.message);
    }
    if (error instanceof HostError) {
      throw new ExitError(ExitCode.FAILED, error.message);
    }
    throw error;
  }
}

function jsonRow(row: DumpRow): Row {
  const { ...fields } = row as unknown as { [field: string]: unknown };
  for (const [field, value] of Object.entries(fields)) {
    if (value instanceof Uint8Array) fields[field] = jsonBytes(value);
  }
  if (row.kind === "record") {
    fields.headers = row.headers.map(({ key, value }) => ({
      key,
      value: jsonBytes(value),
    }));
  }
  return fields as Row;
}

/** `offset: 0 position: 0`, a row a line; records are set back. */
function textLine(row: DumpRow): string {
  const { kind, ...fields } = jsonRow(row);
  const pairs = Object.entries(fields).map(([field, value]) =>
    `${field}: ${printable(cellText(value))}`
  );
  const prefix = kind === "record" ? "| " : kind === "fault" ? "FAULT " : "";
  return prefix + pairs.join(" ");
}
