// Classes of characters in RE2's language: `[a-z]`, `\d`, `[[:alpha:]]`, `\pL`.

import { PatternError, type Test, type TextReader } from "./_pattern_text.ts";

const perl: Readonly<Record<string, Test>> = {
  d: oneOf(/\d/),
  D: oneOf(/\D/),
  w: oneOf(/\w/),
  W: oneOf(/\W/),
  s: oneOf(/[\t\n\f\r ]/),
  S: oneOf(/[^\t\n\f\r ]/),
};

const posix: Readonly<Record<string, Test>> = {
  alnum: oneOf(/[0-9A-Za-z]/),
  alpha: oneOf(/[A-Za-z]/),
  // deno-lint-ignore no-control-regex
  ascii: oneOf(/[\x00-\x7F]/),
  blank: oneOf(/[\t ]/),
  // deno-lint-ignore no-control-regex
  cntrl: oneOf(/[\x00-\x1F\x7F]/),
  digit: oneOf(/[0-9]/),
  graph: oneOf(/[!-~]/),
  lower: oneOf(/[a-z]/),
  print: oneOf(/[ -~]/),
  punct: oneOf(/[!-/:-@[-`{-~]/),
  space: oneOf(/[\t\n\v\f\r ]/),
  upper: oneOf(/[A-Z]/),
  word: oneOf(/[0-9A-Za-z_]/),
  xdigit: oneOf(/[0-9A-Fa-f]/),
};

const controls: Readonly<Record<string, number>> = {
  a: 7,
  f: 12,
  t: 9,
  n: 10,
  r: 13,
  v: 11,
};

/**
 * Reads what follows a backslash: one character's code, or a class.
 *
 * @throws {PatternError} Where RE2 has no such escape.
 */
export function parseEscape(reader: TextReader): number | Test {
  const hex = reader.match(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/y);
  if (hex !== null) return parseInt(hex[1] ?? hex[2], 16);
  const property = reader.match(/([pP])(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/y);
  if (property !== null) {
    const [, letter, short, caret, long] = property;
    const test = unicode(short ?? long);
    return (letter === "P") !== (caret === "^") ? not(test) : test;
  }
  const char = reader.next();
  if (Object.hasOwn(perl, char)) return perl[char];
  if (Object.hasOwn(controls, char)) return controls[char];
  if (/[0-9A-Za-z]/.test(char)) {
    throw new PatternError(`\`\\${char}\` is not of RE2's language`);
  }
  return char.codePointAt(0)!;
}

/**
 * Reads a class behind its `[`, with its `]`.
 *
 * @throws {PatternError} Where it is none.
 */
export function parseClass(reader: TextReader): Test {
  const isNegated = reader.take("^");
  const tests: Test[] = [];
  for (let isFirst = true; isFirst || !reader.take("]"); isFirst = false) {
    const named = reader.match(/\[:(\^?)([a-z]+):\]/y);
    if (named !== null) {
      if (!Object.hasOwn(posix, named[2])) {
        throw new PatternError(`there is no class \`${named[0]}\``);
      }
      const test = posix[named[2]];
      tests.push(named[1] === "^" ? not(test) : test);
      continue;
    }
    const from = classItem(reader);
    if (typeof from !== "number") tests.push(from);
    else tests.push(range(from, reader));
  }
  const any: Test = (code) => tests.some((test) => test(code));
  return isNegated ? not(any) : any;
}

function range(from: number, reader: TextReader): Test {
  if (!reader.sees("-") || reader.sees("-]")) return (code) => code === from;
  reader.take("-");
  const to = classItem(reader);
  if (typeof to !== "number" || to < from) {
    throw new PatternError("a range of characters goes backwards");
  }
  return (code) => code >= from && code <= to;
}

function classItem(reader: TextReader): number | Test {
  return reader.take("\\")
    ? parseEscape(reader)
    : reader.next().codePointAt(0)!;
}

function unicode(name: string): Test {
  if (name === "Any") return () => true;
  for (const property of [name, `Script=${name}`]) {
    try {
      return oneOf(new RegExp(`\\p{${property}}`, "u"));
    } catch {
      // Not a category; perhaps a script.
    }
  }
  throw new PatternError(`there is no Unicode class \`${name}\``);
}

/** @param expression Of exactly one character, without a flag that keeps a place. */
function oneOf(expression: RegExp): Test {
  return (code) => expression.test(String.fromCodePoint(code));
}

function not(test: Test): Test {
  return (code) => !test(code);
}
