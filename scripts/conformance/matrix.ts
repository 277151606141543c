// The results as README shows them: a row for each feature, a column for each
// client, and in each cell kq's outcome beside Apache Kafka's.

import type { Par } from "./report.ts";
import type { Cell } from "./suite.ts";

const SIGNS: Readonly<Record<string, string>> = {
  pass: "✓",
  fail: "✗",
  skip: "–",
};

/** Features of Java's tools name the tool; the matrix has one row for all clients. */
function plainFeature(feature: string): string {
  return feature.replace(/ \([A-Za-z]+\)$/, "");
}

/** A Markdown table; a cell is `kq/Kafka`, empty where neither was asked. */
export function matrixLines(kq: readonly Cell[], par: Par): string[] {
  const clients = [...new Set(kq.map(({ client }) => client))];
  const outcomes = new Map<string, Map<string, string>>();
  for (const { client, feature, outcome } of kq) {
    const row = plainFeature(feature);
    const kafka = par.cells[client]?.[feature];
    const text = `${SIGNS[outcome]}/${
      kafka === undefined ? " " : SIGNS[kafka]
    }`;
    if (!outcomes.has(row)) outcomes.set(row, new Map());
    outcomes.get(row)!.set(client, text);
  }
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line([`kq/${par.broker}`, ...clients]),
    line(["---", ...clients.map(() => ":-:")]),
    ...[...outcomes].map(([feature, row]) =>
      line([feature, ...clients.map((client) => row.get(client) ?? "")])
    ),
  ];
}
