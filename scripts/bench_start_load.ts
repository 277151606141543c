// Fills the partitions of a topic fast: batches of 1 MiB, four requests under
// way.

import { denoHost } from "../core/host/deno_host.ts";
import { encodeBatch } from "../core/record/record_batch.ts";
import { produceOne, TestClient } from "../core/testing/broker_fixture.ts";

const MIB = 2 ** 20;
const AT_ONCE = 4;
const RECORD_BYTES = 1000;

export interface Filling {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  readonly partitionMib: number;
}

function batchOfMebibyte(): Uint8Array {
  const value = crypto.getRandomValues(new Uint8Array(RECORD_BYTES));
  return encodeBatch({
    records: Array.from({ length: Math.floor(MIB / 1020) }, () => ({
      timestampMs: Date.now(),
      key: null,
      value,
      headers: [],
    })),
    baseOffset: 0,
  });
}

/** Appends so many batches of 1 MiB to each partition. */
export async function fill(filling: Filling): Promise<void> {
  const { port, topic, partitionCount, partitionMib } = filling;
  const host = denoHost();
  let next = 0;
  const work = async () => {
    const client = new TestClient(
      await host.net.connect({ host: "127.0.0.1", port }),
    );
    const batch = batchOfMebibyte();
    while (next < partitionCount * partitionMib) {
      const partition = next++ % partitionCount;
      const { errorCode } = await produceOne(client, topic, batch, {
        partition,
        acks: 1,
      });
      if (errorCode !== 0) throw new Error(`Got the error ${errorCode}`);
    }
    client.io.close();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
