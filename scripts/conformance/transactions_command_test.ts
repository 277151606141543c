import { deepStrictEqual } from "node:assert/strict";
import { historyOf } from "./transaction_logs.ts";
import { tableLines } from "./transactions_command.ts";

Deno.test("of a table, ids and times do not count, nor does the order", () => {
  assertLines(
    "TransactionalId  Coordinator  ProducerId  TransactionState\n" +
      "tx-b            1            17          Ongoing\n" +
      "tx-a            1            9           Empty\n",
    "TransactionalId Coordinator ProducerId TransactionState",
    "tx-a BROKER ID Empty",
    "tx-b BROKER ID Ongoing",
  );
  assertLines(
    "ProducerId ProducerEpoch LastTimestamp CurrentTransactionStartOffset\n" +
      "4          0             1795393602156 5\n",
    "ProducerId ProducerEpoch LastTimestamp CurrentTransactionStartOffset",
    "ID 0 TIME 5",
  );
  assertLines(
    "CoordinatorId TransactionDurationMs TopicPartitions\n1 20 b-0,a-0\n",
    "CoordinatorId TransactionDurationMs TopicPartitions",
    "BROKER TIME a-0,b-0",
  );
});

Deno.test("a line that is no table keeps its words", () => {
  assertLines("Could not  find 127.0.0.1:9092\n\n", "Could not find BROKER");
});

Deno.test("a history is what the log has of one id", () => {
  const line = (id: string, state: string, partitions: string) =>
    `| offset: 0 key: transaction_metadata::transactionalId=${id} payload: ` +
    `producerId:4,producerEpoch:0,state=${state},partitions=[${partitions}],x=1`;
  const dump = [
    line("a", "Empty", ""),
    line("ab", "Empty", ""),
    line("a", "Ongoing", "t-0, __consumer_offsets-12"),
  ].join("\n");
  deepStrictEqual(historyOf(dump, "a"), [
    "Empty []",
    "Ongoing [__consumer_offsets-N,t-0]",
  ]);
});

function assertLines(text: string, ...wanted: string[]): void {
  deepStrictEqual(tableLines(text), wanted);
}
