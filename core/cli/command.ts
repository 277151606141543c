// What a command is: rows for its flags and arguments, one function to run.
//
// Commands are listed in a table (`commands/mod.ts`) and imported only when
// they are called, so that the program starts as fast as its smallest command.

import type { Host, Process } from "../host/host.ts";
import type { ArgumentRow, FlagRows, FlagValues } from "./flags.ts";
import type { Output } from "./output.ts";

/** What a command is given besides its flags. */
export interface CommandContext {
  readonly host: Host;
  readonly process: Process;
  /** All commands, for those that tell of the others. */
  readonly table: CommandTable;
  /** Standard output: data, and nothing else. */
  readonly out: Output;
  /** Prints one line of status or warning on standard error. */
  note(line: string): void;
  /** Prints that one item failed, after the command's name. */
  fail(message: string): void;
  /** Aborted by the first Ctrl-C or SIGTERM, for commands that `finishesItself`. */
  readonly interrupted: AbortSignal;
  /** Asks a question on the terminal; `false` without asking where there is none. */
  confirm(question: string): Promise<boolean>;
}

/** A command's rows and its function. */
export interface Command<T extends FlagRows = FlagRows> {
  /** More than the table's summary, for the command's own help. */
  readonly details?: string;
  readonly args: readonly ArgumentRow[];
  readonly flags: T;
  /** Whole command lines, each to be typed as it is. */
  readonly examples: readonly string[];
  /**
   * True where the command itself ends in good order when interrupted; others
   * are left where they stand.
   */
  readonly finishesItself?: boolean;
  /** @returns The exit code; nothing for 0. */
  readonly run: (
    context: CommandContext,
    input: {
      readonly flags: FlagValues<T>;
      readonly args: readonly string[];
    },
  ) => Promise<number | void>;
}

/**
 * A command of any flags, as the table holds it. The parser makes the flags by
 * the same rows that type the function, so their type may be forgotten here.
 */
export interface AnyCommand extends Omit<Command, "run"> {
  readonly run: (
    context: CommandContext,
    input: {
      readonly flags: { readonly [name: string]: unknown };
      readonly args: readonly string[];
    },
  ) => Promise<number | void>;
}

/** Gives a command its types. */
export function command<const T extends FlagRows>(
  definition: Command<T>,
): AnyCommand {
  return definition as unknown as AnyCommand;
}

/** A row of the table of commands. */
export interface CommandEntry {
  /** As typed, such as `topic create`. */
  readonly name: string;
  /** One line on what it does. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly default: AnyCommand }>;
}

export type CommandTable = readonly CommandEntry[];
