import { equal, rejects } from "node:assert/strict";
import { openEmbeddedCoordinator } from "../ensemble/embedded.ts";
import { sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { partitionOf } from "./cluster_image.ts";
import { encodeState, statePath } from "./znode_layout.ts";

/** Runs a test with two brokers, and a topic whose replicas are 2 and 1. */
async function withTwoBrokers(
  test: (
    cluster: Cluster,
    other: Cluster,
    setState: (leader: number, isr: readonly number[]) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const sim = simHost(3);
  await sim.run(async () => {
    const { host } = sim;
    const coordinator = await openEmbeddedCoordinator(host, "/data/znodes");
    const join = async (brokerId: number) => {
      const znodes = await coordinator.connect();
      const endpoints = [{
        listener: "PLAINTEXT",
        securityProtocol: "PLAINTEXT",
        host: "127.0.0.1",
        port: 9000 + brokerId,
      }];
      const options = { host, znodes, brokerId, endpoints };
      return { cluster: await openCluster(options), znodes };
    };
    const { cluster, znodes } = await join(1);
    const { cluster: other } = await join(2);
    const path = statePath("t", 0);
    const assignments = new Map([[0, [2, 1]]]);
    await cluster.createTopic({ name: "t", assignments });
    const setState = async (leader: number, isr: readonly number[]) => {
      const leaderEpoch = partitionOf(cluster.image, "t", 0)!.leaderEpoch + 1;
      const state = { controllerEpoch: 1, leader, leaderEpoch, isr };
      await znodes.set(path, encodeState(state), -1);
      while (
        partitionOf(cluster.image, "t", 0)?.leaderEpoch !== leaderEpoch
      ) await sleep(host.clock, 10);
    };
    await test(cluster, other, setState);
    await other.close();
    await cluster.close();
    await coordinator.close();
  });
}

const PREFERRED = { topic: "t", index: 0, election: "preferred" } as const;
const UNCLEAN = { topic: "t", index: 0, election: "unclean" } as const;

Deno.test("electLeader() gives a partition back to its preferred leader", async () => {
  await withTwoBrokers(async (cluster, _other, setState) => {
    await rejects(cluster.electLeader(PREFERRED), {
      errorName: "ELECTION_NOT_NEEDED",
    });
    await setState(1, [1]);
    await rejects(cluster.electLeader(PREFERRED), {
      errorName: "PREFERRED_LEADER_NOT_AVAILABLE",
    });
    await setState(1, [1, 2]);
    const { leaderEpoch } = partitionOf(cluster.image, "t", 0)!;
    await cluster.electLeader(PREFERRED);
    const now = partitionOf(cluster.image, "t", 0)!;
    equal(now.leader, 2);
    equal(now.leaderEpoch, leaderEpoch + 1);
    equal(now.isr.join(), "1,2");
  });
});

Deno.test("electLeader() takes a replica out of sync only where none in sync lives", async () => {
  await withTwoBrokers(async (cluster, other, setState) => {
    await rejects(cluster.electLeader(UNCLEAN), {
      errorName: "ELECTION_NOT_NEEDED",
    });
    await setState(2, [2]);
    await other.close();
    while (partitionOf(cluster.image, "t", 0)?.leader !== -1) {
      await setState(-1, [2]);
    }
    await cluster.electLeader(UNCLEAN);
    const now = partitionOf(cluster.image, "t", 0)!;
    equal(now.leader, 1);
    equal(now.isr.join(), "1");
  });
});
