// kq txn describe

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin, TransactionDescription } from "../core/client/admin.ts";
import { errorField, reportItems, withAdmin } from "./_admin.ts";
import { idPatterns, OPEN_STATES } from "./_transactions.ts";

export default command({
  details:
    "Shows the state of transactional ids. The partitions are those of the open\n" +
    "transaction, or those that wait for its end to be written.",
  args: [{
    name: "TRANSACTIONAL-ID",
    doc: "Such an id; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    "transactional-id": {
      kind: "text",
      many: true,
      value: "ID",
      doc: "A transactional id; the same as TRANSACTIONAL-ID",
    },
    regex: { kind: "switch", short: "r", doc: "The ids are patterns" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq txn describe billing-7",
    "kq txn describe -r 'billing-.*' -o json",
  ],
  run: (context, { flags, args }) => {
    const names = [...args, ...flags["transactional-id"]];
    if (names.length === 0) {
      throw new UsageError(
        "TRANSACTIONAL-ID is missing: name one, or a pattern with --regex",
      );
    }
    return withAdmin(context, flags, async (admin) => {
      const ids = await chosenIds(admin, names, flags.regex);
      const results = ids.length === 0
        ? []
        : await admin.describeTransactions(ids);
      const nowMs = context.host.clock.wallMs();
      // The others have a place for an error.
      const isDocument = ["json", "ndjson", "yaml"].includes(flags.output);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "transactionalId" },
          { field: "state" },
          { field: "producerId" },
          { field: "producerEpoch" },
          { field: "coordinator" },
          { field: "timeoutMs", wide: true },
          { field: "startTimeMs", wide: true },
          { field: "durationMs" },
          { field: "partitions" },
        ],
        nameField: "transactionalId",
        rows: results
          .filter(({ error }) => error === null || isDocument)
          .map(({ transactionalId, value, error }) => ({
            transactionalId,
            ...(value === null ? {} : rowOf(value, nowMs)),
            ...errorField(error),
          })),
      });
      return reportItems(
        context,
        results.map(({ transactionalId, error }) => ({
          name: transactionalId,
          error,
        })),
      );
    });
  },
});

async function chosenIds(
  admin: Admin,
  names: readonly string[],
  isRegex: boolean,
): Promise<string[]> {
  if (!isRegex) return [...new Set(names)];
  const isAsked = idPatterns(names, true);
  const listed = await admin.listTransactions();
  return listed.map(({ transactionalId }) => transactionalId).filter(isAsked);
}

function rowOf(description: TransactionDescription, nowMs: number): Row {
  const { startTimeMs } = description;
  return {
    state: description.state,
    producerId: description.producerId,
    producerEpoch: description.producerEpoch,
    coordinator: description.coordinator,
    timeoutMs: description.timeoutMs,
    startTimeMs,
    // Of one that has ended, only the start is known.
    durationMs: startTimeMs === null || !OPEN_STATES.has(description.state)
      ? null
      : Math.max(nowMs - startTimeMs, 0),
    partitions: description.partitions.map(({ topic, partition }) =>
      `${topic}:${partition}`
    ),
  };
}
