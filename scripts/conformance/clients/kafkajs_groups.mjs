// Groups with kafkajs: see group_client.ts. It reads in groups only, so that is how
// it reads at all.

import { Member, memberOperations } from "./group_member.mjs";
import { readRecord, Unsupported } from "./worker.mjs";

const READ_TIMEOUT_MS = 45_000;
const LARGE = 16 * 1024 * 1024;
const timing = {
  sessionTimeout: 10_000,
  heartbeatInterval: 200,
  maxWaitTimeInMs: 50,
};
let readers = 0;

/** kafkajs gives a header that is there twice as an array. */
function headerPairs(headers) {
  return Object.entries(headers ?? {}).flatMap(([name, content]) =>
    [content].flat().map((each) => [name, each])
  );
}

/** Reads sources, each of a topic of its own, as the only member of a new group. */
export async function readInGroup(kafka, sources) {
  const consumer = kafka.consumer({
    ...timing,
    groupId: `reader-${process.pid}-${readers++}`,
    maxBytes: LARGE,
    maxBytesPerPartition: LARGE,
  });
  const got = new Map(sources.map(({ topic }) => [topic, []]));
  const isDone = () =>
    sources.every(({ topic, count }) => got.get(topic).length >= count);
  await consumer.connect();
  try {
    const topics = sources.map(({ topic }) => topic);
    await consumer.subscribe({ topics, fromBeginning: true });
    const done = new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      setTimeout(() => {
        const counts = sources.map(({ topic, count }) =>
          `${topic}: ${got.get(topic).length} of ${count}`
        );
        reject(new Error(`records missing: ${counts.join(", ")}`));
      }, READ_TIMEOUT_MS).unref();
      consumer.run({
        autoCommit: false,
        eachBatch({ batch }) {
          const source = sources.find(({ topic }) => topic === batch.topic);
          for (const message of batch.messages) {
            if (batch.partition !== source.partition) continue;
            if (Number(message.offset) < source.offset) continue;
            got.get(batch.topic).push(readRecord({
              ...message,
              headers: headerPairs(message.headers),
            }));
          }
          if (isDone()) resolve();
          return Promise.resolve();
        },
      }).catch(reject);
    });
    done.catch(() => {}); // It may fail before it is waited for.
    for (const { topic, partition, offset } of sources) {
      if (offset > 0) {
        consumer.seek({ topic, partition, offset: String(offset) });
      }
    }
    await done;
  } finally {
    await consumer.disconnect();
  }
  return sources.map(({ topic, count }) => got.get(topic).slice(0, count));
}

class KafkajsMember extends Member {
  constructor(kafka, withAdmin, options) {
    super(options);
    if (options.protocol !== "classic") {
      throw new Unsupported("has no group.protocol=consumer");
    }
    if (options.instanceId !== null) {
      throw new Unsupported("has no static members");
    }
    if (options.assignor !== "roundrobin") {
      throw new Unsupported(`has no assignor ${options.assignor}`);
    }
    this.withAdmin = withAdmin;
    this.consumer = kafka.consumer({ ...timing, groupId: options.group });
  }

  async open() {
    const { consumer, options: { topic, autoCommit } } = this;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.told(-1, payload.memberAssignment[topic] ?? []);
    });
    consumer.on(consumer.events.REBALANCING, () => this.assigned = []);
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) this.error ??= payload.error;
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit,
      eachMessage: ({ partition, message }) => {
        this.take(partition, message.offset, message.value);
        return Promise.resolve();
      },
    });
  }

  async commit(positions) {
    await this.consumer.commitOffsets(
      [...positions].map(([partition, offset]) => ({
        topic: this.options.topic,
        partition,
        offset: String(offset),
      })),
    );
  }

  committed(partitions) {
    const { group, topic } = this.options;
    return fetchOffsets(this.withAdmin, group, topic, partitions);
  }

  close() {
    return this.consumer.disconnect();
  }
}

async function fetchOffsets(withAdmin, group, topic, partitions) {
  const [found] = await withAdmin((admin) =>
    admin.fetchOffsets({ groupId: group, topics: [topic] })
  );
  return Array.from({ length: partitions }, (_, i) => {
    const row = found.partitions.find(({ partition }) => partition === i);
    return Number(row?.offset ?? -1);
  });
}

export function groupOperations(kafka, withAdmin) {
  return {
    ...memberOperations((options) =>
      new KafkajsMember(kafka, withAdmin, options)
    ),
    listGroups: () =>
      withAdmin(async (admin) =>
        (await admin.listGroups()).groups.map(({ groupId }) => groupId)
      ),
    describeGroup: ({ group }) =>
      withAdmin(async (admin) => {
        const { groups } = await admin.describeGroups([group]);
        const [{ state, members }] = groups;
        return { state, members: members.length };
      }),
    groupOffsets: ({ group, topic, partitions }) =>
      fetchOffsets(withAdmin, group, topic, partitions),
    setGroupOffset: ({ group, topic, partition, offset }) =>
      withAdmin((admin) =>
        admin.setOffsets({
          groupId: group,
          topic,
          partitions: [{ partition, offset: String(offset) }],
        })
      ),
    deleteGroupOffset() {
      throw new Unsupported("has no call to delete offsets");
    },
    deleteGroup: ({ group }) =>
      withAdmin((admin) => admin.deleteGroups([group])).then(() => null),
  };
}
