// Answers of brokers that stay: what is still being loaded or ended is waited for,
// since brokers differ in how long that takes.

import { errorByCode, type ErrorName } from "../../core/wire/kafka/errors.ts";

/** Answers after which the same request may get another one. */
const NOT_YET: ReadonlySet<ErrorName> = new Set([
  "CONCURRENT_TRANSACTIONS",
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
]);
const TRIES = 200;

export function nameOf(code: number): ErrorName {
  return errorByCode(code).name;
}

/** Asks until the answer is one that stays. */
export async function settled<T>(
  send: () => Promise<T>,
  codeOf: (answer: T) => number,
): Promise<T> {
  for (let tries = 0;; tries++) {
    const answer = await send();
    if (!NOT_YET.has(nameOf(codeOf(answer))) || tries === TRIES) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
}
