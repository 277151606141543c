// What the commands share that ask a cluster to do something: a connection of
// their own, names of topics, errors of single items.

import type { CommandContext } from "../core/cli/command.ts";
import { clientConfig, type ConnectionFlags } from "../core/cli/connection.ts";
import { exitCodeOfItems } from "../core/cli/exit_code.ts";
import { checkTopicName } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { type Admin, createAdmin } from "../core/client/admin.ts";

/** Runs `use` with an admin client, and ends its connections. */
export async function withAdmin<T>(
  context: CommandContext,
  flags: ConnectionFlags,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = createAdmin(context.host, await clientConfig(context, flags));
  try {
    return await use(admin);
  } finally {
    admin.close();
  }
}

/** An item's error as a field of JSON; nothing where there is none. */
export function errorField(
  error: Error | null,
): { readonly error?: string } {
  return error === null ? {} : { error: errorText(error) };
}

/** An error with its name of the protocol, which scripts look for. */
export function errorText(error: Error): string {
  return "errorName" in error && !error.message.includes(`${error.errorName}`)
    ? `${error.message} (${error.errorName})`
    : error.message;
}

/**
 * Prints the errors of items on stderr.
 *
 * @returns The exit code.
 */
export function reportItems(
  context: CommandContext,
  items: readonly { readonly name: string; readonly error: Error | null }[],
): number {
  for (const { name, error } of items) {
    if (error !== null) context.fail(`${name}: ${errorText(error)}`);
  }
  return exitCodeOfItems(items.map(({ error }) => error));
}

/** Reads `KEY=VALUE` items of a flag, in their order. */
export function parsePairs(
  flag: string,
  items: readonly string[],
): [key: string, value: string][] {
  return items.map((item) => {
    const end = item.indexOf("=");
    const key = item.slice(0, end).trim();
    if (end < 1 || key === "") {
      throw new UsageError(
        `${flag}: expected KEY=VALUE, got ${JSON.stringify(item)}`,
      );
    }
    return [key, item.slice(end + 1)];
  });
}

/** Reads `KEY=VALUE` items of a flag; the last of a key wins. */
export function parseKeyValues(
  flag: string,
  items: readonly string[],
): Map<string, string> {
  return new Map(parsePairs(flag, items));
}

/** Names of topics, each checked, each once. */
export function topicNames(args: readonly string[]): string[] {
  for (const name of args) checkTopicName(name);
  return [...new Set(args)];
}

/**
 * The topics meant: as they stand, or all whose whole name a pattern matches.
 *
 * @throws {UsageError} Where a pattern is none.
 */
export async function chosenTopics(
  admin: Admin,
  args: readonly string[],
  isRegex: boolean,
): Promise<string[]> {
  if (!isRegex) return topicNames(args);
  const patterns = args.map((text) => topicPattern(text));
  const topics = await admin.listTopics({ includeInternal: true });
  return topics.map(({ name }) => name)
    .filter((name) => patterns.some((pattern) => pattern.test(name)));
}

/** An anchored pattern. */
export function topicPattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (error) {
    throw new UsageError(
      `${JSON.stringify(text)} is no pattern: ${(error as Error).message}`,
    );
  }
}

/**
 * Asks before something is lost: on a terminal by a question, elsewhere by
 * `--yes`.
 *
 * @returns False where the answer is no.
 */
export async function isConfirmed(
  context: CommandContext,
  yes: boolean,
  question: string,
): Promise<boolean> {
  if (yes) return true;
  if (!context.process.stdinIsTerminal) {
    throw new UsageError(`${question} Say so with --yes`);
  }
  return await context.confirm(question);
}
