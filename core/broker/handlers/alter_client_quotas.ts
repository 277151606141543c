// AlterClientQuotas (key 49): sets and removes quotas of users, client ids and
// addresses. All that is asked of one entity is done, or none of it.
//
// Source: Kafka protocol guide; KIP-546; observed: answers of Apache Kafka 3.9.1.

import type { ConfigOverrides } from "../../controller/cluster_image.ts";
import type { ClientEntity } from "../../controller/entity_admin.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type AlterClientQuotasRequest,
  alterClientQuotasRequest,
  alterClientQuotasResponse,
} from "../../wire/kafka/messages/alter_client_quotas.ts";
import type { Broker } from "../broker.ts";
import {
  checkQuotaKey,
  clientEntityOf,
  formatQuota,
} from "../client_quotas.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type Entry = AlterClientQuotasRequest["entries"][number];

export const alterClientQuotas = serve(
  alterClientQuotasRequest,
  alterClientQuotasResponse,
  {
    handle: async ({ entries, validateOnly }, { broker }) => ({
      throttleTimeMs: 0,
      entries: await Promise.all(
        entries.map((entry) => alterOne(broker, entry, validateOnly)),
      ),
    }),
    failure: (failure, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        entries: request.entries.map(({ entity }) => ({ ...failure, entity })),
      },
  },
);

async function alterOne(broker: Broker, entry: Entry, validateOnly: boolean) {
  try {
    const entity = clientEntityOf(entry.entity);
    const change = (now: ConfigOverrides) => changed(now, entity, entry.ops);
    if (validateOnly) change(new Map());
    else await broker.cluster.changeClientEntity(entity, change);
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      entity: entry.entity,
    };
  } catch (error) {
    const failure = refusalOf(error, broker, "alter client quotas");
    return { ...failure, entity: entry.entity };
  }
}

function changed(
  now: ConfigOverrides,
  entity: ClientEntity,
  ops: Entry["ops"],
): ConfigOverrides {
  const config = new Map(now);
  for (const { key, value, remove } of ops) {
    checkQuotaKey(entity, key);
    if (remove) config.delete(key);
    else config.set(key, formatQuota(entity, key, value));
  }
  return config;
}
