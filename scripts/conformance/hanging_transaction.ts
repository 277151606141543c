// Leaves a transaction open in a partition of which its coordinator knows nothing, as
// old brokers did where a request came late: a batch goes straight to the partition
// while the broker is told not to ask the coordinator.

import { createAdmin } from "../../core/client/admin.ts";
import { ConfigResourceType } from "../../core/client/admin_types.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { encodeBatch } from "../../core/record/record_batch.ts";
import { KafkaConnection } from "../../core/rpc/client.ts";
import { exchange } from "../../core/rpc/exchange.ts";
import { errorByCode } from "../../core/wire/kafka/errors.ts";
import {
  produceRequest,
  produceResponse,
} from "../../core/wire/kafka/messages/produce.ts";
import { settles } from "./feeder.ts";

const PRODUCE = exchange(produceRequest, produceResponse);
/** Of clients that add partitions to their transactions by themselves. */
const PRODUCE_VERSION = 9;
const VERIFICATION = "transaction.partition.verification.enable";
const ALL_BROKERS = { type: ConfigResourceType.broker, name: "" };
const TIMEOUT_MS = 10_000;

/** Writes one record as a producer whose transactional id is known, outside of all transactions. */
export async function leaveHanging(
  bootstrap: string,
  transactionalId: string,
  topic: string,
): Promise<void> {
  const host = denoHost();
  const admin = createAdmin(host, { "bootstrap.servers": bootstrap });
  const verify = async (isOn: boolean) => {
    const [{ error }] = await admin.incrementalAlterConfigs([{
      resource: ALL_BROKERS,
      changes: [{ name: VERIFICATION, operation: "set", value: String(isOn) }],
    }]);
    if (error !== null) throw error;
  };
  const [hostName, port] = bootstrap.split(":");
  const address = { host: hostName, port: Number(port) };
  const options = { clientId: "hanging" };
  const connection = await KafkaConnection.open(host, address, options);
  try {
    const [{ error, value }] = await admin.describeTransactions([
      transactionalId,
    ]);
    if (error !== null) throw error;
    const { producerId, producerEpoch } = value!;
    const produce = () => {
      const records = encodeBatch({
        records: [{
          offset: 0,
          timestampMs: Date.now() - 1000,
          key: null,
          value: new TextEncoder().encode("hanging"),
          headers: [],
        }],
        producerId,
        producerEpoch,
        baseSequence: 0,
        isTransactional: true,
      });
      return connection.sendAs(PRODUCE, PRODUCE_VERSION, {
        transactionalId,
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
      }, { timeoutMs: TIMEOUT_MS });
    };
    await verify(false);
    // Apache Kafka's brokers hear of the change a little later.
    await settles(
      async () => {
        const { responses } = await produce();
        return errorByCode(responses[0].partitionResponses[0].errorCode).name;
      },
      (name) => name === "NONE",
      "the hanging batch",
    );
    await verify(true);
  } finally {
    connection.close();
    admin.close();
  }
}
