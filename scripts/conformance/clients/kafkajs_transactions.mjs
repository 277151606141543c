// Transactions with kafkajs: see transaction_client.ts.

const TIMEOUT_MS = 45_000;
const COPIED_AT_ONCE = 10;
const timing = {
  sessionTimeout: 10_000,
  heartbeatInterval: 200,
  maxWaitTimeInMs: 50,
};
let readers = 0;

async function newProducer(kafka, transactionalId, timeoutMs) {
  const producer = kafka.producer({
    transactionalId,
    transactionTimeout: timeoutMs,
    maxInFlightRequests: 1,
    idempotent: true,
    retry: { retries: 5 },
  });
  await producer.connect();
  return producer;
}

/** Rejects when the time is over, or the consumer breaks. */
function trouble(consumer, describe) {
  return new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
    setTimeout(() => reject(new Error(describe())), TIMEOUT_MS).unref();
  });
}

async function readCommitted(kafka, { topic, until }) {
  const read = [];
  const groupId = `committed-${process.pid}-${readers++}`;
  const consumer = kafka.consumer({ ...timing, groupId });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const failed = trouble(
      consumer,
      () => `'${until}' did not come; ${read.length} records did`,
    );
    const done = new Promise((resolve, reject) =>
      consumer.run({
        autoCommit: false,
        eachMessage({ message: { offset, value } }) {
          read.push([Number(offset), value.toString()]);
          if (read.at(-1)[1] === until) resolve();
          return Promise.resolve();
        },
      }).catch(reject)
    );
    await Promise.race([done, failed]);
  } finally {
    await consumer.disconnect();
  }
  const end = read.findIndex(([, value]) => value === until);
  return read.slice(0, end + 1);
}

/** Every third transaction is aborted, and done again. */
async function copy(kafka, { transactionalId, group, from, to, count }) {
  const producer = await newProducer(kafka, transactionalId, 20_000);
  const consumer = kafka.consumer({ ...timing, groupId: group });
  let copied = 0;
  let aborted = 0;
  let turn = 1;
  const transact = async (messages) => {
    const transaction = await producer.transaction();
    await transaction.send({
      topic: to,
      messages: messages.map(({ value }) => ({ partition: 0, value })),
    });
    const offset = String(Number(messages.at(-1).offset) + 1);
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic: from, partitions: [{ partition: 0, offset }] }],
    });
    if (turn++ % 3 !== 0) return await transaction.commit();
    await transaction.abort();
    aborted++;
    await transact(messages);
  };
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [from], fromBeginning: true });
    const failed = trouble(consumer, () => `${copied} records copied`);
    const done = new Promise((resolve, reject) =>
      consumer.run({
        autoCommit: false,
        async eachBatch({ batch: { messages } }) {
          try {
            for (let i = 0; i < messages.length; i += COPIED_AT_ONCE) {
              const taken = messages.slice(i, i + COPIED_AT_ONCE);
              await transact(taken);
              copied += taken.length;
            }
            if (copied >= count) resolve();
          } catch (error) {
            reject(error);
          }
        },
      }).catch(reject)
    );
    await Promise.race([done, failed]);
  } finally {
    await consumer.disconnect();
    await producer.disconnect();
  }
  return aborted;
}

export function transactionOperations(kafka) {
  const producers = new Map();
  const open = new Map();
  return {
    async initTransactions({ producer, transactionalId, timeoutMs }) {
      const opened = await newProducer(kafka, transactionalId, timeoutMs);
      producers.set(producer, opened);
      // The first transaction is what asks for the producer's id.
      await (await opened.transaction()).abort();
    },
    async beginTransaction({ producer }) {
      open.set(producer, await producers.get(producer).transaction());
    },
    async sendInTransaction({ producer, topic, values }) {
      const messages = values.map((value) => ({ partition: 0, value }));
      await open.get(producer).send({ topic, messages });
    },
    sendOffsets: ({ producer, group, topic, offset }) =>
      open.get(producer).sendOffsets({
        consumerGroupId: group,
        topics: [{
          topic,
          partitions: [{ partition: 0, offset: String(offset) }],
        }],
      }),
    commitTransaction: ({ producer }) => open.get(producer).commit(),
    abortTransaction: ({ producer }) => open.get(producer).abort(),
    async closeProducer({ producer }) {
      await producers.get(producer).disconnect();
      producers.delete(producer);
    },
    readCommitted: (options) => readCommitted(kafka, options),
    copyInTransactions: (options) => copy(kafka, options),
  };
}
