// Text of a pattern in RE2's language → its tree.
//
//   choice    sequence ("|" sequence)*
//   sequence  (atom ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}")? "?"?)*
//   atom      character | "." | "[" class "]" | "\" escape | "^" | "$"
//           | "(" ("?:" | "?P<name>" | "?<name>" | "?flags:")? choice ")" | "(?flags)"
//
// Flags: i (letter case does not matter), s (a dot is also a line's end), m, U;
// the last two change nothing for names of one line that match as a whole.

import { parseClass, parseEscape } from "./_pattern_class.ts";
import { PatternError, type Test, TextReader } from "./_pattern_text.ts";

export { PatternError };

export type Node =
  | { readonly kind: "char"; readonly test: Test }
  | {
    readonly kind: "at";
    readonly test: (name: string, index: number) => boolean;
  }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | {
    readonly kind: "repeat";
    readonly node: Node;
    readonly min: number;
    readonly max: number;
  };

/** Longest pattern; longer ones are no subscription by any human. */
const LENGTH_MAX = 4096;
const DEPTH_MAX = 100;
/** RE2's own bound. */
const REPEAT_MAX = 1000;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotIsAll: boolean;
}

const START: Node = { kind: "at", test: (_, index) => index === 0 };
const END: Node = { kind: "at", test: (name, index) => index === name.length };

/**
 * Reads a pattern.
 *
 * @throws {PatternError} Where it is none.
 */
export function parsePattern(text: string): Node {
  if (text.length > LENGTH_MAX) {
    throw new PatternError(`it is longer than ${LENGTH_MAX} characters`);
  }
  const reader = new TextReader(text);
  const node = new Parser(reader).choice(
    { ignoreCase: false, dotIsAll: false },
    0,
  );
  if (!reader.isAtEnd) throw new PatternError("a `)` has no `(`");
  return node;
}

class Parser {
  readonly #in: TextReader;
  /** Flags of the innermost group, which `(?i)` changes for its rest. */
  #flags: Flags = { ignoreCase: false, dotIsAll: false };

  constructor(reader: TextReader) {
    this.#in = reader;
  }

  choice(flags: Flags, depth: number): Node {
    if (depth > DEPTH_MAX) throw new PatternError("it is nested too deep");
    const outer = this.#flags;
    this.#flags = flags;
    const nodes = [this.#sequence(depth)];
    while (this.#in.take("|")) nodes.push(this.#sequence(depth));
    this.#flags = outer;
    return nodes.length === 1 ? nodes[0] : { kind: "choice", nodes };
  }

  #sequence(depth: number): Node {
    const nodes: Node[] = [];
    while (!this.#in.isAtEnd && !this.#in.sees("|") && !this.#in.sees(")")) {
      if (this.#in.take("\\Q")) {
        const chars = Array.from(this.#in.until("\\E"), (c) => this.#char(c));
        const last = chars.pop();
        nodes.push(...chars);
        if (last !== undefined) nodes.push(this.#repeated(last));
        continue;
      }
      const atom = this.#atom(depth);
      if (atom !== null) nodes.push(this.#repeated(atom));
    }
    return { kind: "sequence", nodes };
  }

  #repeated(node: Node): Node {
    const times = this.#times();
    if (times === null) return node;
    this.#in.take("?");
    if (this.#times() !== null) {
      throw new PatternError("one repetition follows another");
    }
    return { kind: "repeat", node, ...times };
  }

  #times(): { min: number; max: number } | null {
    if (this.#in.take("*")) return { min: 0, max: Infinity };
    if (this.#in.take("+")) return { min: 1, max: Infinity };
    if (this.#in.take("?")) return { min: 0, max: 1 };
    const found = this.#in.match(/\{(\d{1,9})(,(\d{0,9}))?\}/y);
    if (found === null) return null;
    const min = Number(found[1]);
    const max = found[2] === undefined
      ? min
      : found[3] === ""
      ? Infinity
      : Number(found[3]);
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX)) {
      throw new PatternError(`it repeats more than ${REPEAT_MAX} times`);
    }
    if (min > max) throw new PatternError(`${found[0]} is no repetition`);
    return { min, max };
  }

  /** null where the text only changed the flags. */
  #atom(depth: number): Node | null {
    const reader = this.#in;
    if (reader.take("(")) return this.#group(depth);
    if (reader.take("^")) return START;
    if (reader.take("$")) return END;
    if (reader.take(".")) {
      return this.#flags.dotIsAll
        ? { kind: "char", test: () => true }
        : { kind: "char", test: (code) => code !== 10 };
    }
    if (reader.take("[")) return this.#test(parseClass(reader));
    if (reader.take("\\")) return this.#escape();
    const char = reader.next();
    if (char === "*" || char === "+" || char === "?") {
      throw new PatternError(`\`${char}\` has nothing to repeat`);
    }
    return this.#char(char);
  }

  #escape(): Node {
    if (this.#in.take("A")) return START;
    if (this.#in.take("z")) return END;
    if (this.#in.take("b")) return { kind: "at", test: isWordBoundary };
    if (this.#in.take("B")) {
      return {
        kind: "at",
        test: (name, index) => !isWordBoundary(name, index),
      };
    }
    const escaped = parseEscape(this.#in);
    return typeof escaped === "number"
      ? this.#test((code) => code === escaped)
      : this.#test(escaped);
  }

  #group(depth: number): Node | null {
    const reader = this.#in;
    let flags = this.#flags;
    if (reader.take("?")) {
      const named = reader.match(/P?<[A-Za-z0-9_]+>/y);
      if (named === null) {
        const found = reader.match(/([imsU]*)(?:-([imsU]+))?([:)])/y);
        if (found === null) {
          throw new PatternError(
            "`(?` begins something that RE2 does not have, such as look-around",
          );
        }
        const [, on, off = "", end] = found;
        flags = {
          ignoreCase: (flags.ignoreCase || on.includes("i")) &&
            !off.includes("i"),
          dotIsAll: (flags.dotIsAll || on.includes("s")) && !off.includes("s"),
        };
        if (end === ")") {
          this.#flags = flags;
          return null;
        }
      }
    }
    const node = this.choice(flags, depth + 1);
    if (!reader.take(")")) throw new PatternError("a `(` has no `)`");
    return node;
  }

  #char(char: string): Node {
    const wanted = char.codePointAt(0)!;
    return this.#test((code) => code === wanted);
  }

  #test(test: Test): Node {
    return {
      kind: "char",
      test: this.#flags.ignoreCase ? inEitherCase(test) : test,
    };
  }
}

function inEitherCase(test: Test): Test {
  return (code) => {
    const char = String.fromCodePoint(code);
    return test(code) || test(char.toLowerCase().codePointAt(0)!) ||
      test(char.toUpperCase().codePointAt(0)!);
  };
}

function isWordBoundary(name: string, index: number): boolean {
  const isWord = (at: number) => /^\w$/.test(name.charAt(at));
  return isWord(index - 1) !== isWord(index);
}
