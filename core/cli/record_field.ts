// One field of a record that is read: from its text to its bytes or number.

import {
  decodeBase64,
  decodeHex,
  encodeUtf8,
  NO_BYTES,
} from "../base/bytes.ts";
import type { PrintedHeader } from "./printed_record.ts";
import type { BytesForm, FormatPart, NumberForm } from "./record_format.ts";
import { UsageError } from "./usage_error.ts";

/** Fields of a record, or of a header, while they are read. */
export interface Fields {
  readonly bytes: Map<string, Uint8Array | null>;
  readonly numbers: Map<string, number>;
  headers: readonly PrintedHeader[];
}

/** No fields yet. */
export function noFields(): Fields {
  return { bytes: new Map(), numbers: new Map(), headers: [] };
}

/** Takes the text of a field. */
export function setField(
  fields: Fields,
  part: FormatPart & { readonly kind: "bytes" | "number" },
  text: Uint8Array | null,
  place: string,
): void {
  if (part.kind === "number") {
    fields.numbers.set(part.field, numberOf(part.form, text, place));
  } else {
    fields.bytes.set(part.field, bytesOf(part.form, text, place));
  }
}

/** Sizes count the bytes themselves, not the digits that stand for them. */
export function encodedSize(
  form: BytesForm,
  size: number | undefined,
): number | undefined {
  if (size === undefined || size < 0) return size;
  if (form === "hex") return 2 * size;
  return form === "base64" ? 4 * Math.ceil(size / 3) : size;
}

/** Bytes of a number in binary; nothing for one in digits. */
export function binarySize(form: NumberForm): number | undefined {
  return form.kind === "binary" ? form.sizeBytes : undefined;
}

/** @throws {UsageError} Where the text is no number. */
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

/** @throws {UsageError} Where the text is not of the form. */
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

/** Bytes as an error shows them. */
export function printedMark(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
