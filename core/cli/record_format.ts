// The format of records on the terminal: `%k: %v\n`.
//
//   %t topic   %p partition   %o offset   %e leader epoch   %d timestamp
//   %k key     %v value       %h{…} headers, each by the format inside
//   %K %V %T   sizes in bytes of key, value and topic; -1 for null
//   %H         number of headers    %% a percent sign    %{ %} braces
//   \n \t \r \\ \xHH                characters
//
// A modifier in braces says how bytes or numbers are written:
//   bytes    {hex} {base64} {json}
//   numbers  {hex} {big64} {big32} {big16} {big8} {little64} … {byte}
//   %d       {strftime[%F %T]}, in UTC
//
// Source: the `-f` formats of rpk and kcl, as their help describes them.

import { parseStrftime, type StrftimePart } from "./strftime.ts";
import { UsageError } from "./usage_error.ts";

export type BytesField = "key" | "value" | "topic";
export type NumberField =
  | "partition"
  | "offset"
  | "leaderEpoch"
  | "timestamp"
  | "keySize"
  | "valueSize"
  | "topicSize"
  | "headerCount";

/** How bytes are written. */
export type BytesForm = "raw" | "hex" | "base64" | "json";

/** How a number is written: as digits, or in binary. */
export type NumberForm =
  | { readonly kind: "decimal" | "hex" }
  | {
    readonly kind: "binary";
    readonly sizeBytes: number;
    readonly littleEndian: boolean;
  }
  | { readonly kind: "strftime"; readonly parts: readonly StrftimePart[] };

export type FormatPart =
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  | {
    readonly kind: "bytes";
    readonly field: BytesField;
    readonly form: BytesForm;
  }
  | {
    readonly kind: "number";
    readonly field: NumberField;
    readonly form: NumberForm;
  }
  | { readonly kind: "headers"; readonly parts: readonly FormatPart[] };

const BYTES_FIELDS: { readonly [letter: string]: BytesField } = {
  k: "key",
  v: "value",
  t: "topic",
};

const NUMBER_FIELDS: { readonly [letter: string]: NumberField } = {
  p: "partition",
  o: "offset",
  e: "leaderEpoch",
  d: "timestamp",
  K: "keySize",
  V: "valueSize",
  T: "topicSize",
  H: "headerCount",
};

const IN_HEADERS = "kvKV";

/**
 * Parses a format.
 *
 * @throws {UsageError} With the place of what it does not know.
 */
export function parseRecordFormat(format: string): FormatPart[] {
  return new FormatParser(format).parse();
}

class FormatParser {
  readonly #format: string;
  #position = 0;

  constructor(format: string) {
    this.#format = format;
  }

  parse(): FormatPart[] {
    const parts = this.#parts(false);
    if (this.#position < this.#format.length) this.#refuse("a stray }");
    return parts;
  }

  #parts(inHeaders: boolean): FormatPart[] {
    const parts: FormatPart[] = [];
    let literal: number[] = [];
    const endLiteral = () => {
      if (literal.length > 0) {
        parts.push({ kind: "literal", bytes: Uint8Array.from(literal) });
      }
      literal = [];
    };
    while (this.#position < this.#format.length) {
      const next = this.#format[this.#position];
      if (inHeaders && next === "}") break;
      const part = next === "%" ? this.#percent(inHeaders) : null;
      if (part !== null && typeof part === "object") {
        endLiteral();
        parts.push(part);
      } else {
        literal.push(...this.#character(part));
      }
    }
    endLiteral();
    return parts;
  }

  /** A part, or the character that `%%`, `%{` and `%}` stand for. */
  #percent(inHeaders: boolean): FormatPart | string {
    const letter = this.#format[this.#position + 1] ?? "";
    if (/^[%{}]$/.test(letter)) {
      this.#position += 2;
      return letter;
    }
    const known = inHeaders
      ? IN_HEADERS.includes(letter)
      : letter === "h" || letter in BYTES_FIELDS || letter in NUMBER_FIELDS;
    if (letter === "" || !known) this.#refuse(`%${letter} means nothing here`);
    this.#position += 2;
    if (letter === "h") return this.#headers();
    const modifier = this.#modifier();
    if (letter in BYTES_FIELDS) {
      const form = this.#bytesForm(modifier);
      return { kind: "bytes", field: BYTES_FIELDS[letter], form };
    }
    const field = NUMBER_FIELDS[letter];
    return { kind: "number", field, form: this.#numberForm(field, modifier) };
  }

  #headers(): FormatPart {
    if (this.#format[this.#position] !== "{") {
      this.#refuse("%h needs a format for each header, as in %h{%k=%v }");
    }
    this.#position++;
    const parts = this.#parts(true);
    if (this.#format[this.#position] !== "}") this.#refuse("%h{ has no end");
    this.#position++;
    return { kind: "headers", parts };
  }

  /** What stands in braces; a bracket keeps braces inside `strftime[…]`. */
  #modifier(): string | null {
    if (this.#format[this.#position] !== "{") return null;
    const match = /^\{(\w+(?:\[[^\]]*\])?)\}/.exec(
      this.#format.slice(this.#position),
    );
    if (match === null) return this.#refuse("a modifier without end");
    this.#position += match[0].length;
    return match[1];
  }

  #bytesForm(modifier: string | null): BytesForm {
    if (modifier === null) return "raw";
    if (/^(hex|base64|json)$/.test(modifier)) return modifier as BytesForm;
    return this.#refuse(
      `{${modifier}} is no modifier of bytes (hex, base64, json)`,
    );
  }

  #numberForm(field: NumberField, modifier: string | null): NumberForm {
    if (modifier === null) return { kind: "decimal" };
    const strftime = /^strftime\[(.*)\]$/s.exec(modifier);
    if (strftime !== null && field === "timestamp") {
      return { kind: "strftime", parts: parseStrftime(strftime[1]) };
    }
    if (modifier === "hex" || modifier === "decimal") return { kind: modifier };
    const binary = /^(?:(big|little)(64|32|16|8)|byte)$/.exec(modifier);
    if (binary !== null) {
      return {
        kind: "binary",
        sizeBytes: Number(binary[2] ?? 8) / 8,
        littleEndian: binary[1] === "little",
      };
    }
    return this.#refuse(
      `{${modifier}} is no modifier of numbers (hex, big64, big32, big16, ` +
        "big8, little64, little32, little16, little8, byte" +
        (field === "timestamp" ? ", strftime[…])" : ")"),
    );
  }

  /** The bytes of a literal character or an escape. */
  #character(given: FormatPart | string | null): Uint8Array {
    if (typeof given === "string") return new TextEncoder().encode(given);
    const rest = this.#format.slice(this.#position);
    const escape = /^\\(x([0-9a-fA-F]{2})|[ntr\\0])/.exec(rest);
    if (escape !== null) {
      this.#position += escape[0].length;
      const code = escape[2] === undefined
        ? { n: 10, t: 9, r: 13, "\\": 92, 0: 0 }[escape[1]]!
        : parseInt(escape[2], 16);
      return Uint8Array.of(code);
    }
    if (rest[0] === "\\") this.#refuse("an unknown escape");
    const character = String.fromCodePoint(rest.codePointAt(0)!);
    this.#position += character.length;
    return new TextEncoder().encode(character);
  }

  #refuse(reason: string): never {
    throw new UsageError(
      `format ${JSON.stringify(this.#format)}, character ${
        this.#position + 1
      }: ${reason}`,
    );
  }
}
