// kq compact

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import type { CompactionDescription } from "../core/client/admin_compaction.ts";
import type { PartitionResult } from "../core/client/leader_calls.ts";
import { sleep } from "../core/host/host.ts";
import { errorField, reportItems, withAdmin } from "./_admin.ts";
import { runFields, servedByKq } from "./_compaction.ts";
import { partitionsOf } from "./_topic_partitions.ts";

/** One partition, from the request to its end. */
interface Job {
  readonly topic: string;
  readonly partition: number;
  readonly requestId: number;
  description: CompactionDescription | null;
  error: Error | null;
  isOver: boolean;
}

export default command({
  details:
    "Compacts now, however clean the topic is: of records with the same key the\n" +
    "last one stays. All that was written takes part, but for what\n" +
    "min.compaction.lag.ms or an open transaction holds back. Waits until it is\n" +
    "done; it goes on where this command is ended before. For brokers of kq only.",
  args: [{
    name: "TOPIC",
    doc: "A compacted topic, or some of its partitions as in orders:0,2",
    many: true,
  }],
  flags: {
    for: {
      kind: "duration",
      value: "TIME",
      doc: "Longest wait, after which the exit code is 5",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq compact customers", "kq compact customers:0,2 -o json"],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const specs = args.map((text) => parseTopicSpec(text));
      const partitions = await partitionsOf(admin, specs);
      const started = servedByKq(await admin.compactPartitions(partitions));
      const jobs = started.map((result): Job => jobOf(result));
      await waitForAll(context, admin, jobs, flags.for ?? Infinity);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "topic" },
          { field: "partition" },
          { field: "bytesBefore" },
          { field: "bytesAfter" },
          { field: "recordsBefore" },
          { field: "recordsAfter" },
          { field: "elapsedMs", wide: true },
        ],
        nameField: "topic",
        rows: jobs.map(({ topic, partition, description, error }) => ({
          topic,
          partition,
          ...runFields(error === null ? description?.lastRun ?? null : null),
          ...errorField(error),
        })),
      });
      const exitCode = reportItems(
        context,
        jobs.map(({ topic, partition, error }) => ({
          name: `${topic}:${partition}`,
          error,
        })),
      );
      return jobs.every(({ error }) => isNoPolicy(error))
        ? ExitCode.REFUSED
        : exitCode;
    }),
});

function jobOf({ topic, partition, error, value }: PartitionResult<number>) {
  return {
    topic,
    partition,
    requestId: value ?? 0,
    description: null,
    error,
    isOver: error !== null,
  };
}

/** Looks again and again, says how far it is, and ends with all jobs over. */
async function waitForAll(
  context: CommandContext,
  admin: Admin,
  jobs: readonly Job[],
  waitMs: number,
): Promise<void> {
  const { clock } = context.host;
  const startMs = clock.monotonicMs();
  let saidMs = startMs;
  for (let pauseMs = 20;; pauseMs = Math.min(2 * pauseMs, 500)) {
    const open = jobs.filter(({ isOver }) => !isOver);
    if (open.length > 0) {
      const described = await admin.describeCompaction(open);
      open.forEach((job, index) => update(job, described[index]));
    }
    if (jobs.every(({ isOver }) => isOver)) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - startMs >= waitMs) {
      throw new ExitError(
        ExitCode.TIMED_OUT,
        `${progressOf(jobs)}, after ${waitMs / 1000} s; it goes on`,
      );
    }
    if (nowMs - saidMs >= SAY_EVERY_MS) {
      context.note(progressOf(jobs));
      saidMs = nowMs;
    }
    await sleep(clock, pauseMs);
  }
}

function update(
  job: Job,
  { error, value }: PartitionResult<CompactionDescription>,
): void {
  job.description = value;
  if (value === null) {
    job.error = error;
    job.isOver = true;
  } else if (value.endedRequestId >= job.requestId) {
    job.error = value.requestError;
    job.isOver = true;
  } else if (value.openRequestId === 0) {
    job.error = new Error(
      "the broker was started anew or another one leads now: ask again",
    );
    job.isOver = true;
  }
}

function progressOf(jobs: readonly Job[]): string {
  const overCount = jobs.filter(({ isOver }) => isOver).length;
  const running = jobs.filter(({ isOver, description }) =>
    !isOver && description?.isRunning
  );
  const now = running.map(({ topic, partition, description }) => {
    const { readBytes, totalBytes } = description!;
    const percent = Math.floor(100 * readBytes / Math.max(totalBytes, 1));
    return `, ${topic}:${partition} ${
      Math.min(percent, 100)
    } % of ${totalBytes} bytes`;
  });
  return `${overCount} of ${jobs.length} partitions compacted${now.join("")}`;
}

function isNoPolicy(error: Error | null): boolean {
  return error !== null && "errorName" in error &&
    error.errorName === "POLICY_VIOLATION";
}

const SAY_EVERY_MS = 1000;
