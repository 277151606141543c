// Completion scripts for shells, out of the table of commands: commands, flags,
// the values of choices, and names of topics, groups and transactional ids where
// an argument is one.

import type { AnyCommand, CommandTable } from "./command.ts";
import { type FlagRow, type FlagRows, generalFlags } from "./flags.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

interface CompletedFlag {
  readonly name: string;
  readonly row: FlagRow;
}

interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
  /** Whose names its arguments are; `null` for none. */
  readonly names: "topic" | "group" | "txn" | null;
}

/** Lists the names of one kind. */
const listOf = (kind: string) =>
  `kq ${kind} list -o name --timeout 1s 2>/dev/null`;

/** The script that a shell reads; loads every command. */
export async function completionScript(
  shell: Shell,
  table: CommandTable,
): Promise<string> {
  const commands = await Promise.all(table.map(async (entry) => {
    const { default: command } = await entry.load();
    return completed(entry, command);
  }));
  if (shell === "fish") return fishScript(commands);
  return shell === "bash" ? bashScript(commands) : zshScript(commands);
}

function completed(
  entry: { readonly name: string; readonly summary: string },
  command: AnyCommand,
): CompletedCommand {
  const flags: FlagRows = { ...command.flags, ...generalFlags };
  return {
    name: entry.name,
    summary: entry.summary,
    flags: Object.entries(flags).filter(([name]) => name.length > 1)
      .map(([name, row]) => ({ name, row })),
    names: namesOf(command),
  };
}

function namesOf(command: AnyCommand): CompletedCommand["names"] {
  for (const { name } of command.args) {
    if (name.startsWith("TOPIC")) return "topic";
    if (name.startsWith("GROUP")) return "group";
    if (name === "TRANSACTIONAL-ID") return "txn";
  }
  return null;
}

/** The first words, and after a group its second words. */
function words(commands: readonly CompletedCommand[]): Map<string, string[]> {
  const groups = new Map<string, string[]>([["", []]]);
  for (const { name } of commands) {
    const [first, second] = name.split(" ");
    if (!groups.get("")!.includes(first)) groups.get("")!.push(first);
    if (second !== undefined) {
      groups.set(first, [...groups.get(first) ?? [], second]);
    }
  }
  return groups;
}

/** Lines of a `case` of sh, by command, that name what may follow. */
function caseLines(commands: readonly CompletedCommand[]): string {
  const lines: string[] = [];
  for (const [group, seconds] of words(commands)) {
    if (group !== "") {
      lines.push(`    "${group} ") candidates="${seconds.join(" ")}" ;;`);
    }
  }
  for (const { name, flags, names } of commands) {
    const [first, second] = name.split(" ");
    const pattern = second === undefined
      ? `"${first} "*`
      : `"${first} ${second}"`;
    const long = flags.map((flag) => `--${flag.name}`).join(" ");
    const kind = names === null ? "" : ` names=${names}`;
    lines.push(`    ${pattern}) flags="${long}"${kind} ;;`);
  }
  return lines.join("\n");
}

function choiceLines(commands: readonly CompletedCommand[]): string {
  const choices = new Map<string, string>();
  for (const { flags } of commands) {
    for (const { name, row } of flags) {
      if (row.of === undefined) continue;
      const names = [`--${name}`, ...(row.short ? [`-${row.short}`] : [])];
      choices.set(names.join("|"), row.of.join(" "));
    }
  }
  return [...choices].map(([names, values]) =>
    `    ${names}) candidates="${values}"; flags=""; names="" ;;`
  ).join("\n");
}

function shellBody(commands: readonly CompletedCommand[]): string {
  return `  local candidates="" flags="" names=""
  case "$first $second" in
${caseLines(commands)}
    " "*) candidates="${words(commands).get("")!.join(" ")}" ;;
  esac
  case "$previous" in
${choiceLines(commands)}
  esac
  case "$current" in
    -*) candidates="$flags" ;;
    *) if [ -n "$names" ]; then candidates="$candidates $(${
    listOf('"$names"')
  })"; fi ;;
  esac`;
}

function bashScript(commands: readonly CompletedCommand[]): string {
  return `# bash completion of kq: source <(kq completion bash)
_kq() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local first="" second=""
  if [ "$COMP_CWORD" -gt 1 ]; then first="\${COMP_WORDS[1]}"; fi
  if [ "$COMP_CWORD" -gt 2 ]; then second="\${COMP_WORDS[2]}"; fi
${shellBody(commands)}
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  if [ -z "$candidates" ] || [ "\${#COMPREPLY[@]}" -eq 0 ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _kq kq
`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef kq
# zsh completion of kq: source <(kq completion zsh)
_kq() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT-1]}"
  local first="" second=""
  if [ "$CURRENT" -gt 2 ]; then first="\${words[2]}"; fi
  if [ "$CURRENT" -gt 3 ]; then second="\${words[3]}"; fi
  _kq_words
}
_kq_words() {
${shellBody(commands)}
  if [ -n "$candidates" ]; then compadd -- \${(z)candidates}; else _files; fi
}
compdef _kq kq
`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = [
    "# fish completion of kq: kq completion fish | source",
    "complete -c kq -f",
  ];
  const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
  for (const [group, list] of words(commands)) {
    for (const word of list) {
      const name = group === "" ? word : `${group} ${word}`;
      const entry = commands.find((command) => command.name === name);
      const condition = group === ""
        ? "__fish_use_subcommand"
        : `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${
          list.join(" ")
        }`;
      lines.push(
        `complete -c kq -n ${quoted(condition)} -a ${word} -d ${
          quoted(entry?.summary ?? "")
        }`,
      );
    }
  }
  for (const { name, flags, names } of commands) {
    const condition = quoted(
      name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`)
        .join("; and "),
    );
    for (const { name: flag, row } of flags) {
      const short = row.short ? ` -s ${row.short}` : "";
      const value = row.kind === "switch" ? "" : " -r";
      const choices = row.of ? ` -a ${quoted(row.of.join(" "))}` : "";
      lines.push(
        `complete -c kq -n ${condition} -l ${flag}${short}${value}${choices} -d ${
          quoted(row.doc)
        }`,
      );
    }
    if (names !== null) {
      lines.push(`complete -c kq -n ${condition} -a '(${listOf(names)})'`);
    }
  }
  return `${lines.join("\n")}\n`;
}
