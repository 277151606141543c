// Questions to coordinators on other brokers: what goes into one request, and what
// its answer means.

import { deepEqual, equal } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import type { AddPartitionsToTxnRequest } from "../wire/kafka/messages/add_partitions_to_txn.ts";
import { RemoteCoordinators } from "./remote_coordinators.ts";

type Ask = (request: AddPartitionsToTxnRequest) => Promise<unknown>;

function coordinatorsOf(ask: Ask, leaders: readonly number[] = []) {
  const sim = simHost(33);
  const partitions = leaders.map((leader) => ({ leader }));
  const coordinators = new RemoteCoordinators({
    clock: sim.host.clock,
    cluster: {
      brokerId: 1,
      image: {
        brokers: { size: 2 },
        topics: new Map([["__transaction_state", { partitions }]]),
      },
    } as never,
    peers: {
      ask: (_id: number, _api: unknown, request: AddPartitionsToTxnRequest) =>
        ask(request),
    } as never,
    partitionOf: Number,
  });
  return { sim, coordinators };
}

function transaction(transactionalId: string, ...partitions: number[]) {
  return {
    transactionalId,
    producerId: 7,
    producerEpoch: 0,
    verifyOnly: true,
    partitions: partitions.map((partition) => ({ topic: "t", partition })),
  };
}

/** An answer that has the same for each partition of a transaction. */
function answerAll({ transactions }: AddPartitionsToTxnRequest, code: number) {
  return Promise.resolve({
    throttleTimeMs: 0,
    errorCode: 0,
    resultsByTransaction: transactions.map(({ transactionalId, topics }) => ({
      transactionalId,
      topicResults: topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({
          partitionIndex,
          partitionErrorCode: code,
        })),
      })),
    })),
  });
}

Deno.test("another broker is asked only where it coordinates", () => {
  const { coordinators } = coordinatorsOf((each) => answerAll(each, 0), [
    1,
    2,
    -1,
  ]);
  deepEqual(["0", "1", "2", "3"].map((id) => coordinators.brokerOf(id)), [
    null,
    2,
    null,
    null,
  ]);
});

Deno.test("transactions of one turn are asked about together; each once", async () => {
  const asked: string[][] = [];
  const { sim, coordinators } = coordinatorsOf((request) => {
    asked.push(request.transactions.map((each) => each.transactionalId));
    return answerAll(request, ErrorCode.NONE);
  });
  await sim.run(async () => {
    const refusals = await Promise.all([
      coordinators.ask(2, transaction("a", 0, 1)),
      coordinators.ask(2, transaction("b", 0)),
      coordinators.ask(2, transaction("a", 2)),
    ]);
    deepEqual(refusals, [[null, null], [null], [null]]);
  });
  deepEqual(asked, [["a", "b"], ["a"]]);
});

Deno.test("refusals are told as they are, but for those that will pass", async () => {
  const cases: [ask: Ask, expected: string][] = [
    [
      (each) => answerAll(each, ErrorCode.TRANSACTION_ABORTABLE),
      "TRANSACTION_ABORTABLE",
    ],
    [(each) => answerAll(each, ErrorCode.PRODUCER_FENCED), "PRODUCER_FENCED"],
    // The coordinator's picture of the cluster is older than the leader's.
    [
      (each) => answerAll(each, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
      "COORDINATOR_NOT_AVAILABLE",
    ],
    [
      (each) => answerAll(each, ErrorCode.OPERATION_NOT_ATTEMPTED),
      "COORDINATOR_NOT_AVAILABLE",
    ],
    [
      () => Promise.reject(new HostError("refused", "nobody is there")),
      "COORDINATOR_NOT_AVAILABLE",
    ],
    [
      () =>
        Promise.resolve({
          errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
          resultsByTransaction: [],
        }),
      "CLUSTER_AUTHORIZATION_FAILED",
    ],
  ];
  for (const [ask, expected] of cases) {
    const { sim, coordinators } = coordinatorsOf(ask);
    await sim.run(async () => {
      const refusals = await coordinators.ask(2, transaction("a", 0, 1));
      equal(refusals.length, 2);
      for (const each of refusals) equal(each?.errorName, expected);
    });
  }
});
