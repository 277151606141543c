// A text that must never reach a screen, a log or an answer.

/** A password or key: prints as `[hidden]` wherever it is shown by mistake. */
export class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  /** The text itself, for the one place that needs it. */
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return "[hidden]";
  }
  toJSON(): string {
    return "[hidden]";
  }
  [Symbol.for("Deno.customInspect")](): string {
    return "[hidden]";
  }
}
