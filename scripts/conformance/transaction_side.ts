// A broker that is asked about transactional ids, and random requests of
// transactional producers, for scripts/conformance/transaction-requests.
//
// Producer ids are told by the order in which the broker first told them. What is
// still being ended is waited for, since brokers differ in how long that takes.
// Versions are those of Apache Kafka 3.9.

import { createAdmin } from "../../core/client/admin.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { KafkaConnection } from "../../core/rpc/client.ts";
import { exchange } from "../../core/rpc/exchange.ts";
import { SimRandom } from "../../core/testing/sim_random.ts";
import {
  errorByCode,
  ErrorCode,
  type ErrorName,
} from "../../core/wire/kafka/errors.ts";
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../../core/wire/kafka/messages/add_partitions_to_txn.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../../core/wire/kafka/messages/describe_transactions.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../../core/wire/kafka/messages/end_txn.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../../core/wire/kafka/messages/find_coordinator.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../../core/wire/kafka/messages/init_producer_id.ts";
import type { RunningBroker } from "./brokers.ts";

const INIT = exchange(initProducerIdRequest, initProducerIdResponse);
const ADD = exchange(addPartitionsToTxnRequest, addPartitionsToTxnResponse);
const END = exchange(endTxnRequest, endTxnResponse);
const DESCRIBE = exchange(
  describeTransactionsRequest,
  describeTransactionsResponse,
);
const FIND = exchange(findCoordinatorRequest, findCoordinatorResponse);
/** Key type of FindCoordinator for transactional ids. */
const TRANSACTION = 1;
/** The version of AddPartitionsToTxn in which a broker asks another. */
const VERIFY_VERSION = 4;

const TOPIC = "t";
const NONE = { producerId: -1, producerEpoch: -1 };
/** Answers after which the same request may get another one. */
const NOT_YET: ReadonlySet<ErrorName> = new Set([
  "CONCURRENT_TRANSACTIONS",
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
]);
const TRIES = 200;

type Producer = typeof NONE;

/** Which identity a request carries, by what the broker told before. */
interface Who {
  /** 0 is the latest. */
  readonly back: number;
  readonly idOffset: number;
  readonly epochOffset: number;
}

/** A request; whose, and what it says. */
export type Step =
  & Who
  & (
    | {
      readonly do: "init";
      readonly version: number;
      readonly goesOn: boolean;
      readonly timeoutMs: number;
    }
    | {
      readonly do: "add";
      readonly version: number;
      readonly partitions: readonly number[];
    }
    | {
      readonly do: "end";
      readonly version: number;
      readonly isCommit: boolean;
    }
    | { readonly do: "verify"; readonly partitions: readonly number[] }
    | {
      readonly do: "describe";
    }
  );

/** The next of a stream of requests. */
export function randomStep(random: SimRandom): Step {
  const one = <T>(...choices: readonly T[]) => random.pick(choices);
  const who = {
    back: one(0, 0, 0, 1, 2),
    idOffset: random.chance(1 / 15) ? 1_000_000 : 0,
    epochOffset: random.chance(1 / 12) ? 1 : 0,
  };
  const partitions = one([0], [1], [0, 2], [2], [0], [1, 2], [7]);
  switch (one("init", "add", "add", "end", "end", "verify", "describe")) {
    case "init":
      return {
        ...who,
        do: "init",
        version: one(0, 2, 3, 4, 5),
        goesOn: one(true, false),
        timeoutMs: one(60_000, 60_000, 60_000, 60_000, 0, 900_001),
      };
    case "add":
      return { ...who, do: "add", version: one(0, 1, 2, 3), partitions };
    case "end":
      return {
        ...who,
        do: "end",
        version: one(0, 1, 2, 3, 4),
        isCommit: one(true, false),
      };
    case "verify":
      return { ...who, do: "verify", partitions };
    default:
      return { ...who, do: "describe" };
  }
}

const host = denoHost();

/** One broker, and what it has told. */
export class TransactionSide {
  readonly #connection: KafkaConnection;
  readonly #producerIds: number[] = [];
  readonly #given = new Map<string, Producer[]>();

  private constructor(connection: KafkaConnection) {
    this.#connection = connection;
  }

  static async open({ port }: RunningBroker): Promise<TransactionSide> {
    const admin = createAdmin(host, {
      "bootstrap.servers": `127.0.0.1:${port}`,
    });
    const [created] = await admin.createTopics([{
      name: TOPIC,
      partitionCount: 3,
      replicationFactor: 1,
      configs: {},
    }]);
    if (created.error !== null) throw created.error;
    admin.close();
    const connection = await KafkaConnection.open(
      host,
      { host: "127.0.0.1", port },
      { clientId: "requests" },
    );
    await settled(
      () =>
        connection.sendAs(FIND, 4, {
          keyType: TRANSACTION,
          coordinatorKeys: ["any"],
        }),
      ({ coordinators }) => coordinators[0].errorCode,
    );
    return new TransactionSide(connection);
  }

  close(): void {
    this.#connection.close();
  }

  /** What the broker answers, as text that does not depend on its numbers. */
  send(transactionalId: string, step: Step): Promise<string> {
    const given = this.#given.get(transactionalId) ?? [];
    const { producerId, producerEpoch } = given.at(-1 - step.back) ?? NONE;
    const producer = producerId < 0 ? NONE : {
      producerId: producerId + step.idOffset,
      producerEpoch: producerEpoch + step.epochOffset,
    };
    switch (step.do) {
      case "init":
        return this.#init(
          transactionalId,
          step,
          step.goesOn ? producer : NONE,
        );
      case "add":
        return this.#add(transactionalId, step, producer);
      case "end":
        return this.#end(transactionalId, step, producer);
      case "verify":
        return this.#verify(transactionalId, step, producer);
      default:
        return this.describe(transactionalId);
    }
  }

  async #init(
    transactionalId: string,
    { version, timeoutMs }: Step & { do: "init" },
    known: Producer,
  ): Promise<string> {
    const answer = await settled(
      () =>
        this.#connection.sendAs(INIT, version, {
          transactionalId,
          transactionTimeoutMs: timeoutMs,
          ...(version >= 3 ? known : NONE),
        }),
      ({ errorCode }) => errorCode,
    );
    const { errorCode, producerId, producerEpoch } = answer;
    if (errorCode === 0) {
      const given = this.#given.get(transactionalId) ?? [];
      given.push({ producerId, producerEpoch });
      this.#given.set(transactionalId, given);
    }
    return `${nameOf(errorCode)} ${this.#number(producerId)} ${producerEpoch}`;
  }

  async #add(
    transactionalId: string,
    { version, partitions }: Step & { do: "add" },
    { producerId, producerEpoch }: Producer,
  ): Promise<string> {
    const resultsOf = (
      { resultsByTopicV3AndBelow: [topic] }: Awaited<ReturnType<typeof send>>,
    ) => topic.resultsByPartition;
    const send = () =>
      this.#connection.sendAs(ADD, version, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: TOPIC, partitions: [...partitions] }],
      });
    const answer = await settled(
      send,
      (each) => resultsOf(each)[0].partitionErrorCode,
    );
    return partitionCodes(resultsOf(answer));
  }

  async #end(
    transactionalId: string,
    { version, isCommit }: Step & { do: "end" },
    producer: Producer,
  ): Promise<string> {
    const { errorCode } = await settled(
      () =>
        this.#connection.sendAs(END, version, {
          transactionalId,
          ...producer,
          committed: isCommit,
        }),
      (answer) => answer.errorCode,
    );
    return nameOf(errorCode);
  }

  async #verify(
    transactionalId: string,
    { partitions }: Step & { do: "verify" },
    producer: Producer,
  ): Promise<string> {
    const resultsOf = (
      { resultsByTransaction: [each] }: Awaited<ReturnType<typeof send>>,
    ) => each.topicResults[0].resultsByPartition;
    const send = () =>
      this.#connection.sendAs(ADD, VERIFY_VERSION, {
        transactions: [{
          transactionalId,
          ...producer,
          verifyOnly: true,
          topics: [{ name: TOPIC, partitions: [...partitions] }],
        }],
      });
    const answer = await settled(
      send,
      (each) => resultsOf(each)[0].partitionErrorCode,
    );
    return partitionCodes(resultsOf(answer));
  }

  /** Start times are left out: they differ, and Kafka forgets them with a restart. */
  async describe(transactionalId: string): Promise<string> {
    const send = () =>
      this.#connection.sendAs(DESCRIBE, 0, {
        transactionalIds: [transactionalId],
      });
    const { transactionStates: [state] } = await settled(
      send,
      ({ transactionStates: [{ errorCode, transactionState }] }) =>
        transactionState.startsWith("Prepare")
          ? ErrorCode.CONCURRENT_TRANSACTIONS
          : errorCode,
    );
    if (state.errorCode !== 0) return nameOf(state.errorCode);
    const partitions = state.topics.flatMap((each) =>
      each.partitions.map((partition) => `${each.topic}-${partition}`)
    );
    return [
      state.transactionState,
      state.transactionTimeoutMs,
      this.#number(state.producerId),
      state.producerEpoch,
      ...partitions.sort(),
    ].join(" ");
  }

  #number(producerId: number): number {
    if (producerId < 0) return producerId;
    const known = this.#producerIds.indexOf(producerId);
    return known >= 0 ? known : this.#producerIds.push(producerId) - 1;
  }
}

function nameOf(code: number): ErrorName {
  return errorByCode(code).name;
}

function partitionCodes(
  results: readonly { partitionIndex: number; partitionErrorCode: number }[],
): string {
  return results.map(({ partitionIndex, partitionErrorCode }) =>
    `${partitionIndex} ${nameOf(partitionErrorCode)}`
  ).sort().join(", ");
}

/** Asks until the answer is one that stays. */
async function settled<T>(
  send: () => Promise<T>,
  codeOf: (answer: T) => number,
): Promise<T> {
  for (let tries = 0;; tries++) {
    const answer = await send();
    if (!NOT_YET.has(nameOf(codeOf(answer))) || tries === TRIES) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
}
