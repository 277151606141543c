// Bytes to records, by a format.
//
// A field ends where the literal after it begins, or has as many bytes as a
// size read before it says; numbers in binary have their own size.

import { decodeUtf8, NO_BYTES } from "../base/bytes.ts";
import type { ByteScanner } from "./byte_scanner.ts";
import { readJsonText } from "./json_scanner.ts";
import { isLineFormat, parseLine } from "./line_record.ts";
import type { InputRecord, PrintedHeader } from "./printed_record.ts";
import {
  binarySize,
  encodedSize,
  type Fields,
  noFields,
  printedMark,
  setField,
} from "./record_field.ts";
import { type FormatPart, parseRecordFormat } from "./record_format.ts";
import { UsageError } from "./usage_error.ts";

/** A field's size that no record has: somebody reads text as a binary size. */
const FIELD_BYTES_MAX = 1 << 30;
const HEADER_COUNT_MAX = 100_000;

/** Reads records one by one. */
export class RecordReader {
  readonly #parts: readonly FormatPart[];
  readonly #scanner: ByteScanner;
  readonly #isLines: boolean;
  #count = 0;

  /** @throws {UsageError} Where the format is none, or cannot be read by. */
  constructor(format: string, scanner: ByteScanner) {
    this.#parts = parseRecordFormat(format);
    this.#scanner = scanner;
    checkReadable(this.#parts);
    this.#isLines = isLineFormat(this.#parts);
  }

  /**
   * The next record; `null` at the end of the input. A promise only where the
   * input has to be waited for.
   *
   * @throws {UsageError} That names the record, where the input does not fit
   * the format or ends inside a record.
   */
  next(): InputRecord | null | Promise<InputRecord | null> {
    if (!this.#isLines) return this.#read();
    const line = this.#scanner.untilBuffered(LINE_FEED);
    return line === null ? this.#readLine() : this.#parse(line);
  }

  async #readLine(): Promise<InputRecord | null> {
    if (await this.#scanner.atEnd()) return null;
    return this.#parse((await this.#scanner.until(LINE_END)).bytes);
  }

  #parse(line: Uint8Array): InputRecord {
    const place = `line ${++this.#count}`;
    return recordOf(parseLine(this.#parts, line, place), place);
  }

  async #read(): Promise<InputRecord | null> {
    if (await this.#scanner.atEnd()) return null;
    const place = `record ${++this.#count}`;
    const fields = noFields();
    const scanner = this.#scanner;
    await readParts(this.#parts, fields, { scanner, place });
    return recordOf(fields, place);
  }
}

const LINE_FEED = 10;
const LINE_END = Uint8Array.of(LINE_FEED);

function recordOf(fields: Fields, place: string): InputRecord {
  const topic = fields.bytes.get("topic");
  const timestampMs = fields.numbers.get("timestamp");
  return {
    place,
    topic: topic ? decodeUtf8(topic) : undefined,
    partition: fields.numbers.get("partition"),
    timestampMs: timestampMs === undefined || timestampMs < 0
      ? undefined
      : timestampMs,
    key: fields.bytes.get("key") ?? null,
    value: fields.bytes.get("value") ?? null,
    headers: fields.headers,
  };
}

interface Input {
  readonly scanner: ByteScanner;
  readonly place: string;
}

async function readParts(
  parts: readonly FormatPart[],
  fields: Fields,
  input: Input,
): Promise<void> {
  const { scanner, place } = input;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    const next = parts[index + 1];
    const mark = next?.kind === "literal" ? next.bytes : null;
    const isLast = index + 2 >= parts.length;
    let endsAtMark = false;
    if (part.kind === "literal") {
      await readLiteral(part.bytes, input);
    } else if (part.kind === "headers") {
      const count = fields.numbers.get("headerCount") ?? 0;
      fields.headers = await readHeaders(part.parts, count, input);
    } else {
      const size = part.kind === "number"
        ? binarySize(part.form)
        : encodedSize(part.form, fields.numbers.get(`${part.field}Size`));
      const text = part.kind === "bytes" && part.form === "json"
        ? await readJsonText(scanner, place)
        : await readText({ size, mark, isLast }, input);
      endsAtMark = size === undefined && mark !== null &&
        !(part.kind === "bytes" && part.form === "json");
      setField(fields, part, text, place);
    }
    // The literal after a field without size went with it.
    if (endsAtMark) index++;
  }
}

async function readText(
  { size, mark, isLast }: {
    size: number | undefined;
    mark: Uint8Array | null;
    isLast: boolean;
  },
  { scanner, place }: Input,
): Promise<Uint8Array | null> {
  if (size !== undefined) {
    if (size === -1) return null;
    if (size < 0 || size > FIELD_BYTES_MAX) {
      throw new UsageError(`${place}: no field has ${size} bytes`);
    }
    const bytes = await scanner.exactly(size);
    if (bytes.length < size) throw endsInside(place);
    return bytes;
  }
  // Without a mark the field is the last one, and takes all that is left.
  if (mark === null) return await scanner.rest();
  const { bytes, found } = await scanner.until(mark);
  if (!found && !isLast) {
    throw new UsageError(
      `${place}: expected ${JSON.stringify(printedMark(mark))} after ${
        JSON.stringify(printedMark(bytes.subarray(0, 60)).trimEnd())
      }`,
    );
  }
  return bytes;
}

async function readLiteral(
  literal: Uint8Array,
  { scanner, place }: Input,
): Promise<void> {
  const bytes = await scanner.exactly(literal.length);
  const isSame = bytes.every((byte, index) => byte === literal[index]);
  // The end of the last line may be missing.
  if (!isSame || (bytes.length > 0 && bytes.length < literal.length)) {
    throw new UsageError(
      `${place}: expected ${JSON.stringify(printedMark(literal))}, got ${
        JSON.stringify(printedMark(bytes))
      }`,
    );
  }
  if (bytes.length === 0 && !isLineEnd(literal)) throw endsInside(place);
}

async function readHeaders(
  parts: readonly FormatPart[],
  count: number,
  input: Input,
): Promise<PrintedHeader[]> {
  const { place } = input;
  if (count < 0 || count > HEADER_COUNT_MAX) {
    throw new UsageError(`${place}: no record has ${count} headers`);
  }
  const headers: PrintedHeader[] = [];
  while (headers.length < count) {
    const fields = noFields();
    await readParts(parts, fields, input);
    const key = decodeUtf8(fields.bytes.get("key") ?? NO_BYTES);
    headers.push({ key, value: fields.bytes.get("value") ?? null });
  }
  return headers;
}

function checkReadable(parts: readonly FormatPart[], isInner = false): void {
  const sized = new Set<string>();
  parts.forEach((part, index) => {
    const next = parts[index + 1];
    if (part.kind === "number") {
      if (part.form.kind === "strftime") {
        throw new UsageError("a time by strftime cannot be read, only printed");
      }
      sized.add(part.field);
    }
    if (part.kind === "headers") {
      if (!sized.has("headerCount")) {
        throw new UsageError(
          "%h{…} can be read only after the number of headers, %H",
        );
      }
      checkReadable(part.parts, true);
    }
    const hasSize = part.kind === "number"
      ? part.form.kind === "binary"
      : part.kind === "bytes" &&
        (part.form === "json" || sized.has(`${part.field}Size`));
    const isField = part.kind === "bytes" || part.kind === "number";
    const isEnd = next === undefined && !isInner;
    if (isField && !hasSize && !isEnd && next?.kind !== "literal") {
      throw new UsageError(
        `the format does not say where the ${part.field} ends: put a text ` +
          "behind it, or its size (%K, %V) before it",
      );
    }
  });
  if (!parts.some((part) => part.kind !== "literal")) {
    throw new UsageError("the format has no field to read, such as %v");
  }
}

function endsInside(place: string): UsageError {
  return new UsageError(`${place}: the input ends inside it`);
}

function isLineEnd(literal: Uint8Array): boolean {
  return literal.every((byte) => byte === 10 || byte === 13);
}
