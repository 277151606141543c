// Measures what one partition of a cluster can do: a topic of one partition is
// made, written to and read back for a bounded time, and deleted.

import type { CommandContext } from "../core/cli/command.ts";
import { clientConfig, type ConnectionFlags } from "../core/cli/connection.ts";
import type { Admin } from "../core/client/admin.ts";
import { type Consumer, createConsumer } from "../core/client/consumer.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import type { PartitionRates } from "./_partition_plan.ts";

/** How much is measured at most, each way. */
export interface MeasureLimits {
  readonly timeMs: number;
  readonly sizeBytes: number;
  readonly recordBytes: number;
  readonly replicationFactor: number;
}

/** What was written or read, and in what time. */
interface Measured {
  readonly sizeBytes: number;
  readonly elapsedMs: number;
}

/** A measurement that was interrupted. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

const POLL_MS = 100;

/** Letters to cut values from: enough that neighbours differ. */
const LETTER_COUNT = 1 << 16;

/**
 * Measures one partition; its topic is gone afterwards, whatever happens.
 *
 * @throws {KafkaError} Where the topic cannot be made, written or read.
 * @throws {Interrupted}
 */
export async function measurePartition(
  context: CommandContext,
  flags: ConnectionFlags,
  { admin, limits }: { readonly admin: Admin; readonly limits: MeasureLimits },
): Promise<PartitionRates> {
  const suffix = Math.floor(context.host.random() * 2 ** 32).toString(16);
  const topic = `kq-plan-${suffix.padStart(8, "0")}`;
  const { replicationFactor } = limits;
  const [{ error }] = await admin.createTopics([
    { name: topic, partitionCount: 1, replicationFactor },
  ]);
  if (error !== null) throw error;
  try {
    const config = await clientConfig(context, flags);
    const written = await write(context, config, { topic, limits });
    const read = await readBack(context, config, {
      topic,
      limits: { ...limits, sizeBytes: written.sizeBytes },
    });
    if (context.interrupted.aborted) throw new Interrupted("Interrupted");
    return { produceRate: rate(written), consumeRate: rate(read) };
  } finally {
    await remove(context, admin, topic);
  }
}

/** What the measurement leaves undeleted is named, and hides no other error. */
async function remove(
  context: CommandContext,
  admin: Admin,
  topic: string,
): Promise<void> {
  try {
    const [{ error }] = await admin.deleteTopics([topic]);
    if (error !== null) throw error;
  } catch (error) {
    context.fail(
      `the topic ${topic} of the measurement is still there: ${
        (error as Error).message
      }`,
    );
  }
}

/** Bytes a second; at least one, so that it can be divided by. */
function rate({ sizeBytes, elapsedMs }: Measured): number {
  return Math.max(1, Math.round(sizeBytes * 1000 / Math.max(1, elapsedMs)));
}

interface Load {
  readonly topic: string;
  readonly limits: MeasureLimits;
}

async function write(
  context: CommandContext,
  config: Map<string, string>,
  load: Load,
): Promise<Measured> {
  const producer = createProducer(context.host, config);
  try {
    await producer.partitionsFor(load.topic);
    return await send(context, producer, load);
  } finally {
    await producer.close();
  }
}

async function send(
  { host, interrupted }: CommandContext,
  producer: Producer,
  { topic, limits }: Load,
): Promise<Measured> {
  const { clock } = host;
  const { recordBytes } = limits;
  const letters = new Uint8Array(LETTER_COUNT + recordBytes);
  for (let i = 0; i < letters.length; i++) {
    letters[i] = 65 + Math.floor(host.random() * 26);
  }
  let failure: Error | null = null;
  let sizeBytes = 0;
  const startMs = clock.monotonicMs();
  const endMs = startMs + limits.timeMs;
  while (sizeBytes < limits.sizeBytes && clock.monotonicMs() < endMs) {
    if (interrupted.aborted || failure !== null) break;
    const start = Math.floor(host.random() * LETTER_COUNT);
    const value = letters.subarray(start, start + recordBytes);
    const wait = producer.sendNoWait({ topic, value }, (error) => {
      failure ??= error;
    });
    sizeBytes += recordBytes;
    if (wait !== undefined) await wait;
  }
  await producer.flush();
  if (failure !== null) throw failure;
  return { sizeBytes, elapsedMs: clock.monotonicMs() - startMs };
}

async function readBack(
  context: CommandContext,
  config: Map<string, string>,
  load: Load,
): Promise<Measured> {
  const consumer = createConsumer(context.host, config);
  try {
    consumer.assign([{ topic: load.topic, partition: 0 }]);
    consumer.seekToBeginning();
    return await receive(context, consumer, load.limits);
  } finally {
    consumer.close();
  }
}

async function receive(
  { host: { clock }, interrupted }: CommandContext,
  consumer: Consumer,
  limits: MeasureLimits,
): Promise<Measured> {
  let sizeBytes = 0;
  const startMs = clock.monotonicMs();
  const endMs = startMs + limits.timeMs;
  while (sizeBytes < limits.sizeBytes && clock.monotonicMs() < endMs) {
    if (interrupted.aborted) break;
    for (const { records } of await consumer.poll(POLL_MS)) {
      for (const { value } of records) sizeBytes += value?.length ?? 0;
    }
  }
  return { sizeBytes, elapsedMs: clock.monotonicMs() - startMs };
}
