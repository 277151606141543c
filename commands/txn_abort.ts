// kq txn abort

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import type { Admin, TransactionDescription } from "../core/client/admin.ts";
import type { TopicPartition } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { errorField, isConfirmed, reportItems, withAdmin } from "./_admin.ts";
import {
  findOwners,
  type OpenTransaction,
  openTransactions,
  producersOf,
} from "./_transactions.ts";

const FLAGS = {
  "start-offset": {
    kind: "whole",
    min: 0,
    value: "OFFSET",
    doc: "Where the transaction begins in this partition",
  },
  "producer-id": {
    kind: "whole",
    min: 0,
    value: "N",
    doc: "Whose it is, in place of where it begins",
  },
  "producer-epoch": {
    kind: "whole",
    min: 0,
    max: 32_767,
    value: "N",
    doc: "With --coordinator-epoch: taken as given, for brokers before 3.0",
  },
  "coordinator-epoch": {
    kind: "whole",
    min: -1,
    value: "N",
    doc: "The last one that the partition has seen, -1 for none",
  },
  topic: {
    kind: "text",
    doc: "The topic; with --partition as TOPIC:PARTITION",
  },
  partition: { kind: "whole", short: "p", min: 0, doc: "The partition" },
  force: {
    kind: "switch",
    doc:
      "Even where a coordinator still knows of it: its producer fails, and other partitions may commit",
  },
  yes: { kind: "switch", short: "y", doc: "Do not ask" },
  "dry-run": { kind: "switch", doc: "Show what would be aborted" },
  ...outputFlags,
  ...connectionFlags,
} as const;

/** What ends, as it is printed. */
interface Plan extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  /** `null` where the caller did not say and nobody was asked. */
  readonly startOffset: number | null;
}

export default command({
  details:
    "Has the leader of a partition end a transaction there, so that read_committed\n" +
    "consumers get past it; its records are never seen by them. For those that\n" +
    "`kq txn find-hanging` finds: one that a coordinator knows of is refused. Asks\n" +
    "first on a terminal, and needs --yes elsewhere.",
  args: [{
    name: "TOPIC:PARTITION",
    doc: "The partition, as in orders:0",
    optional: true,
  }],
  flags: FLAGS,
  examples: [
    "kq txn abort orders:0 --start-offset 41 --yes",
    "kq txn abort orders:0 --producer-id 7 --producer-epoch 2 --coordinator-epoch 0",
  ],
  run: (context, { flags, args }) => {
    const place = placeOf(args, flags);
    checkIdentity(flags);
    return withAdmin(context, flags, async (admin) => {
      const { plan, owner } = await planAbort(admin, place, flags);
      const name = `${plan.topic}:${plan.partition}`;
      if (owner !== null && !flags.force) {
        throw new ExitError(
          ExitCode.REFUSED,
          `${name}: the transaction is ${owner.transactionalId}'s, which is ` +
            `${owner.state}; its coordinator ends it within ` +
            `${owner.timeoutMs / 1000} s of its start. --force aborts it here`,
        );
      }
      let error: Error | null = null;
      if (!flags["dry-run"]) {
        const question = `Abort the transaction of producer ` +
          `${plan.producerId} in ${name}?`;
        if (!await isConfirmed(context, flags.yes, question)) return 0;
        error = await admin.abortTransaction(plan).then(
          () => null,
          (error) => error as Error,
        );
      }
      await printRows(context.out, flags.output, {
        columns: [
          { field: "topic" },
          { field: "partition" },
          { field: "producerId" },
          { field: "producerEpoch" },
          { field: "coordinatorEpoch" },
          { field: "startOffset" },
          { field: "transactionalId", wide: true },
          { field: "aborted" },
        ],
        nameField: "name",
        rows: [{
          name,
          ...plan,
          transactionalId: owner?.transactionalId ?? null,
          aborted: error === null && !flags["dry-run"],
          ...errorField(error),
        }],
      });
      return reportItems(context, [{ name, error }]);
    });
  },
});

function placeOf(
  [text]: readonly string[],
  flags: {
    readonly topic: string | undefined;
    readonly partition: number | undefined;
  },
): TopicPartition {
  if (text !== undefined && flags.topic !== undefined) {
    throw new UsageError("TOPIC:PARTITION and --topic exclude each other");
  }
  const given = text ?? flags.topic;
  if (given === undefined) {
    throw new UsageError("TOPIC:PARTITION is missing, as in orders:0");
  }
  const { topic, partitions } = parseTopicSpec(given);
  const all = [
    ...(partitions ?? []),
    ...(flags.partition === undefined ? [] : [flags.partition]),
  ];
  if (all.length !== 1) {
    throw new UsageError(`expected one partition, as in ${topic}:0`);
  }
  return { topic, partition: all[0] };
}

interface IdentityFlags {
  readonly "start-offset": number | undefined;
  readonly "producer-id": number | undefined;
  readonly "producer-epoch": number | undefined;
  readonly "coordinator-epoch": number | undefined;
}

function checkIdentity(flags: IdentityFlags): void {
  const byOffset = flags["start-offset"] !== undefined;
  const byProducer = flags["producer-id"] !== undefined;
  if (byOffset === byProducer) {
    throw new UsageError(
      "say which transaction: --start-offset, or --producer-id",
    );
  }
  const hasEpoch = flags["producer-epoch"] !== undefined;
  if (hasEpoch !== (flags["coordinator-epoch"] !== undefined)) {
    throw new UsageError(
      "--producer-epoch and --coordinator-epoch go together",
    );
  }
  if (hasEpoch && byOffset) {
    throw new UsageError(
      "--start-offset stands alone: the epochs are looked up",
    );
  }
}

async function planAbort(
  admin: Admin,
  place: TopicPartition,
  flags: IdentityFlags,
): Promise<{ plan: Plan; owner: TransactionDescription | null }> {
  const transaction = flags["producer-epoch"] === undefined
    ? await lookUp(admin, place, flags)
    : given(place, flags);
  const { producer } = transaction;
  const { currentTransactionStartOffset: startOffset } = producer;
  return {
    plan: {
      ...place,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      coordinatorEpoch: producer.coordinatorEpoch,
      startOffset: startOffset < 0 ? null : startOffset,
    },
    owner: await ownerOf(admin, transaction),
  };
}

/** The open transaction that is meant, as the partition's leader tells of it. */
async function lookUp(
  admin: Admin,
  place: TopicPartition,
  flags: IdentityFlags,
): Promise<OpenTransaction> {
  const [result] = await producersOf(admin, [place], undefined);
  if (result.error !== null) throw result.error;
  const open = openTransactions([result]);
  const found = open.find(({ producer }) =>
    flags["start-offset"] === undefined
      ? producer.producerId === flags["producer-id"]
      : producer.currentTransactionStartOffset === flags["start-offset"]
  );
  if (found !== undefined) return found;
  const others = open.map(({ producer }) =>
    `${producer.currentTransactionStartOffset} (producer ${producer.producerId})`
  );
  const which = flags["start-offset"] === undefined
    ? `of producer ${flags["producer-id"]}`
    : `from offset ${flags["start-offset"]}`;
  throw new ExitError(
    ExitCode.NOT_FOUND,
    `${place.topic}:${place.partition} has no open transaction ${which}` +
      (others.length === 0 ? "" : `, but from ${others.join(", ")}`),
  );
}

/** One that the caller has described whole. */
function given(place: TopicPartition, flags: IdentityFlags): OpenTransaction {
  return {
    ...place,
    producer: {
      producerId: flags["producer-id"]!,
      producerEpoch: flags["producer-epoch"]!,
      coordinatorEpoch: flags["coordinator-epoch"]!,
      currentTransactionStartOffset: -1,
      lastSequence: -1,
      lastTimestampMs: -1,
    },
  };
}

/** Brokers before 3.0 cannot say whose it is. */
async function ownerOf(
  admin: Admin,
  transaction: OpenTransaction,
): Promise<TransactionDescription | null> {
  try {
    return (await findOwners(admin, [transaction]))[0].owner;
  } catch (error) {
    const isOld = error instanceof KafkaError &&
      error.errorName === "UNSUPPORTED_VERSION";
    if (isOld) return null;
    throw error;
  }
}
