// Records of one line each, the common case: read at once, without waiting for
// single fields.

import {
  type Fields,
  noFields,
  printedMark,
  setField,
} from "./record_field.ts";
import type { FormatPart } from "./record_format.ts";
import { UsageError } from "./usage_error.ts";

const LINE_FEED = 10;

/** Whether a record is one line: only its end has a line feed, and no field has a size. */
export function isLineFormat(parts: readonly FormatPart[]): boolean {
  const last = parts.at(-1);
  if (last?.kind !== "literal") return false;
  if (last.bytes.indexOf(LINE_FEED) !== last.bytes.length - 1) return false;
  return parts.slice(0, -1).every((part) => {
    switch (part.kind) {
      case "literal":
        return !part.bytes.includes(LINE_FEED);
      case "bytes":
        return part.form !== "json";
      case "number":
        return part.form.kind !== "binary" && !part.field.endsWith("Size");
      case "headers":
        return false;
    }
  });
}

/**
 * Reads a line by a format of which `isLineFormat` holds.
 *
 * @param line Without its line feed; the fields are parts of it.
 * @throws {UsageError} Where the line does not fit.
 */
export function parseLine(
  parts: readonly FormatPart[],
  line: Uint8Array,
  place: string,
): Fields {
  const fields = noFields();
  let position = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    const isEnd = index === parts.length - 1;
    if (part.kind === "literal") {
      position = afterLiteral(line, position, { part, isEnd, place });
      continue;
    }
    if (part.kind === "headers") continue;
    // The format has been checked: a literal follows each field.
    const mark = parts[index + 1] as FormatPart & { kind: "literal" };
    const isLast = index + 2 === parts.length;
    const end = isLast
      ? lastFieldEnd(line, mark.bytes)
      : indexOf(line, mark.bytes, position);
    if (end < position) {
      throw new UsageError(
        `${place}: expected ${quoted(mark.bytes)} after ${
          quoted(line.subarray(position, position + 60))
        }`,
      );
    }
    setField(fields, part, line.subarray(position, end), place);
    if (isLast) return fields;
    position = end + mark.bytes.length;
    index++;
  }
  return fields;
}

/** The last mark ends the line, save for the line feed, which is not in it. */
function lastFieldEnd(line: Uint8Array, mark: Uint8Array): number {
  const end = line.length - (mark.length - 1);
  return end >= 0 && startsAt(line, mark.subarray(0, -1), end) ? end : -1;
}

function afterLiteral(
  line: Uint8Array,
  position: number,
  { part, isEnd, place }: {
    part: FormatPart & { kind: "literal" };
    isEnd: boolean;
    place: string;
  },
): number {
  const literal = isEnd ? part.bytes.subarray(0, -1) : part.bytes;
  const end = position + literal.length;
  const isRight = startsAt(line, literal, position) &&
    (!isEnd || end === line.length);
  if (isRight) return end;
  throw new UsageError(
    `${place}: expected ${quoted(part.bytes)}, got ${
      quoted(line.subarray(position, position + 60))
    }`,
  );
}

function startsAt(line: Uint8Array, part: Uint8Array, at: number): boolean {
  return at + part.length <= line.length &&
    part.every((byte, index) => line[at + index] === byte);
}

function indexOf(line: Uint8Array, mark: Uint8Array, from: number): number {
  for (
    let at = line.indexOf(mark[0], from);
    at !== -1;
    at = line.indexOf(mark[0], at + 1)
  ) {
    if (startsAt(line, mark, at)) return at;
  }
  return -1;
}

function quoted(bytes: Uint8Array): string {
  return JSON.stringify(printedMark(bytes));
}
