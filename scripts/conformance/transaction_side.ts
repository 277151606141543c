// A broker that is asked about transactional ids, and random requests of
// transactional producers, for scripts/conformance/transaction-requests.
//
// Producer ids are told by the order in which the broker first told them. Versions are those of Apache Kafka 3.9.

import { createAdmin } from "../../core/client/admin.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { KafkaConnection } from "../../core/rpc/client.ts";
import { exchange } from "../../core/rpc/exchange.ts";
import { SimRandom } from "../../core/testing/sim_random.ts";
import { ErrorCode } from "../../core/wire/kafka/errors.ts";
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
import { nameOf, settled } from "./settled_answer.ts";
import { type Producer, TransactionContents } from "./transaction_contents.ts";

const INIT = exchange(initProducerIdRequest, initProducerIdResponse);
const ADD = exchange(addPartitionsToTxnRequest, addPartitionsToTxnResponse);
const END = exchange(endTxnRequest, endTxnResponse);
const DESCRIBE = exchange(
  describeTransactionsRequest,
  describeTransactionsResponse,
);
const FIND = exchange(findCoordinatorRequest, findCoordinatorResponse);
/** Key types of FindCoordinator. */
const GROUP = 0;
const TRANSACTION = 1;
/** The version of AddPartitionsToTxn in which a broker asks another. */
const VERIFY_VERSION = 4;

const TOPIC = "t";
const PARTITIONS = [0, 1, 2];
const NONE = { producerId: -1, producerEpoch: -1 };
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
      readonly do: "produce";
      readonly version: number;
      readonly partition: number;
      readonly late: number;
    }
    | { readonly do: "add offsets"; readonly version: number }
    | {
      readonly do: "commit";
      readonly version: number;
      readonly offset: number;
    }
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
  switch (
    one(
      ...["init", "add", "add", "end", "end", "verify", "describe"],
      ...["produce", "produce", "add offsets", "commit"],
    )
  ) {
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
    case "produce":
      return {
        ...who,
        do: "produce",
        epochOffset: 0,
        version: one(3, 8, 10, 11),
        partition: one(0, 0, 1, 2),
        late: one(0, 0, 0, 1, 2, -1),
      };
    case "add offsets":
      return { ...who, do: "add offsets", version: one(0, 1, 2, 3, 4) };
    case "commit":
      return {
        ...who,
        do: "commit",
        version: one(0, 1, 2, 3, 4),
        epochOffset: 0,
        offset: random.below(100),
      };
    default:
      return { ...who, do: "describe" };
  }
}

const host = denoHost();

/** One broker, and what it has told. */
export class TransactionSide {
  readonly #connection: KafkaConnection;
  readonly #contents: TransactionContents;
  readonly #producerIds: number[] = [];
  readonly #given = new Map<string, Producer[]>();

  private constructor(connection: KafkaConnection) {
    this.#connection = connection;
    this.#contents = new TransactionContents(connection, TOPIC);
  }

  static async open({ port }: RunningBroker): Promise<TransactionSide> {
    const admin = createAdmin(host, {
      "bootstrap.servers": `127.0.0.1:${port}`,
    });
    const [created] = await admin.createTopics([{
      name: TOPIC,
      partitionCount: PARTITIONS.length,
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
    await settled(
      () =>
        connection.sendAs(FIND, 4, {
          keyType: GROUP,
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
  async send(transactionalId: string, step: Step): Promise<string> {
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
      case "produce":
        if (producerId < 0) return "";
        await this.describe(transactionalId);
        return this.#contents.produce(transactionalId, step, producer);
      case "add offsets":
        return this.#contents.addOffsets(
          transactionalId,
          step.version,
          producer,
        );
      case "commit":
        await this.describe(transactionalId);
        return this.#contents.commit(transactionalId, step, producer);
      default:
        return this.#describeAll(transactionalId, producer);
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

  async #describeAll(
    transactionalId: string,
    producer: Producer,
  ): Promise<string> {
    const state = await this.describe(transactionalId);
    const contents = await this.#contents.describe(
      transactionalId,
      producer,
      PARTITIONS,
    );
    return `${state}; ${contents}`;
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

function partitionCodes(
  results: readonly { partitionIndex: number; partitionErrorCode: number }[],
): string {
  return results.map(({ partitionIndex, partitionErrorCode }) =>
    `${partitionIndex} ${nameOf(partitionErrorCode)}`
  ).sort().join(", ");
}
