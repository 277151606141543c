// The requests about transactions that went through a proxy, in the order in which
// the broker was given them, as lines of JSON: what came late, and what before it.

import type { DeliveredRequest } from "../../core/testing/holding_proxy.ts";
import { HELD_APIS } from "../../core/testing/sim_scenario_held.ts";
import { readBatchHeader } from "../../core/record/batch_header.ts";
import { apis } from "../../core/wire/kafka/apis.ts";
import { codecFor } from "../../core/wire/kafka/codec.ts";
import { decodeRequestHeader } from "../../core/wire/kafka/headers.ts";
import { Reader } from "../../core/wire/reader.ts";

/** Gives what takes requests and appends them to `requests` in a directory. */
export function requestFile(
  directory: string,
): (request: DeliveredRequest) => void {
  const path = `${directory}/requests`;
  return ({ frame, heldMs, isLate }) => {
    const reader = new Reader(frame);
    const { apiKey, apiVersion, clientId } = decodeRequestHeader(reader);
    if (!HELD_APIS.has(apiKey)) return;
    const { name, request } = apis.get(apiKey)!;
    const body = codecFor(request, apiVersion).decode(reader);
    const line = JSON.stringify(
      { atMs: Date.now(), heldMs, isLate, name, apiVersion, clientId, body },
      (_key, value) => value instanceof Uint8Array ? batchOf(value) : value,
    );
    Deno.writeTextFileSync(path, line + "\n", { append: true });
  };
}

/** Of records, what tells which they are. */
function batchOf(bytes: Uint8Array) {
  const { producerId, producerEpoch, baseSequence, recordCount } =
    readBatchHeader(bytes);
  return { producerId, producerEpoch, baseSequence, recordCount };
}
