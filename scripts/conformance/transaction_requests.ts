// Sends the same random requests about transactional ids to kq and to Apache Kafka,
// one after the other, and compares their answers: see
// scripts/conformance/transaction-requests.
//
// Not sent, since kq means to differ:
//
//   InitProducerId with an id and an epoch while that transaction is open   kq fences
//     no producer that goes on itself, and lets none abort that has another epoch
//   records in a transaction of no producer, records and offsets with an epoch that
//     no producer has been given   kq refuses them
//
// Seen now and then, in one of a hundred ids and fewer, where kq differs as well:
//
//   a commit of offsets that is refused   in Apache Kafka it takes away what shows
//     that the producer's commit before it is pending still
//   a batch older than the last five of its producer   kq answers DUPLICATE_SEQUENCE_NUMBER
//   InitProducerId with the epoch before the present one, after a transaction   kq
//     fences it

import { SimRandom } from "../../core/testing/sim_random.ts";
import {
  freePort,
  type RunningBroker,
  startKafka,
  startKq,
} from "./brokers.ts";
import { randomStep, TransactionSide } from "./transaction_side.ts";

const REQUESTS_OF_ID = 25;

/** How many of the id's requests were sent; the first that differs is printed, and ends it. */
async function compare(
  transactionalId: string,
  random: SimRandom,
  [kq, kafka]: readonly TransactionSide[],
): Promise<{ sent: number; isAlike: boolean }> {
  const trail: string[] = [];
  for (let i = 0; i < REQUESTS_OF_ID; i++) {
    const step = randomStep(random);
    if (step.do === "init" && step.goesOn) {
      const state = await kafka.describe(transactionalId);
      if (state.startsWith("Ongoing")) continue;
    }
    const ours = await kq.send(transactionalId, step);
    const theirs = await kafka.send(transactionalId, step);
    trail.push(`${JSON.stringify(step)}: ${theirs}`);
    if (ours === theirs) continue;
    console.log(`FAIL ${transactionalId}`);
    for (const line of trail) console.log(`     ${line}`);
    console.log(`     kq: ${ours}`);
    return { sent: trail.length, isAlike: false };
  }
  return { sent: trail.length, isAlike: true };
}

const seed = Number(Deno.args[0] ?? 1);
const idCount = Number(Deno.args[1] ?? 150);
const work = await Deno.makeTempDir({ prefix: "kq-transactions-" });
const brokers: RunningBroker[] = [];
try {
  const settings = {
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
  };
  for (const start of [startKq, startKafka]) {
    brokers.push(await start({ work, port: freePort(), settings }));
  }
  const sides = await Promise.all(
    brokers.map((each) => TransactionSide.open(each)),
  );
  const random = new SimRandom(seed);
  let sentCount = 0;
  let differentCount = 0;
  for (let i = 0; i < idCount; i++) {
    const { sent, isAlike } = await compare(`id-${i}`, random, sides);
    sentCount += sent;
    if (!isAlike) differentCount++;
  }
  for (const side of sides) side.close();
  console.log(
    `${sentCount} requests about ${idCount} transactional ids, ${differentCount} not answered alike`,
  );
  if (differentCount > 0) Deno.exitCode = 1;
} finally {
  for (const broker of brokers) await broker.stop();
  await Deno.remove(work, { recursive: true });
}
