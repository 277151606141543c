// Transactions with @platformatic/kafka: see transaction_client.ts.

const TIMEOUT_MS = 45_000;
const COPIED_AT_ONCE = 10;
let readers = 0;

/** Fails when it takes too long. */
function within(promise, describe) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(describe())), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function newConsumer({ Consumer, FetchIsolationLevels }, base, groupId) {
  return new Consumer({
    ...base,
    groupId,
    sessionTimeout: 10_000,
    rebalanceTimeout: 20_000,
    heartbeatInterval: 200,
    maxWaitTime: 50,
    autocommit: false,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  });
}

/** Lets `each` have every message that comes, one after another, until it says that it has enough. */
async function readUntil(consumer, topic, each, describe) {
  const stream = await consumer.consume({
    topics: [topic],
    mode: "committed",
    fallbackMode: "earliest",
  });
  try {
    const reading = async () => {
      for await (const message of stream) if (await each(message)) return;
    };
    await within(reading(), describe);
  } finally {
    await stream.close();
    await consumer.close(true);
  }
}

async function readCommitted(platformatic, base, { topic, until }) {
  const read = [];
  const group = `committed-${process.pid}-${readers++}`;
  await readUntil(
    newConsumer(platformatic, base, group),
    topic,
    ({ offset, value }) => {
      read.push([Number(offset), value.toString()]);
      return read.at(-1)[1] === until;
    },
    () => `'${until}' did not come; ${read.length} records did`,
  );
  return read;
}

/** Every third transaction is aborted, and done again. */
async function copy(platformatic, base, options) {
  const { transactionalId, group, from, to, count } = options;
  const producer = newProducer(platformatic, base, transactionalId, 20_000);
  const consumer = newConsumer(platformatic, base, group);
  let copied = 0;
  let aborted = 0;
  let turn = 1;
  const transact = async (messages) => {
    const transaction = await producer.beginTransaction();
    await transaction.addConsumer(consumer);
    await transaction.send({
      messages: messages.map(({ value }) => ({
        topic: to,
        partition: 0,
        value,
      })),
    });
    await transaction.addOffset(messages.at(-1));
    if (turn++ % 3 !== 0) return await transaction.commit();
    await transaction.abort();
    aborted++;
    await transact(messages);
  };
  let batch = [];
  try {
    await readUntil(consumer, from, async (message) => {
      batch.push(message);
      if (batch.length < COPIED_AT_ONCE) return false;
      await transact(batch);
      copied += batch.length;
      batch = [];
      return copied >= count;
    }, () => `${copied} records copied`);
  } finally {
    await producer.close();
  }
  return aborted;
}

/**
 * The one `timeout` of the client is that of its transactions, too. Without the last
 * two it claims to be producer 0, which any other's id refuses.
 */
function newProducer({ Producer }, base, transactionalId, timeoutMs) {
  return new Producer({
    ...base,
    transactionalId,
    timeout: timeoutMs,
    idempotent: true,
    retries: 20,
    retryDelay: 50,
    producerId: -1n,
    producerEpoch: -1,
  });
}

export function transactionOperations(platformatic, base) {
  const producers = new Map();
  return {
    async initTransactions({ producer, transactionalId, timeoutMs }) {
      const opened = newProducer(
        platformatic,
        base,
        transactionalId,
        timeoutMs,
      );
      producers.set(producer, opened);
      // The first transaction is what asks for the producer's id.
      const transaction = await opened.beginTransaction();
      await transaction.cancel();
    },
    async beginTransaction({ producer }) {
      await producers.get(producer).beginTransaction();
    },
    async sendInTransaction({ producer, topic, values }) {
      await producers.get(producer).transaction.send({
        messages: values.map((value) => ({
          topic,
          partition: 0,
          value: Buffer.from(value),
        })),
      });
    },
    async sendOffsets({ producer, group, topic, offset }) {
      const { transaction, coordinatorId } = producers.get(producer);
      const consumer = {
        groupId: group,
        generationId: -1,
        memberId: "",
        coordinatorId,
      };
      await transaction.addConsumer(consumer);
      // The client adds 1 to the offset of the message that it is given.
      await transaction.addOffset({
        topic,
        partition: 0,
        offset: BigInt(offset - 1),
        metadata: { consumer },
      });
    },
    commitTransaction: ({ producer }) =>
      producers.get(producer).transaction.commit(),
    abortTransaction: ({ producer }) =>
      producers.get(producer).transaction.abort(),
    async closeProducer({ producer }) {
      await producers.get(producer).close(true);
      producers.delete(producer);
    },
    readCommitted: (options) => readCommitted(platformatic, base, options),
    copyInTransactions: (options) => copy(platformatic, base, options),
  };
}
