// Java's `.properties` text: `key=value` a line, with where each was written.
//
// A key ends at the first `=`, `:` or blank that no backslash precedes. A line
// that begins with `#` or `!` is a comment. A backslash at the end of a line
// joins the next one, without its leading blanks; otherwise it escapes one
// character, `\t` `\n` `\f` `\r`, or `\uXXXX`.
//
// Source: the Java documentation of `java.util.Properties.load`. Unlike there,
// the file is UTF-8, a key is given once, and a bad escape names its line.

import { ConfigError, type ConfigPosition } from "./config_error.ts";

/** Texts by key, and where each was written. */
export interface Properties {
  readonly texts: Map<string, string>;
  readonly positions: Map<string, ConfigPosition>;
}

/**
 * Parses a whole file.
 *
 * @param source How errors name the file.
 * @throws {ConfigError} Where a line is not UTF-8, an escape is broken, or a
 * key is given twice; with file and line.
 */
export function parseProperties(
  bytes: Uint8Array,
  source: string,
): Properties {
  const texts = new Map<string, string>();
  const positions = new Map<string, ConfigPosition>();
  for (const { line, text } of logicalLines(decodeLines(bytes, source))) {
    const position = { source, line };
    const { key, value } = parseEntry(text, position);
    const earlier = positions.get(key);
    if (earlier !== undefined) {
      throw new ConfigError(
        `${key}: expected once, got it again: first on line ${earlier.line}`,
        { key, position },
      );
    }
    texts.set(key, value);
    positions.set(key, position);
  }
  return { texts, positions };
}

const LINE_END = /\r\n|\r|\n/;

function decodeLines(bytes: Uint8Array, source: string): string[] {
  // The decoder takes a byte order mark away.
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
      .split(LINE_END);
  } catch {
    throw encodingError(bytes, source);
  }
}

// A file of UTF-16 has no line worth naming; any other has one broken line.
function encodingError(bytes: Uint8Array, source: string): ConfigError {
  if (
    (bytes[0] === 0xff && bytes[1] === 0xfe) ||
    (bytes[0] === 0xfe && bytes[1] === 0xff)
  ) {
    return new ConfigError("expected UTF-8 text, got UTF-16", {
      position: { source, line: 1 },
    });
  }
  const lines = new TextDecoder("utf-8").decode(bytes).split(LINE_END);
  const index = lines.findIndex((line) => line.includes("\ufffd"));
  const key = /^\s*([\w.-]+)\s*[=:]/.exec(lines[index])?.[1];
  const prefix = key === undefined ? "" : `${key}: `;
  return new ConfigError(
    `${prefix}expected UTF-8 text, got ${JSON.stringify(lines[index].trim())}` +
      " (other characters can be written as \\uXXXX)",
    { key, position: { source, line: index + 1 } },
  );
}

interface LogicalLine {
  /** The first of its lines, from 1. */
  readonly line: number;
  /** Without leading blanks, and never empty. */
  readonly text: string;
}

function* logicalLines(lines: readonly string[]): Iterable<LogicalLine> {
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let text = lines[index].replace(/^[ \t\f]+/, "");
    if (text === "" || text[0] === "#" || text[0] === "!") continue;
    while (isContinued(text)) {
      text = text.slice(0, -1);
      if (index + 1 === lines.length) break;
      text += lines[++index].replace(/^[ \t\f]+/, "");
    }
    if (text !== "") yield { line, text };
  }
}

// An odd number of backslashes ends in one that nothing escapes.
function isContinued(text: string): boolean {
  return /\\*$/.exec(text)![0].length % 2 === 1;
}

function parseEntry(
  text: string,
  position: ConfigPosition,
): { key: string; value: string } {
  const keyEnd = /^(?:\\.|[^\\=: \t\f])*/s.exec(text)![0].length;
  const rest = text.slice(keyEnd);
  const separatorSize = /^[ \t\f]*[=:]?[ \t\f]*/.exec(rest)![0].length;
  const key = unescape(text.slice(0, keyEnd), position);
  if (key === "") {
    throw new ConfigError(`expected KEY=VALUE, got ${JSON.stringify(text)}`, {
      position,
    });
  }
  return { key, value: unescape(rest.slice(separatorSize), position) };
}

const ESCAPES: { readonly [letter: string]: string } = {
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
};

function unescape(text: string, position: ConfigPosition): string {
  return text.replace(/\\(u([0-9a-fA-F]{0,4})|.?)/gs, (whole, after, hex) => {
    if (hex === undefined) return ESCAPES[after] ?? after;
    if (hex.length === 4) return String.fromCharCode(parseInt(hex, 16));
    throw new ConfigError(
      `expected four hexadecimal digits after \\u, got ${
        JSON.stringify(whole)
      }`,
      { position },
    );
  });
}
