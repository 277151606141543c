// Checks captured bytes against our codecs: `scripts/golden FILE...`.
//
// A file is JSON lines, plain or gzip. Lines with `hex`, `name` and `version`
// are messages, lines with a `magic` are record batches. Each failure is named;
// the last line is `N passed, N failed`, and a failure makes the exit code 1.

import { gunzipSync } from "node:zlib";
import { checkBatchLine, isBatchLine } from "../core/testing/golden_batches.ts";
import {
  checkMessageLine,
  type MessageLine,
} from "../core/testing/golden_messages.ts";
import { parseExactJson } from "../core/wire/kafka/json.ts";

/** Checks one line; what is wrong, or `null`. */
function checkLine(text: string): string | null {
  const line: unknown = parseExactJson(text);
  return isBatchLine(line)
    ? checkBatchLine(line)
    : checkMessageLine(line as MessageLine);
}

function describe(text: string): string {
  const line = JSON.parse(text);
  return line.magic === undefined
    ? `${line.name} v${line.version}`
    : `magic ${line.magic} ${line.compression}`;
}

function readLines(path: string): string[] {
  const bytes = Deno.readFileSync(path);
  const plain = path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  return new TextDecoder().decode(plain).split("\n")
    .filter((text) => text !== "");
}

function main(paths: string[]): number {
  if (paths.length === 0) {
    console.error("Usage: scripts/golden FILE.jsonl[.gz]...");
    return 2;
  }
  let passed = 0;
  let failed = 0;
  for (const path of paths) {
    for (const [index, text] of readLines(path).entries()) {
      const failure = checkLine(text);
      if (failure === null) {
        passed++;
        continue;
      }
      failed++;
      console.log(`${path}:${index + 1}: ${describe(text)}: ${failure}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

Deno.exit(main(Deno.args));
