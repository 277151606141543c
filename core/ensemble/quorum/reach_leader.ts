// The way to a leader: it may not listen yet, as it was elected a moment ago.

import {
  type Connection,
  type Host,
  HostError,
  sleep,
} from "../../host/host.ts";
import type { Member } from "./quorum_config.ts";
import { TermEnd } from "./term.ts";

/** Between two attempts. */
const PAUSE_MS = 20;

/** @throws {TermEnd} Where it is out of reach, or the attempt was given up. */
export async function reachLeader(
  { host, leader, deadlineMs, isOver }: {
    readonly host: Host;
    readonly leader: Member;
    /** On the monotonic clock. */
    readonly deadlineMs: number;
    readonly isOver: () => boolean;
  },
): Promise<Connection> {
  const { quorum, id } = leader;
  for (;;) {
    try {
      const timeoutMs = Math.max(1, deadlineMs - host.clock.monotonicMs());
      return await host.net.connect(quorum, { timeoutMs });
    } catch (error) {
      const isLate = host.clock.monotonicMs() >= deadlineMs;
      if (!(error instanceof HostError) || isLate || isOver()) {
        throw new TermEnd(
          `server ${id}, which should lead, is out of reach at ${quorum.host}:${quorum.port}`,
        );
      }
      await sleep(host.clock, PAUSE_MS);
    }
  }
}
