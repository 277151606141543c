// Diagnostics that nobody outside can misuse: text from clients cannot make lines
// of its own, and a flood of lines is cut to so many a second.

import type { Clock } from "../host/host.ts";
import { SECOND_MS } from "../base/units.ts";
import type { Trace } from "./broker.ts";

/** Lines in a second; what is over is counted, not written. */
const LINES_PER_SECOND_MAX = 50;

/** Puts bounds on a trace. */
export function boundedTrace(clock: Clock, trace: Trace): Trace {
  let windowStartMs = -Infinity;
  let lineCount = 0;
  return (line) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - windowStartMs >= SECOND_MS) {
      const leftOut = lineCount - LINES_PER_SECOND_MAX;
      if (leftOut > 0) trace(`${leftOut} more lines were left out`);
      windowStartMs = nowMs;
      lineCount = 0;
    }
    lineCount++;
    if (lineCount <= LINES_PER_SECOND_MAX) trace(oneLine(line));
  };
}

/** Joins the lines of a stack, and shows control characters by their numbers. */
export function oneLine(text: string): string {
  return text.replace(/\r?\n\s*/g, " | ").replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
