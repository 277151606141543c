// Patterns of topic names, in RE2's language, as members subscribe to them. A
// name matches only as a whole.
//
// A pattern becomes a small program that walks a name once, with all its
// alternatives side by side, so no pattern can make the coordinator work for
// longer than the program's size times the name's length. Look-around and back
// references do not exist in this language.
//
// Source: RE2's wiki, "Syntax"; KIP-848 names RE2 for `SubscribedTopicRegex`.

import { type Node, parsePattern, PatternError } from "./_pattern_parser.ts";

/** A pattern that is ready to match. */
export interface TopicPattern {
  matches(name: string): boolean;
}

export type ParsedPattern =
  | { readonly kind: "pattern"; readonly pattern: TopicPattern }
  | { readonly kind: "bad"; readonly reason: string };

/** Most steps that a program may have. */
const PROGRAM_SIZE_MAX = 10_000;

type Step =
  | { readonly kind: "char"; readonly test: (code: number) => boolean }
  | {
    readonly kind: "at";
    readonly test: (name: string, index: number) => boolean;
  }
  /** Goes on in several places. */
  | { readonly kind: "fork"; readonly targets: number[] }
  | { readonly kind: "match" };

/** Reads a pattern; `bad` where it is no pattern or too large a one. */
export function parseTopicPattern(text: string): ParsedPattern {
  try {
    const program: Step[] = [];
    compile(parsePattern(text), program);
    program.push({ kind: "match" });
    return {
      kind: "pattern",
      pattern: { matches: (name) => run(program, name) },
    };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return { kind: "bad", reason: error.message };
  }
}

function push(program: Step[], step: Step): number {
  if (program.length >= PROGRAM_SIZE_MAX) {
    throw new PatternError("it is too large");
  }
  return program.push(step) - 1;
}

function fork(program: Step[]): number[] {
  const targets: number[] = [];
  push(program, { kind: "fork", targets });
  return targets;
}

function compile(node: Node, program: Step[]): void {
  switch (node.kind) {
    case "char":
    case "at":
      push(program, node);
      return;
    case "sequence":
      for (const each of node.nodes) compile(each, program);
      return;
    case "choice": {
      const ends: number[][] = [];
      const starts = fork(program);
      for (const each of node.nodes) {
        starts.push(program.length);
        compile(each, program);
        ends.push(fork(program));
      }
      for (const end of ends) end.push(program.length);
      return;
    }
    case "repeat":
      compileRepeat(node, program);
  }
}

function compileRepeat(
  { node, min, max }: Node & { kind: "repeat" },
  program: Step[],
): void {
  for (let round = 0; round < min; round++) compile(node, program);
  if (max === Infinity) {
    const start = program.length;
    const targets = fork(program);
    targets.push(program.length);
    compile(node, program);
    fork(program).push(start);
    targets.push(program.length);
    return;
  }
  const exits: number[][] = [];
  for (let round = min; round < max; round++) {
    const targets = fork(program);
    targets.push(program.length);
    exits.push(targets);
    compile(node, program);
  }
  for (const targets of exits) targets.push(program.length);
}

function run(program: readonly Step[], name: string): boolean {
  let places: number[] = [];
  const seen = new Int32Array(program.length).fill(-1);
  const enter = (place: number, index: number) => {
    const waiting = [place];
    while (waiting.length > 0) {
      const at = waiting.pop()!;
      if (seen[at] === index) continue;
      seen[at] = index;
      const step = program[at];
      if (step.kind === "fork") waiting.push(...step.targets);
      else if (step.kind !== "at") places.push(at);
      else if (step.test(name, index)) waiting.push(at + 1);
    }
  };
  enter(0, 0);
  // Topic names are ASCII, so a character is a code unit.
  for (let index = 0; index < name.length; index++) {
    const before = places;
    places = [];
    const code = name.charCodeAt(index);
    for (const at of before) {
      const step = program[at];
      if (step.kind === "char" && step.test(code)) enter(at + 1, index + 1);
    }
    if (places.length === 0) return false;
  }
  return places.some((at) => program[at].kind === "match");
}
