// Groups with @platformatic/kafka: see group_client.ts.

import { Member, memberOperations } from "./group_member.mjs";
import { Unsupported } from "./worker.mjs";

class PlatformaticMember extends Member {
  constructor({ Consumer, cooperativeStickyAssigner }, base, options) {
    super(options);
    const { group, protocol, assignor, instanceId, autoCommit } = options;
    const isCooperative = assignor === "cooperative-sticky";
    if (instanceId !== null) {
      throw new Unsupported(
        "leaves the group with every close, as if not static",
      );
    }
    if (assignor === "range") throw new Unsupported("has no assignor range");
    if (isCooperative && cooperativeStickyAssigner === undefined) {
      throw new Unsupported("has no assignor cooperative-sticky");
    }
    const timing = protocol === "consumer" ? { groupProtocol: "consumer" } : {
      sessionTimeout: 10_000,
      rebalanceTimeout: 20_000,
      heartbeatInterval: 200,
    };
    this.consumer = new Consumer({
      ...base,
      ...timing,
      ...(isCooperative && {
        protocols: [{ name: "cooperative-sticky", version: 1 }],
        partitionAssigner: cooperativeStickyAssigner,
      }),
      groupId: group,
      maxWaitTime: 50,
      autocommit: autoCommit,
    });
    this.keepsPartitions = isCooperative || protocol === "consumer";
  }

  held() {
    return (this.consumer.assignments ?? [])
      .filter(({ topic }) => topic === this.options.topic)
      .flatMap(({ partitions }) => partitions);
  }

  /** In the newer protocol assignments come and go without an event. */
  look() {
    if (this.options.protocol === "consumer") {
      const held = this.held().sort((a, b) => a - b);
      if (held.join() !== this.assigned.join()) this.told(-1, held);
    }
    return super.look();
  }

  async open() {
    const { consumer, options: { topic } } = this;
    const told = () => this.told(consumer.generationId ?? -1, this.held());
    consumer.on("consumer:group:join", told);
    if (!this.keepsPartitions) {
      consumer.on("consumer:group:rebalance", () => this.assigned = []);
    }
    this.stream = await consumer.consume({
      topics: [topic],
      mode: "committed",
      fallbackMode: "earliest",
    });
    this.stream.on("error", (error) => this.error ??= error);
    this.stream.on("data", ({ partition, offset, value }) => {
      this.take(partition, offset, value);
    });
  }

  async commit(positions) {
    if (positions.size === 0) return;
    await this.consumer.commit({
      offsets: [...positions].map(([partition, offset]) => ({
        topic: this.options.topic,
        partition,
        offset: BigInt(offset),
        leaderEpoch: -1,
      })),
    });
  }

  async committed(partitions) {
    const { topic } = this.options;
    const indexes = Array.from({ length: partitions }, (_, i) => i);
    const found = await this.consumer.listCommittedOffsets({
      topics: [{ topic, partitions: indexes }],
    });
    return indexes.map((i) => Number(found.get(topic)?.[i] ?? -1));
  }

  async close() {
    await this.stream?.close();
    await this.consumer.close(true);
  }
}

export function groupOperations(platformatic, base, admin) {
  return {
    ...memberOperations((options) =>
      new PlatformaticMember(platformatic, base, options)
    ),
    listGroups: async () => [...(await admin.listGroups()).keys()],
    async describeGroup({ group }) {
      const found = (await admin.describeGroups({ groups: [group] }))
        .get(group);
      return { state: found.state, members: found.members.size };
    },
    async groupOffsets({ group, topic, partitions }) {
      const partitionIndexes = Array.from({ length: partitions }, (_, i) => i);
      const [{ topics }] = await admin.listConsumerGroupOffsets({
        groups: [{
          groupId: group,
          topics: [{ name: topic, partitionIndexes }],
        }],
      });
      const rows = topics.find(({ name }) => name === topic)?.partitions ?? [];
      return partitionIndexes.map((i) =>
        Number(
          rows.find(({ partitionIndex }) => partitionIndex === i)
            ?.committedOffset ?? -1,
        )
      );
    },
    setGroupOffset: ({ group, topic, partition, offset }) =>
      admin.alterConsumerGroupOffsets({
        groupId: group,
        topics: [{
          name: topic,
          partitionOffsets: [{ partition, offset: BigInt(offset) }],
        }],
      }),
    async deleteGroupOffset({ group, topic, partition }) {
      await admin.deleteConsumerGroupOffsets({
        groupId: group,
        topics: [{ name: topic, partitionIndexes: [partition] }],
      });
    },
    deleteGroup: ({ group }) => admin.deleteGroups({ groups: [group] }),
  };
}
