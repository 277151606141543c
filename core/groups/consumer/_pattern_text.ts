// What the parts of the pattern parser share: the text and the place in it.

/** Says what is wrong with a pattern; to be put behind "the pattern is bad:". */
export class PatternError extends Error {}

/** Whether one character, by its code, is meant. */
export type Test = (code: number) => boolean;

/** Reads a pattern from left to right. */
export class TextReader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  sees(text: string): boolean {
    return this.#text.startsWith(text, this.#position);
  }

  /** Passes over a text where it comes next. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#position += text.length;
    return true;
  }

  /** Passes over what a sticky expression matches here. */
  match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#position;
    const found = expression.exec(this.#text);
    if (found !== null) this.#position += found[0].length;
    return found;
  }

  /** All up to a text, which is passed over, or up to the end. */
  until(text: string): string {
    const end = this.#text.indexOf(text, this.#position);
    const found = this.#text.slice(
      this.#position,
      end < 0 ? this.#text.length : end,
    );
    this.#position += found.length + (end < 0 ? 0 : text.length);
    return found;
  }

  /**
   * The next character, whole.
   *
   * @throws {PatternError} At the end.
   */
  next(): string {
    const code = this.#text.codePointAt(this.#position);
    if (code === undefined) throw new PatternError("it breaks off");
    const char = String.fromCodePoint(code);
    this.#position += char.length;
    return char;
  }
}
