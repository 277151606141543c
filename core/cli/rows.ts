// Rows in every output format.
//
// JSON forms carry a row's whole object, with its own camelCase names; the
// others show columns.

import type { OutputFormat } from "./flags.ts";
import type { Output } from "./output.ts";

/** A value of a row. */
export type Cell =
  | string
  | number
  | boolean
  | null
  | readonly Cell[]
  | { readonly [name: string]: Cell };

export type Row = { readonly [name: string]: Cell };

/** One column, by the name of the row's field. */
export interface Column {
  readonly field: string;
  /** Shown in `wide` and `csv`, not in `table`. */
  readonly wide?: true;
}

export interface RowShape {
  readonly columns: readonly Column[];
  /** The field that `name` prints. */
  readonly nameField: string;
}

/** Prints rows; with no rows, still one valid document. */
export async function printRows(
  out: Output,
  format: OutputFormat,
  table: RowShape & { readonly rows: readonly Row[] },
): Promise<void> {
  const { rows, columns } = table;
  switch (format) {
    case "json":
      return await out.line(JSON.stringify(rows, null, 2));
    case "ndjson":
      for (const row of rows) await out.line(JSON.stringify(row));
      return;
    case "yaml":
      return await out.text(await toYaml(rows));
    case "csv":
      await out.line(columns.map(({ field }) => csvCell(field)).join(","));
      for (const row of rows) await out.line(csvLine(row, columns));
      return;
    case "name":
      for (const row of rows) await out.line(cellText(row[table.nameField]));
      return;
    case "table":
    case "wide":
      return await printTable(
        out,
        columns.filter((column) => format === "wide" || !column.wide),
        rows,
      );
  }
}

/** Prints one thing: a document in the JSON forms, else a field a line. */
export async function printDocument(
  out: Output,
  format: OutputFormat,
  document: Row & { readonly [name: string]: Cell },
): Promise<void> {
  const fields = Object.keys(document);
  switch (format) {
    case "json":
      return await out.line(JSON.stringify(document, null, 2));
    case "ndjson":
      return await out.line(JSON.stringify(document));
    case "yaml":
      return await out.text(await toYaml(document));
    case "csv":
      return await printRows(out, format, {
        columns: fields.map((field) => ({ field })),
        nameField: fields[0],
        rows: [document],
      });
    case "name":
      return await out.line(cellText(document[fields[0]]));
    case "table":
    case "wide": {
      const width = Math.max(...fields.map((field) => title(field).length));
      for (const field of fields) {
        const name = title(field).padEnd(width);
        await out.line(`${name}  ${cellText(document[field])}`);
      }
    }
  }
}

/** `partitionCount` as `PARTITION COUNT`. */
function title(field: string): string {
  return field.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toUpperCase();
}

/** A cell as text: lists by comma, objects as JSON, `-` for nothing. */
export function cellText(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return "-";
  if (Array.isArray(cell)) return cell.map((item) => cellText(item)).join(",");
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}

async function printTable(
  out: Output,
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<void> {
  if (rows.length === 0) return;
  const cells = rows.map((row) =>
    columns.map(({ field }) => printable(cellText(row[field])))
  );
  const lines = [columns.map(({ field }) => title(field)), ...cells];
  const widths = columns.map((_, index) =>
    lines.reduce((width, line) => Math.max(width, [...line[index]].length), 0)
  );
  for (const line of lines) {
    const padded = line.map((cell, index) =>
      cell + " ".repeat(widths[index] - [...cell].length)
    );
    await out.line(padded.join("  ").trimEnd());
  }
}

/** A text that cannot move the cursor or forge a line. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, (character) => {
    const escape = JSON.stringify(character).slice(1, -1);
    if (escape !== character) return escape;
    return `\\u00${character.charCodeAt(0).toString(16)}`;
  });
}

/** A row as a line of CSV (RFC 4180), without its end. */
export function csvLine(row: Row, columns: readonly Column[]): string {
  return columns.map(({ field }) => {
    const cell = row[field];
    return cell === null ? "" : csvCell(cellText(cell));
  }).join(",");
}

function csvCell(text: string): string {
  return /[",\r\n]|^\s|\s$|^$/.test(text)
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}

/** Prints a value as YAML. */
export async function toYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(value, { lineWidth: 0 });
}
