// From the words that somebody typed to an exit code.

import { ConfigError } from "../config/config_error.ts";
import { didYouMean } from "../config/did_you_mean.ts";
import type { Host, Process } from "../host/host.ts";
import type {
  AnyCommand,
  CommandContext,
  CommandEntry,
  CommandTable,
} from "./command.ts";
import { ExitCode, exitCodeOf } from "./exit_code.ts";
import { generalFlags } from "./flags.ts";
import { Output } from "./output.ts";
import { UsageError } from "./usage_error.ts";

export interface World {
  readonly host: Host;
  readonly process: Process;
  readonly table: CommandTable;
}

/**
 * Runs a command line.
 *
 * @param argv The words after the program's name.
 * @returns The exit code.
 */
export async function run(
  argv: readonly string[],
  world: World,
): Promise<number> {
  if (argv[0] === "help") return await run([...argv.slice(1), "--help"], world);
  const route = findCommand(argv, world.table);
  if (typeof route === "string") {
    return await showTable(route, argv, world);
  }
  const { default: command } = await route.entry.load();
  const rest = argv.slice(route.wordCount);
  const interruption = listenForInterrupts(world.process, command);
  try {
    const running = runCommand(route.entry, command, rest, {
      world,
      interrupted: interruption.signal,
    });
    // A command that is cut short may still fail later; nobody wants to know.
    running.catch(() => {});
    return await Promise.race([running, interruption.cutShort]);
  } catch (error) {
    return report(error, `kq ${route.entry.name}`, argv, world.process);
  } finally {
    interruption.stop();
  }
}

/** The command's entry, or the group whose table to show (`""` for all). */
function findCommand(
  argv: readonly string[],
  table: CommandTable,
): { entry: CommandEntry; wordCount: number } | string {
  const [first = "", second = ""] = argv;
  const two = table.find(({ name }) => name === `${first} ${second}`);
  if (two !== undefined) return { entry: two, wordCount: 2 };
  const one = table.find(({ name }) => name === first);
  if (one !== undefined) return { entry: one, wordCount: 1 };
  const isGroup = table.some(({ name }) => name.startsWith(`${first} `));
  return isGroup && first !== "" ? first : "";
}

async function showTable(
  group: string,
  argv: readonly string[],
  world: World,
): Promise<number> {
  const { process, table } = world;
  const { tableHelp } = await import("./help.ts");
  const word = argv[group === "" ? 0 : 1];
  if (word === "--version" && group === "") {
    return await run(["version"], world);
  }
  if (word === undefined || /^(--help|-h)$/.test(word)) {
    const out = new Output(process);
    await out.text(tableHelp(table, group === "" ? null : group));
    await out.flush();
    return word === undefined ? ExitCode.USAGE : ExitCode.DONE;
  }
  const names = table.map(({ name }) => name).filter((name) =>
    group === "" || name.startsWith(`${group} `)
  );
  const typed = group === "" ? word : `${group} ${word}`;
  const words = group === ""
    ? [...new Set(names.flatMap((name) => [name, name.split(" ")[0]]))]
    : names;
  printError(
    process,
    `kq: unknown command ${JSON.stringify(typed)}${didYouMean(typed, words)} ` +
      "(kq --help lists all)",
  );
  return ExitCode.USAGE;
}

async function runCommand(
  entry: CommandEntry,
  command: AnyCommand,
  argv: readonly string[],
  { world, interrupted }: { world: World; interrupted: AbortSignal },
): Promise<number> {
  const { host, process, table } = world;
  const out = new Output(process);
  if (asksForHelp(argv)) {
    const { commandHelp } = await import("./help.ts");
    await out.text(commandHelp(entry, command));
    await out.flush();
    return ExitCode.DONE;
  }
  const { parseArgs } = await import("./parse_args.ts");
  const rows = { ...command.flags, ...generalFlags };
  const { flags, args } = parseArgs(argv, rows, command.args);
  const context: CommandContext = {
    host,
    process,
    table,
    out,
    interrupted,
    note: (line) => printError(process, line),
    fail: (message) =>
      printError(process, `kq ${entry.name}: ${oneLine(message)}`),
    confirm: (question) => confirm(process, question),
  };
  try {
    return await command.run(context, { flags, args }) ?? ExitCode.DONE;
  } finally {
    await out.flush();
  }
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const flags = end === -1 ? argv : argv.slice(0, end);
  return flags.includes("--help") || flags.includes("-h");
}

interface Interruption {
  readonly signal: AbortSignal;
  /** Settles with an exit code when the command is not to be waited for. */
  readonly cutShort: Promise<number>;
  stop(): void;
}

/** The first Ctrl-C asks a command to finish, if it can; the second does not ask. */
function listenForInterrupts(
  process: Process,
  command: AnyCommand,
): Interruption {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<number>();
  const interrupt = (name: "SIGINT" | "SIGTERM") => {
    const isFirst = !controller.signal.aborted;
    controller.abort(name);
    if (!isFirst || !command.finishesItself) {
      resolve(name === "SIGINT" ? ExitCode.INTERRUPTED : 143);
    }
  };
  const stops = (["SIGINT", "SIGTERM"] as const).map((name) =>
    process.onSignal(name, () => interrupt(name))
  );
  return {
    signal: controller.signal,
    cutShort: promise,
    stop: () => stops.forEach((stop) => stop()),
  };
}

function report(
  error: unknown,
  name: string,
  argv: readonly string[],
  process: Process,
): number {
  const code = exitCodeOf(error);
  if (code === ExitCode.DONE) return code;
  if (!(error instanceof Error)) {
    printError(process, `${name}: ${String(error)}`);
    return code;
  }
  const help = error instanceof UsageError ? ` (${name} --help)` : "";
  if (error.message !== "") {
    const prefix = error instanceof ConfigError && error.position !== null
      ? ""
      : `${name}: `;
    printError(process, prefix + oneLine(error.message) + help);
  }
  if (argv.includes("--verbose") && error.stack !== undefined) {
    printError(process, error.stack);
  }
  return code;
}

function oneLine(message: string): string {
  return message.trim().replaceAll(/\s*\n\s*/g, " ");
}

function printError(process: Process, line: string): void {
  process.writeStderr(new TextEncoder().encode(`${line}\n`));
}

async function confirm(process: Process, question: string): Promise<boolean> {
  if (!process.stdinIsTerminal) return false;
  process.writeStderr(new TextEncoder().encode(`${question} [y/N] `));
  const answer = new Uint8Array(256);
  const size = await process.readStdin(answer);
  const text = new TextDecoder().decode(answer.subarray(0, size ?? 0));
  return /^y(es)?$/i.test(text.trim());
}
