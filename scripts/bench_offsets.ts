// A million committed offsets: writing them, and how soon a broker that starts
// again knows them all.

import { denoHost } from "../core/host/deno_host.ts";
import { KafkaConnection } from "../core/rpc/client.ts";
import { exchange } from "../core/rpc/exchange.ts";
import { errorByCode, ErrorCode } from "../core/wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../core/wire/kafka/messages/find_coordinator.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../core/wire/kafka/messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../core/wire/kafka/messages/offset_fetch.ts";

const FIND_COORDINATOR = exchange(
  findCoordinatorRequest,
  findCoordinatorResponse,
);
const OFFSET_COMMIT = exchange(offsetCommitRequest, offsetCommitResponse);
const OFFSET_FETCH = exchange(offsetFetchRequest, offsetFetchResponse);
/** A version that asks for one group; any broker since Kafka 2.5 has it. */
const FETCH_VERSION = 7;
const IN_FLIGHT_MAX = 8;
const COMMITTED_OFFSET = 12;
const RETRY_MS = 5;

/** What says that the coordinator is not there yet. */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);

export interface OffsetLoad {
  readonly port: number;
  readonly topic: string;
  readonly groupCount: number;
  readonly partitionCount: number;
}

/** The name of one of the groups that `commitAll` commits for. */
export function offsetGroup(index: number): string {
  return `offsets-${index}`;
}

function connect(port: number): Promise<KafkaConnection> {
  const address = { host: "127.0.0.1", port };
  return KafkaConnection.open(denoHost(), address, {
    clientId: "bench",
    inFlightMax: IN_FLIGHT_MAX,
  });
}

const pause = () => new Promise((done) => setTimeout(done, RETRY_MS));

/** Has a broker make its own topic, and waits until it coordinates groups. */
export async function untilCoordinating(port: number): Promise<void> {
  const connection = await connect(port);
  for (;;) {
    const { coordinators } = await connection.send(FIND_COORDINATOR, {
      keyType: 0,
      coordinatorKeys: [offsetGroup(0)],
    });
    if (coordinators[0].errorCode === ErrorCode.NONE) break;
    await pause();
  }
  connection.close();
}

/** Commits every partition of a topic for every group, from outside of them. */
export async function commitAll(load: OffsetLoad): Promise<void> {
  const connection = await connect(load.port);
  const partitions = Array.from(
    { length: load.partitionCount },
    (_, index) => ({
      partitionIndex: index,
      committedOffset: COMMITTED_OFFSET,
      committedMetadata: "",
    }),
  );
  const commit = async (groupId: string) => {
    for (;;) {
      const { topics } = await connection.send(OFFSET_COMMIT, {
        groupId,
        memberId: "",
        topics: [{ name: load.topic, partitions }],
      }, { versionMax: 8 });
      const code = topics[0].partitions.find(({ errorCode }) => errorCode !== 0)
        ?.errorCode ?? ErrorCode.NONE;
      if (code === ErrorCode.NONE) return;
      if (!PASSING.has(code)) {
        throw new Error(`A commit got ${errorByCode(code).name}`);
      }
      await pause();
    }
  };
  let next = 0;
  const commitSome = async () => {
    while (next < load.groupCount) await commit(offsetGroup(next++));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, commitSome));
  connection.close();
}

/**
 * Waits until OffsetFetch has been answered for each group, that is from every
 * partition of the broker's own topic, and has the last partition's offset.
 */
export async function untilLoaded(load: OffsetLoad): Promise<void> {
  const connection = await connect(load.port);
  for (let index = 0; index < load.groupCount; index++) {
    for (;;) {
      const { errorCode, topics } = await connection.sendAs(
        OFFSET_FETCH,
        FETCH_VERSION,
        {
          groupId: offsetGroup(index),
          topics: [{
            name: load.topic,
            partitionIndexes: [load.partitionCount - 1],
          }],
        },
      );
      if (errorCode === ErrorCode.NONE) {
        const { committedOffset } = topics[0].partitions[0];
        if (committedOffset === COMMITTED_OFFSET) break;
        throw new Error(
          `${offsetGroup(index)} is at ${committedOffset} after the restart`,
        );
      }
      if (!PASSING.has(errorCode)) {
        throw new Error(`OffsetFetch got ${errorByCode(errorCode).name}`);
      }
      await pause();
    }
  }
  connection.close();
}
