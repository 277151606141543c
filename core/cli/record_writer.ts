// Records to bytes, by a format.

import {
  concatBytes,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  NO_BYTES,
} from "../base/bytes.ts";
import type { PrintedHeader, PrintedRecord } from "./printed_record.ts";
import {
  type BytesField,
  type BytesForm,
  type FormatPart,
  type NumberField,
  type NumberForm,
  parseRecordFormat,
} from "./record_format.ts";
import { jsonBytes } from "./record_json.ts";
import { formatStrftime } from "./strftime.ts";

/** Turns a record into what is printed. */
export type RecordWriter = (record: PrintedRecord) => Uint8Array;

type Part<T> = (record: T) => Uint8Array;

/**
 * Builds the writer of a format once, for any number of records.
 *
 * @throws {UsageError} Where the format is none.
 */
export function recordWriter(format: string): RecordWriter {
  const parts = parseRecordFormat(format).map(writerOf);
  return (record) => concatBytes(parts.map((part) => part(record)));
}

function writerOf(part: FormatPart): Part<PrintedRecord> {
  switch (part.kind) {
    case "literal":
      return () => part.bytes;
    case "bytes":
      return (record) => writeBytes(bytesField(record, part.field), part.form);
    case "number":
      return (record) =>
        writeNumber(numberField(record, part.field), part.form);
    case "headers": {
      const parts = part.parts.map(headerWriterOf);
      return ({ headers }) =>
        concatBytes(
          headers.flatMap((header) => parts.map((write) => write(header))),
        );
    }
  }
}

function headerWriterOf(part: FormatPart): Part<PrintedHeader> {
  switch (part.kind) {
    case "bytes":
      return ({ key, value }) =>
        writeBytes(part.field === "key" ? encodeUtf8(key) : value, part.form);
    case "number":
      return ({ key, value }) =>
        writeNumber(
          part.field === "keySize"
            ? encodeUtf8(key).length
            : value?.length ?? -1,
          part.form,
        );
    case "literal":
      return () => part.bytes;
    case "headers":
      return () => NO_BYTES;
  }
}

function bytesField(
  record: PrintedRecord,
  field: BytesField,
): Uint8Array | null {
  return field === "topic" ? encodeUtf8(record.topic) : record[field];
}

function numberField(record: PrintedRecord, field: NumberField): number {
  switch (field) {
    case "timestamp":
      return record.timestampMs;
    case "keySize":
      return record.key?.length ?? -1;
    case "valueSize":
      return record.value?.length ?? -1;
    case "topicSize":
      return encodeUtf8(record.topic).length;
    case "headerCount":
      return record.headers.length;
    default:
      return record[field];
  }
}

function writeBytes(bytes: Uint8Array | null, form: BytesForm): Uint8Array {
  if (form === "json") return encodeUtf8(JSON.stringify(jsonBytes(bytes)));
  if (bytes === null) return NO_BYTES;
  if (form === "hex") return encodeUtf8(encodeHex(bytes));
  return form === "base64" ? encodeUtf8(encodeBase64(bytes)) : bytes;
}

function writeNumber(value: number, form: NumberForm): Uint8Array {
  switch (form.kind) {
    case "decimal":
      return encodeUtf8(String(value));
    case "hex":
      return encodeUtf8(BigInt.asUintN(64, BigInt(value)).toString(16));
    case "strftime":
      return encodeUtf8(formatStrftime(form.parts, value));
    case "binary": {
      const bytes = new Uint8Array(8);
      const view = new DataView(bytes.buffer);
      view.setBigInt64(0, BigInt(value), form.littleEndian);
      return form.littleEndian
        ? bytes.subarray(0, form.sizeBytes)
        : bytes.subarray(8 - form.sizeBytes);
    }
  }
}
