// DescribeClientQuotas (key 48): quotas of those that a filter lets through.
//
// Source: Kafka protocol guide; KIP-546.

import type { ClientEntity } from "../../controller/entity_admin.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type DescribeClientQuotasRequest,
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from "../../wire/kafka/messages/describe_client_quotas.ts";
import { entityField, entityPartsOf, isQuotaKey } from "../client_quotas.ts";
import { serve } from "../context.ts";

/** `matchType` of a part of the filter. */
const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

type Component = DescribeClientQuotasRequest["components"][number];

export const describeClientQuotas = serve(
  describeClientQuotasRequest,
  describeClientQuotasResponse,
  {
    handle: async ({ components, strict }, { broker }) => {
      checkFilter(components);
      const all = await broker.cluster.clientEntities();
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        entries: all.filter(({ entity }) =>
          components.every((each) => matches(each, entity)) &&
          !(strict && Object.keys(entity).length !== components.length)
        ).map(({ entity, config }) => ({
          entity: entityPartsOf(entity),
          values: [...config].filter(([key]) => isQuotaKey(key)).map((
            [key, value],
          ) => ({ key, value: Number(value) })),
        })).filter(({ values }) => values.length > 0),
      };
    },
    failure: (failure) => ({ throttleTimeMs: 0, ...failure, entries: null }),
  },
);

function checkFilter(components: readonly Component[]): void {
  const fields = components.map(({ entityType }) => entityField(entityType));
  const refuse = (text: string) => {
    throw new KafkaError("INVALID_REQUEST", text);
  };
  if (new Set(fields).size < fields.length) {
    refuse("Duplicate filter component entity type");
  }
  if (fields.includes("ip") && fields.length > 1) {
    refuse("Invalid entity filter component combination: an IP stands alone");
  }
  for (const { matchType, match } of components) {
    if (![EXACT, DEFAULT, ANY].includes(matchType)) {
      refuse(`Unexpected match type: ${matchType}`);
    }
    if ((matchType === EXACT) !== (match !== null)) {
      refuse("A name is wanted for an exact match, and for no other");
    }
  }
}

function matches(
  { entityType, matchType, match }: Component,
  entity: ClientEntity,
): boolean {
  const name = entity[entityField(entityType)];
  if (name === undefined) return false;
  if (matchType === ANY) return true;
  return name === (matchType === EXACT ? match : null);
}
