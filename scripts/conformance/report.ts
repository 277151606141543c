// The table of a run, and what Apache Kafka's column was when it last ran.

import type { Cell, Outcome } from "./suite.ts";

/** Outcomes by client and feature, as testdata/conformance/par.json keeps them. */
export interface Par {
  /** What was run. */
  readonly broker: string;
  readonly cells: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What is kept of a run. */
export function parOf(broker: string, cells: readonly Cell[]): Par {
  const kept: Record<string, Record<string, string>> = {};
  for (const { client, feature, outcome } of cells) {
    (kept[client] ??= {})[feature] = outcome;
  }
  return { broker, cells: kept };
}

/** Outcomes of some features put over those of more. */
export function withFeatures(
  kept: Par["cells"],
  cells: Par["cells"],
): Par["cells"] {
  const merged = { ...kept };
  for (const [client, features] of Object.entries(cells)) {
    merged[client] = { ...kept[client], ...features };
  }
  return merged;
}

/** Those of the features that a run was about. */
export function parWithin(
  { broker, cells }: Par,
  isAsked: (client: string, feature: string) => boolean,
): Par {
  const kept = Object.entries(cells).map(([client, features]) =>
    [
      client,
      Object.fromEntries(
        Object.entries(features).filter(([feature]) =>
          isAsked(client, feature)
        ),
      ),
    ] as const
  );
  return { broker, cells: Object.fromEntries(kept) };
}

interface Row {
  readonly client: string;
  readonly feature: string;
  readonly kq: Cell | undefined;
  /** `undefined` where Kafka was not asked. */
  readonly kafka: string | undefined;
}

function rowsOf(kq: readonly Cell[], par: Par): Row[] {
  const rows: Row[] = kq.map((cell) => ({
    client: cell.client,
    feature: cell.feature,
    kq: cell,
    kafka: par.cells[cell.client]?.[cell.feature],
  }));
  const clients = new Set(kq.map(({ client }) => client));
  for (const [client, features] of Object.entries(par.cells)) {
    const isMissing = (feature: string) =>
      !kq.some((cell) => cell.client === client && cell.feature === feature);
    // A client that was left out altogether is no loss of features.
    const isWhole = clients.has(client) &&
      kq.every((cell) =>
        cell.client !== client || cell.feature !== "everything"
      );
    if (!isWhole) continue;
    for (const feature of Object.keys(features).filter(isMissing)) {
      const kafka = features[feature];
      rows.push({ client, feature, kq: undefined, kafka });
    }
  }
  return rows;
}

/**
 * A feature fails where kq does not pass and Kafka does, or where kq fails what
 * Kafka has no word on; what fails on both is the client's own.
 */
export function verdict(kq: Outcome | undefined, kafka?: string): Outcome {
  if (kq === "pass") return "pass";
  if (kafka === "pass") return kq === "skip" ? "skip" : "fail";
  if (kq === undefined) return "skip";
  return kafka === "fail" || kafka === "skip" ? "skip" : kq;
}

/** A test suite of somebody else's: one row of the table, each test in the counts. */
export interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  /** Tests, each with its reason. */
  readonly failures: readonly string[];
  readonly skips: readonly string[];
  /** How many pass on Apache Kafka. */
  readonly kafkaPassed: number;
}

/** The row of a suite: its tests that pass, of how many. */
export function suiteRow(suite: SuiteResult): string[] {
  const { name, passed, failures, skips, kafkaPassed } = suite;
  const count = passed + failures.length + skips.length;
  return [
    name,
    "all tests",
    `${passed} of ${count}`,
    `${kafkaPassed} of ${count}`,
  ];
}

/** The table, the reasons, and the counts, line by line. */
export function reportLines(
  kq: readonly Cell[],
  par: Par,
  suites: readonly SuiteResult[] = [],
): { readonly lines: string[]; readonly failed: number } {
  const rows = rowsOf(kq, par);
  const counts = { pass: 0, fail: 0, skip: 0 };
  const reasons: string[] = [];
  const table = rows.map((row) => {
    const outcome = verdict(row.kq?.outcome, row.kafka);
    counts[outcome]++;
    const name = `${row.client}: ${row.feature}`;
    if (outcome === "fail") {
      reasons.push(`FAIL ${name}: ${row.kq?.reason ?? "was not reached"}`);
    } else if (outcome === "skip") {
      reasons.push(`skip ${name}: ${row.kq?.reason ?? "was not reached"}`);
    }
    return [
      row.client,
      row.feature,
      row.kq?.outcome ?? "-",
      row.kafka ?? "-",
    ];
  });
  for (const suite of suites) {
    table.push(suiteRow(suite));
    counts.pass += suite.passed;
    counts.fail += suite.failures.length;
    counts.skip += suite.skips.length;
    reasons.push(
      ...suite.failures.map((text) => `FAIL ${suite.name}: ${text}`),
      ...suite.skips.map((text) => `skip ${suite.name}: ${text}`),
    );
  }
  const head = ["client", "feature", "kq", par.broker];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...table.map((row) => row[i].length))
  );
  const lines = [head, ...table].map((row) =>
    row.map((text, i) => text.padEnd(widths[i])).join("  ").trimEnd()
  );
  return {
    lines: [
      ...lines,
      "",
      ...reasons.toSorted(),
      `${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`,
    ],
    failed: counts.fail,
  };
}
