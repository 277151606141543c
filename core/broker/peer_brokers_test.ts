// Connections to other brokers, made and left as these come and go.

import { equal, notEqual, rejects } from "node:assert/strict";
import { type Host, sleep } from "../host/host.ts";
import { exchange } from "../rpc/exchange.ts";
import { type BrokerWorld, withBrokers } from "../testing/broker_world.ts";
import {
  describeClusterRequest,
  describeClusterResponse,
} from "../wire/kafka/messages/describe_cluster.ts";
import { PeerBrokers } from "./peer_brokers.ts";

const DESCRIBE = exchange(describeClusterRequest, describeClusterResponse);
const REQUEST = { includeClusterAuthorizedOperations: false };

/** Addresses that were connected to, in order. */
function withConnects(host: Host): { host: Host; connects: string[] } {
  const connects: string[] = [];
  const { net } = host;
  const connect: typeof net.connect = (address, options) => {
    connects.push(`${address.host}:${address.port}`);
    return net.connect(address, options);
  };
  const listen: typeof net.listen = (...given) => net.listen(...given);
  return { host: { ...host, net: { ...net, connect, listen } }, connects };
}

function peersOf(world: BrokerWorld) {
  const { broker } = world.broker(1);
  const { host, connects } = withConnects(broker.host);
  const peers = new PeerBrokers({
    host,
    cluster: broker.cluster,
    config: () => broker.config,
  });
  return { peers, connects, ask: () => peers.ask(2, DESCRIBE, REQUEST) };
}

Deno.test("one connection serves all questions to a broker, until it is back in a new life", () =>
  withBrokers(2, async (world) => {
    const { peers, connects, ask } = peersOf(world);
    const { clusterId } = world.broker(1).broker;
    const answers = await Promise.all([ask(), ask(), ask()]);
    equal(answers.every((each) => each.clusterId === clusterId), true);
    equal((await ask()).clusterId, clusterId);
    equal(connects.length, 1);
    const { brokerEpoch } = world.broker(2).broker.cluster;
    world.kill(2);
    await world.start(2);
    await world.untilAll(({ broker }) =>
      broker.cluster.image.brokers.get(2)?.epoch ===
        world.broker(2).broker.cluster.brokerEpoch
    );
    notEqual(world.broker(2).broker.cluster.brokerEpoch, brokerEpoch);
    equal((await ask()).clusterId, clusterId);
    equal(connects.length, 2);
    await rejects(() => peers.ask(9, DESCRIBE, REQUEST), {
      errorName: "BROKER_NOT_AVAILABLE",
    });
    peers.close();
    await rejects(ask, { errorName: "BROKER_NOT_AVAILABLE" });
  }));

Deno.test("who waits for a broker is let go when its registration ends", () =>
  withBrokers(2, async (world) => {
    const { peers, ask } = peersOf(world);
    await ask();
    // Nothing comes through, and nobody says so.
    world.zk.net.partition("b1", "b2");
    const startMs = world.zk.loop.nowMs;
    const asked = rejects(ask, { errorName: "NETWORK_EXCEPTION" });
    world.zk.net.partition("b2", "zk");
    await asked;
    const tookMs = world.zk.loop.nowMs - startMs;
    equal(tookMs < 15_000, true, `${tookMs} ms`);
    world.zk.net.heal();
    peers.close();
    await sleep(world.zk.host.clock, 10_000);
  }));

Deno.test("a broker that refuses connections is left in peace for a moment", () =>
  withBrokers(2, async (world) => {
    const { peers, connects, ask } = peersOf(world);
    world.kill(2);
    for (let round = 0; round < 50; round++) {
      await rejects(ask);
      await sleep(world.zk.host.clock, 10);
    }
    equal(connects.length > 2 && connects.length < 8, true, `${connects}`);
    await world.start(2);
    peers.close();
  }));

Deno.test("brokers talk over the listener that is named for it", () =>
  withBrokers(2, async (world) => {
    const { peers, connects, ask } = peersOf(world);
    await ask();
    equal(connects[0], "b2:9192");
    peers.close();
  }, {
    overridesOf: (id) => ({
      "listeners": `PLAINTEXT://b${id}:9092,INSIDE://b${id}:9192`,
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT",
      "inter.broker.listener.name": "INSIDE",
    }),
  }));
