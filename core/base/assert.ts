// Assertions that stay on in production: a false one is our own mistake, and a
// node that has met one stops rather than go on with state it cannot trust.

/** What a failed `assert` throws; nobody catches it. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * States what must be true here.
 *
 * @throws {AssertionError} Where the condition is false.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
