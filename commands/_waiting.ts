// Waits for a condition: what the `wait` commands have in common.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { ClusterUnreachableError } from "../core/client/client_error.ts";
import { sleep } from "../core/host/host.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";

export const waitFlags = {
  for: {
    kind: "duration",
    value: "TIME",
    doc:
      "Longest wait, after which the exit code is 5 (default --timeout, else 5m)",
  },
  interval: {
    kind: "duration",
    value: "TIME",
    doc: "How often to look (default 500ms)",
  },
} as const;

const FOR_MS = 300_000;
const INTERVAL_MS = 500;

/**
 * Looks again and again until the condition holds.
 *
 * @param missing What keeps it from holding; `null` where it holds.
 * @throws {ExitError} `TIMED_OUT` with what was missing last.
 */
export async function waitUntil(
  { host }: CommandContext,
  flags: {
    readonly for: number | undefined;
    readonly timeout: number | undefined;
    readonly interval: number | undefined;
  },
  missing: () => Promise<string | null>,
): Promise<void> {
  const waitMs = flags.for ?? flags.timeout ?? FOR_MS;
  const deadlineMs = host.clock.monotonicMs() + waitMs;
  const intervalMs = Math.max(flags.interval ?? INTERVAL_MS, 1);
  for (;;) {
    let reason: string | null;
    try {
      reason = await missing();
    } catch (error) {
      // A cluster that is still starting is what one waits for, too.
      const isPassing = error instanceof ClusterUnreachableError ||
        (error instanceof KafkaError && error.retriable);
      if (!isPassing) throw error;
      reason = error.message;
    }
    if (reason === null) return;
    const leftMs = deadlineMs - host.clock.monotonicMs();
    if (leftMs <= 0) {
      throw new ExitError(
        ExitCode.TIMED_OUT,
        `${reason}, after ${waitMs / 1000} s`,
      );
    }
    await sleep(host.clock, Math.min(intervalMs, leftMs));
  }
}
