// Records to standard output, as they come, in any format.

import type { OutputFormat } from "../core/cli/flags.ts";
import type { Output } from "../core/cli/output.ts";
import type { PrintedRecord } from "../core/cli/printed_record.ts";
import { recordToJson } from "../core/cli/record_json.ts";
import { recordWriter } from "../core/cli/record_writer.ts";
import {
  cellText,
  csvLine,
  printable,
  type Row,
  toYaml,
} from "../core/cli/rows.ts";

/** Prints records one by one; `end` makes the document whole. */
export interface RecordPrinter {
  print(record: PrintedRecord): Promise<void>;
  end(): Promise<void>;
}

const COLUMNS = [
  { field: "topic", width: 0 },
  { field: "partition", width: 9 },
  { field: "offset", width: 12 },
  { field: "timestamp", width: 24 },
  { field: "key", width: 16 },
  { field: "value", width: 0 },
];

/** @throws {UsageError} Where `format` is none. */
export function recordPrinter(
  out: Output,
  output: OutputFormat | "text",
  format: string,
): RecordPrinter {
  switch (output) {
    case "text": {
      const write = recordWriter(format);
      return printer((record) => out.bytes(write(record)));
    }
    case "name": {
      const write = recordWriter("%t:%p:%o\\n");
      return printer((record) => out.bytes(write(record)));
    }
    case "ndjson":
      return printer((record) =>
        out.line(JSON.stringify(recordToJson(record)))
      );
    case "json":
      return jsonPrinter(out);
    case "yaml":
      return printer(async (record) =>
        await out.text(await toYaml([recordToJson(record)]))
      );
    case "csv":
      return csvPrinter(out);
    case "table":
    case "wide":
      return tablePrinter(out);
  }
}

function printer(print: RecordPrinter["print"]): RecordPrinter {
  return { print, end: () => Promise.resolve() };
}

function jsonPrinter(out: Output): RecordPrinter {
  let count = 0;
  return {
    async print(record) {
      await out.text(count++ === 0 ? "[\n  " : ",\n  ");
      await out.text(JSON.stringify(recordToJson(record)));
    },
    async end() {
      await out.line(count === 0 ? "[]" : "\n]");
    },
  };
}

function csvPrinter(out: Output): RecordPrinter {
  const columns = COLUMNS.map(({ field }) => ({ field }));
  let hasHead = false;
  const head = async () => {
    if (!hasHead) await out.line(columns.map(({ field }) => field).join(","));
    hasHead = true;
  };
  return {
    async print(record) {
      await head();
      await out.line(csvLine(rowOf(record), columns));
    },
    end: head,
  };
}

// Widths are fixed, since the rows to come are not known.
function tablePrinter(out: Output): RecordPrinter {
  let hasHead = false;
  let topicWidth = 0;
  const line = (cells: readonly string[]) =>
    out.line(
      cells.map((cell, index) =>
        cell.padEnd(index === 0 ? topicWidth : COLUMNS[index].width)
      ).join("  ").trimEnd(),
    );
  const head = async (topic = "") => {
    topicWidth = Math.max(topicWidth, "topic".length, topic.length);
    if (!hasHead) await line(COLUMNS.map(({ field }) => field.toUpperCase()));
    hasHead = true;
  };
  return {
    async print(record) {
      await head(record.topic);
      const row = rowOf(record);
      await line(
        COLUMNS.map(({ field }) => printable(cellText(row[field]))),
      );
    },
    end: () => head(),
  };
}

function rowOf(record: PrintedRecord): Row {
  const { topic, partition, offset, timestamp, key, value } = recordToJson(
    record,
  );
  const time = new Date(timestamp);
  return {
    topic,
    partition,
    offset,
    timestamp: timestamp < 0 || Number.isNaN(time.getTime())
      ? null
      : time.toISOString(),
    key,
    value,
  };
}
