// What a wrong configuration is answered with: one line that names the place,
// the key, what was expected and what was found.

/** Where a setting was written: a file's line, or an option of the command line. */
export interface ConfigPosition {
  /** Path as given, or `--override`. */
  readonly source: string;
  /** Line from 1; absent where the source has no lines. */
  readonly line?: number;
}

/** Prints a position as `server.properties:12`. */
export function formatPosition(position: ConfigPosition): string {
  return position.line === undefined
    ? position.source
    : `${position.source}:${position.line}`;
}

/**
 * A configuration that cannot be used.
 *
 * `message` starts with the position where one is known; `reason` is the text
 * without it, as the answer to an AlterConfigs request carries it.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly key: string | null;
  readonly reason: string;
  readonly position: ConfigPosition | null;

  constructor(
    reason: string,
    details: { key?: string; position?: ConfigPosition } = {},
  ) {
    const { key = null, position = null } = details;
    super(
      position === null ? reason : `${formatPosition(position)} ${reason}`,
    );
    this.key = key;
    this.reason = reason;
    this.position = position;
  }

  /** The same error, at a place. */
  at(position: ConfigPosition): ConfigError {
    return new ConfigError(this.reason, {
      key: this.key ?? undefined,
      position,
    });
  }
}

/** The value of one key that does not fit its row. */
export class ConfigValueError extends ConfigError {
  /** What the row accepts, e.g. `a whole number of at least 14`. */
  readonly expected: string;
  readonly got: string;

  constructor(
    key: string,
    expected: string,
    got: string,
    position?: ConfigPosition,
  ) {
    super(`${key}: expected ${expected}, got ${got}`, { key, position });
    this.expected = expected;
    this.got = got;
  }

  override at(position: ConfigPosition): ConfigValueError {
    return new ConfigValueError(
      this.key ?? "",
      this.expected,
      this.got,
      position,
    );
  }
}
