// Reads the report that pytest writes of a run, as far as outcomes go.

/** What became of one test. */
export interface JunitOutcome {
  readonly kind: "pass" | "fail" | "skip";
  /** The first line of what went wrong, or why it was skipped; empty where it passed. */
  readonly text: string;
}

/** Outcomes by `file.Class.test`. */
export function parseJunit(xml: string): Map<string, JunitOutcome> {
  const outcomes = new Map<string, JunitOutcome>();
  for (
    const [, attributes, rest] of xml.matchAll(
      /<testcase ([^>]*?)(\/>|>[\s\S]*?<\/testcase>)/g,
    )
  ) {
    const file = attribute(attributes, "classname").replace(/^.*?tests\./, "");
    const name = `${file}.${attribute(attributes, "name")}`;
    const outcome = outcomeOf(rest);
    // A test that passed may fail as it is taken down: the worse counts.
    if (outcomes.get(name)?.kind !== "fail") outcomes.set(name, outcome);
  }
  return outcomes;
}

function outcomeOf(body: string): JunitOutcome {
  const found = /<(failure|error|skipped) ([^>]*)>/.exec(body);
  if (found === null) return { kind: "pass", text: "" };
  const [text] = attribute(found[2], "message").split("\n");
  return { kind: found[1] === "skipped" ? "skip" : "fail", text };
}

function attribute(attributes: string, name: string): string {
  const found = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes);
  return unescape(found?.[1] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
  "#10": "\n",
};

function unescape(text: string): string {
  return text.replace(/&([a-z#0-9]+);/g, (all, name) => ENTITIES[name] ?? all);
}
