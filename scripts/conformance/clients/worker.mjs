// The loop of a client in Node: one JSON request a line in, one answer a line out.

import { createInterface } from "node:readline";

/** What the client cannot do. */
export class Unsupported extends Error {}

const text = (bytes) =>
  bytes === null || bytes === undefined ? null : bytes.toString("utf8");

/** A record as the suite compares it; headers as pairs. */
export function readRecord({ offset, timestamp, key, value, headers }) {
  return {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key: text(key),
    value: text(value),
    headers: headers.map(([name, content]) => [String(name), text(content)]),
  };
}

/** Answers until the input ends. */
export async function serve(operations) {
  // Clients print their own diagnostics; the output is for answers only.
  for (const level of ["log", "info", "debug"]) console[level] = console.error;
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, argument } = JSON.parse(line);
    let answer;
    try {
      if (operations[operation] === undefined) {
        throw new Unsupported("has no such call");
      }
      answer = { result: (await operations[operation](argument)) ?? null };
    } catch (error) {
      answer = error instanceof Unsupported
        ? { unsupported: error.message }
        : { error: describe(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}

function describe(error) {
  const inner = (error.errors ?? [error.cause]).filter(Boolean)
    .map(describe).join("; ");
  return `${error.name}: ${error.message}${inner ? ` (${inner})` : ""}`;
}
