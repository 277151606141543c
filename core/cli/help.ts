// The help of kq and of each command, out of their rows.

import type { AnyCommand, CommandEntry, CommandTable } from "./command.ts";
import { type FlagRow, type FlagRows, generalFlags } from "./flags.ts";

/** The help of one command. */
export function commandHelp(
  { name, summary }: CommandEntry,
  command: AnyCommand,
): string {
  const args = command.args.map((row) => {
    const word = row.many ? `${row.name}...` : row.name;
    return row.optional ? `[${word}]` : word;
  });
  const sections = [
    summary,
    `Usage:\n  ${["kq", name, ...args, "[flags]"].join(" ")}`,
  ];
  if (command.details !== undefined) sections.push(command.details);
  if (command.args.length > 0) {
    const rows = command.args.map((row) => [row.name, row.doc] as const);
    sections.push(`Arguments:\n${twoColumns(rows)}`);
  }
  const flags: FlagRows = { ...command.flags, ...generalFlags };
  const rows = Object.entries(flags).map(([flag, row]) =>
    [flagHeading(flag, row), flagText(row)] as const
  );
  sections.push(`Flags:\n${twoColumns(rows)}`);
  const title = command.examples.length === 1 ? "Example" : "Examples";
  sections.push(
    `${title}:\n${command.examples.map((line) => `  ${line}`).join("\n")}`,
  );
  return `${sections.join("\n\n")}\n`;
}

/** The help of all commands, or of those that begin with a word. */
export function tableHelp(table: CommandTable, group: string | null): string {
  const entries = group === null
    ? table
    : table.filter(({ name }) => name.startsWith(`${group} `));
  const rows = entries.map(({ name, summary }) => [name, summary] as const);
  const usage = group === null ? "COMMAND" : `${group} COMMAND`;
  return [
    "kq: Apache Kafka as one executable",
    `Usage:\n  kq ${usage} [arguments] [flags]`,
    `Commands:\n${twoColumns(rows)}`,
    `\`kq ${usage} --help\` shows a command's flags and an example.\n`,
  ].join("\n\n");
}

function flagHeading(name: string, row: FlagRow): string {
  const short = row.short === undefined ? "    " : `-${row.short}, `;
  const long = name.length === 1 ? "" : `--${name}`;
  const value = row.kind === "switch" ? "" : ` ${row.value ?? valueWord(row)}`;
  return (long === "" ? `-${row.short}` : short + long) + value;
}

function valueWord(row: FlagRow): string {
  if (row.kind === "choice") return row.of!.join("|");
  if (row.kind === "duration") return "TIME";
  return row.kind === "text" ? "TEXT" : "N";
}

function flagText(row: FlagRow): string {
  const notes: string[] = [];
  if (row.kind === "choice" && row.value !== undefined) {
    notes.push(row.of!.join(", "));
  }
  if (row.default !== undefined) notes.push(`default ${row.default}`);
  if (row.many) notes.push("repeatable");
  if (row.also !== undefined) {
    notes.push(`also ${row.also.map((other) => `--${other}`).join(", ")}`);
  }
  return notes.length === 0 ? row.doc : `${row.doc} (${notes.join("; ")})`;
}

function twoColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(32, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) =>
    left.length > width
      ? `  ${left}\n  ${" ".repeat(width)}  ${right}`
      : `  ${left.padEnd(width)}  ${right}`
  ).join("\n");
}
