// Histories in files, one for each process: a line that was written outlives the
// process that wrote it.

import { HistoryWriter, readHistory } from "../../core/testing/history.ts";
import type { Operation } from "../../core/testing/history.ts";

const encoder = new TextEncoder();

/** The history of a process, appended to `NAME.history` in a directory. */
export function historyFile(directory: string, name: string): HistoryWriter {
  const file = Deno.openSync(`${directory}/${name}.history`, {
    create: true,
    append: true,
  });
  // All processes of a machine share its wall clock, and that one only.
  return new HistoryWriter(name, Date.now, (line) => {
    const bytes = encoder.encode(line + "\n");
    for (let count = 0; count < bytes.length;) {
      count += file.writeSync(bytes.subarray(count));
    }
  });
}

/** All histories of a directory, as one. */
export function readHistoryFiles(directory: string): Operation[] {
  return readHistory(linesOfAll(directory));
}

function* linesOfAll(directory: string): Iterable<string> {
  for (const { name } of Deno.readDirSync(directory)) {
    if (!name.endsWith(".history")) continue;
    yield* Deno.readTextFileSync(`${directory}/${name}`).split("\n");
  }
}
