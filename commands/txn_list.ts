// kq txn list

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { didYouMean } from "../core/config/did_you_mean.ts";
import { withAdmin } from "./_admin.ts";
import { transactionStatuses } from "../core/transactions/transaction_state.ts";
import { idPatterns, OPEN_STATES } from "./_transactions.ts";

export default command({
  details: "Lists the transactional ids that the brokers coordinate.",
  args: [{
    name: "TRANSACTIONAL-ID",
    doc: "Only these transactional ids; with --regex, patterns",
    optional: true,
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The ids are patterns" },
    state: {
      kind: "text",
      many: true,
      value: "STATE",
      doc: "Only those in this state, such as Ongoing or PrepareCommit",
    },
    "producer-id": {
      kind: "whole",
      min: 0,
      many: true,
      value: "N",
      doc: "Only those of this producer id",
    },
    "min-duration": {
      kind: "duration",
      value: "TIME",
      doc: "Only transactions that have been open for longer, as 10m",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq txn list",
    "kq txn list --state Ongoing --min-duration 10m -o name",
  ],
  run: async (context, { flags, args }) => {
    const isAsked = idPatterns(args, flags.regex);
    const states = flags.state.flatMap((text) => text.split(",")).map(stateOf);
    const minDurationMs = flags["min-duration"] ?? null;
    const listed = await withAdmin(
      context,
      flags,
      (admin) =>
        admin.listTransactions({
          states,
          producerIds: flags["producer-id"],
          minDurationMs,
        }),
    );
    // Brokers count from the start, whether there has been an end or not.
    const isOpenLongEnough = (state: string) =>
      minDurationMs === null || OPEN_STATES.has(state);
    await printRows(context.out, flags.output, {
      columns: [
        { field: "transactionalId" },
        { field: "state" },
        { field: "producerId" },
        { field: "coordinator" },
      ],
      nameField: "transactionalId",
      rows: listed
        .filter(({ transactionalId, state }) =>
          isAsked(transactionalId) && isOpenLongEnough(state)
        )
        .map(({ transactionalId, state, producerId, coordinator }) => ({
          transactionalId,
          state,
          producerId,
          coordinator,
        })),
    });
  },
});

/** A state as Kafka writes it. */
function stateOf(text: string): string {
  const wanted = text.trim().toLowerCase();
  const state = transactionStatuses.find((name) =>
    name.toLowerCase() === wanted
  );
  if (state !== undefined) return state;
  throw new UsageError(
    `--state: expected one of ${transactionStatuses.join(", ")}, got ${
      JSON.stringify(text)
    }${didYouMean(text, transactionStatuses)}`,
  );
}
