// Bytes to records, by a format.
//
// A field ends where the literal after it begins, or has as many bytes as a
// size read before it says; numbers in binary have their own size.

import {
  concatBytes,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeUtf8,
  NO_BYTES,
} from "../base/bytes.ts";
import { type ByteScanner, scannerOf } from "./byte_scanner.ts";
import { readJsonText } from "./json_scanner.ts";
import type { InputRecord, PrintedHeader } from "./printed_record.ts";
import {
  type BytesForm,
  type FormatPart,
  type NumberForm,
  parseRecordFormat,
} from "./record_format.ts";
import { UsageError } from "./usage_error.ts";

/** A field's size that no record has: somebody reads text as a binary size. */
const FIELD_BYTES_MAX = 1 << 30;
const HEADER_COUNT_MAX = 100_000;

/** Fields of a record, or of a header, while they are read. */
interface Fields {
  readonly bytes: Map<string, Uint8Array | null>;
  readonly numbers: Map<string, number>;
  headers: PrintedHeader[];
}

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
   * The next record; `null` at the end of the input.
   *
   * @throws {UsageError} That names the record, where the input does not fit
   * the format or ends inside a record.
   */
  async next(): Promise<InputRecord | null> {
    if (await this.#scanner.atEnd()) return null;
    const place = `${this.#isLines ? "line" : "record"} ${++this.#count}`;
    const fields: Fields = {
      bytes: new Map(),
      numbers: new Map(),
      headers: [],
    };
    const scanner = this.#isLines ? await this.#line() : this.#scanner;
    await readParts(this.#parts, fields, { scanner, place });
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

  /** One line with its end, so that a mark is not looked for in the next one. */
  async #line(): Promise<ByteScanner> {
    const { bytes } = await this.#scanner.until(LINE_END);
    return scannerOf(concatBytes([bytes, LINE_END]));
  }
}

const LINE_END = Uint8Array.of(10);

/** Whether a record is one line: only its end has a line feed, and no field has a size. */
function isLineFormat(parts: readonly FormatPart[]): boolean {
  return parts.every((part, index) => {
    if (part.kind !== "literal") {
      return part.kind !== "headers" &&
        !(part.kind === "bytes" && part.form === "json") &&
        !(part.kind === "number" &&
          (part.form.kind === "binary" || part.field.endsWith("Size")));
    }
    const lineFeed = part.bytes.indexOf(10);
    return index === parts.length - 1
      ? lineFeed === part.bytes.length - 1 && lineFeed !== -1
      : lineFeed === -1;
  }) && parts.at(-1)?.kind === "literal";
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
      if (part.kind === "number") {
        fields.numbers.set(part.field, numberOf(part.form, text, place));
      } else {
        fields.bytes.set(part.field, bytesOf(part.form, text, place));
      }
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
    const fields: Fields = {
      bytes: new Map(),
      numbers: new Map(),
      headers: [],
    };
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

/** Sizes count the bytes themselves, not the digits that stand for them. */
function encodedSize(
  form: BytesForm,
  size: number | undefined,
): number | undefined {
  if (size === undefined || size < 0) return size;
  if (form === "hex") return 2 * size;
  return form === "base64" ? 4 * Math.ceil(size / 3) : size;
}

function binarySize(form: NumberForm): number | undefined {
  return form.kind === "binary" ? form.sizeBytes : undefined;
}

function numberOf(
  form: NumberForm,
  bytes: Uint8Array | null,
  place: string,
): number {
  const source = bytes ?? NO_BYTES;
  if (form.kind === "binary") {
    let value = 0n;
    const ordered = form.littleEndian ? source.toReversed() : source;
    for (const byte of ordered) value = value << 8n | BigInt(byte);
    return Number(BigInt.asIntN(8 * form.sizeBytes, value));
  }
  const text = new TextDecoder().decode(source);
  const isHex = form.kind === "hex";
  const pattern = isHex ? /^[0-9a-fA-F]{1,16}$/ : /^-?\d{1,16}$/;
  if (!pattern.test(text)) {
    throw new UsageError(
      `${place}: expected a number, got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
  return isHex ? Number(BigInt.asIntN(64, BigInt(`0x${text}`))) : Number(text);
}

function bytesOf(
  form: BytesForm,
  bytes: Uint8Array | null,
  place: string,
): Uint8Array | null {
  if (bytes === null || form === "raw") return bytes;
  const text = new TextDecoder().decode(bytes);
  try {
    if (form === "hex") return decodeHex(text);
    if (form === "base64") return decodeBase64(text);
    const value: { base64?: unknown } | string | null = JSON.parse(text);
    if (value === null) return null;
    if (typeof value === "string") return encodeUtf8(value);
    // As written for bytes that are no text; any other JSON is its own bytes.
    return typeof value.base64 === "string" && Object.keys(value).length === 1
      ? decodeBase64(value.base64)
      : bytes;
  } catch {
    throw new UsageError(
      `${place}: expected ${form}, got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
}

function endsInside(place: string): UsageError {
  return new UsageError(`${place}: the input ends inside it`);
}

function isLineEnd(literal: Uint8Array): boolean {
  return literal.every((byte) => byte === 10 || byte === 13);
}

function printedMark(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
