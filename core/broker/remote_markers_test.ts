// Markers for other brokers: what goes into one request, and what its answer means.

import { deepEqual, equal } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import type { MarkerToWrite } from "../transactions/marker_writer.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type {
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";
import { ClusterMarkers } from "./cluster_markers.ts";
import type { PeerBrokers } from "./peer_brokers.ts";
import { RemoteMarkers } from "./remote_markers.ts";

interface Asked {
  readonly brokerId: number;
  readonly request: WriteTxnMarkersRequest;
}

/** Runs a test with brokers that answer as `answer` says: a code for each partition. */
async function withPeers(
  code: (asked: Asked, partition: number) => number,
  test: (markers: RemoteMarkers, asked: Asked[]) => Promise<void>,
): Promise<void> {
  const sim = simHost(31);
  const asked: Asked[] = [];
  const ask = (brokerId: number, _api: unknown, request: unknown) => {
    const each = { brokerId, request: request as WriteTxnMarkersRequest };
    asked.push(each);
    const answer: WriteTxnMarkersResponse = {
      markers: each.request.markers.map(({ producerId, topics }) => ({
        producerId,
        topics: topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({
            partitionIndex,
            errorCode: code(each, partitionIndex),
          })),
        })),
      })),
    };
    return Promise.resolve(answer);
  };
  const peers = { ask } as unknown as Pick<PeerBrokers, "ask">;
  await sim.run(() => test(new RemoteMarkers(sim.host.clock, peers), asked));
}

function marker(producerId: number, isEpochRaised = true): MarkerToWrite {
  const producerEpoch = 3, coordinatorEpoch = 1, isCommit = true;
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    isCommit,
    isEpochRaised,
  };
}

const at = (topic: string, partition: number) => ({ topic, partition });

Deno.test("what one turn brings for a broker goes in one request", () =>
  withPeers(({ brokerId }, partition) => 10 * brokerId + partition, async (
    markers,
    asked,
  ) => {
    const codes = await Promise.all([
      markers.write(1, marker(7), [at("t", 0), at("u", 1), at("t", 2)]),
      markers.write(2, marker(7), [at("t", 3)]),
      markers.write(1, marker(8, false), [at("t", 4)]),
    ]);
    deepEqual(codes, [[10, 11, 12], [23], [14]]);
    deepEqual(asked.map(({ brokerId }) => brokerId), [1, 2]);
    const [first, second] = asked[0].request.markers;
    deepEqual(first.topics, [
      { name: "t", partitionIndexes: [0, 2] },
      { name: "u", partitionIndexes: [1] },
    ]);
    equal(first.transactionVersion, 2);
    equal(second.transactionVersion, 0);
    await markers.write(1, marker(7), [at("t", 0)]);
    equal(asked.length, 3);
  }));

Deno.test("two markers of one producer go in two requests, since the answer names the producer only", () =>
  withPeers(({ request }) => request.markers.length, async (markers, asked) => {
    const codes = await Promise.all([
      markers.write(1, marker(7), [at("t", 0)]),
      markers.write(1, marker(8), [at("t", 0)]),
      markers.write(1, marker(7), [at("t", 0)]),
    ]);
    deepEqual(codes, [[2], [2], [1]]);
    equal(asked.length, 2);
  }));

Deno.test("a broker that does not answer, or not for all, is a code for each partition", async () => {
  const sim = simHost(32);
  const writeTo = (ask: () => Promise<unknown>) =>
    new RemoteMarkers(
      sim.host.clock,
      { ask } as unknown as Pick<PeerBrokers, "ask">,
    ).write(1, marker(7), [at("t", 0), at("t", 1)]);
  await sim.run(async () => {
    deepEqual(
      await writeTo(() => Promise.reject(new HostError("refused", "no"))),
      [ErrorCode.NETWORK_EXCEPTION, ErrorCode.NETWORK_EXCEPTION],
    );
    deepEqual(
      await writeTo(() => Promise.reject(new KafkaError("REQUEST_TIMED_OUT"))),
      [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.REQUEST_TIMED_OUT],
    );
    const partial = [{ partitionIndex: 1, errorCode: 0 }];
    const markers = [{
      producerId: 7,
      topics: [{ name: "t", partitions: partial }],
    }];
    deepEqual(
      await writeTo(() => Promise.resolve({ markers })),
      [ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.NONE],
    );
  });
});

Deno.test("markers go to whoever leads; nothing is waited for where that is this broker alone", async () => {
  const written: string[] = [];
  const writeAs = (name: string) => (partitions: readonly object[]) => {
    written.push(`${name} ${partitions.length}`);
    return partitions.map(() => ErrorCode.NONE as number);
  };
  const clusterOf = (brokerCount: number, leaders: readonly number[]) => ({
    brokerId: 1,
    image: {
      brokers: { size: brokerCount },
      topics: new Map([["t", {
        partitions: leaders.map((leader) => ({ leader })),
      }]]),
    },
  });
  const write = (brokerCount: number, leaders: readonly number[]) => {
    const all = leaders.map((_, index) => at("t", index));
    return new ClusterMarkers({
      cluster: clusterOf(brokerCount, leaders) as never,
      local: { write: (_, partitions) => writeAs("here")(partitions) },
      remote: {
        write: (brokerId, _, partitions) =>
          Promise.resolve(writeAs(`broker ${brokerId}`)(partitions)),
      },
    }).write(marker(7), all);
  };
  deepEqual(write(1, [1, 1]), [0, 0]);
  deepEqual(write(3, [1, -1]), [0, 0]);
  deepEqual(written.splice(0), ["here 2", "here 2"]);
  deepEqual(await write(3, [1, 2, 3, 2, -1]), [0, 0, 0, 0, 0]);
  deepEqual(written, ["here 2", "broker 2 2", "broker 3 1"]);
});
