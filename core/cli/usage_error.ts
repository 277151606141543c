// What goes wrong because of what somebody typed.

/** Wrong use of a command: one line that says what was expected. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command that has said all there is to say, and ends with a code. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  /** @param message One line for stderr; `""` where nothing is left to say. */
  constructor(readonly exitCode: number, message = "") {
    super(message);
  }
}

/** The reader of standard output has gone; nothing is wrong with the command. */
export class BrokenPipeError extends Error {
  override readonly name = "BrokenPipeError";
}
