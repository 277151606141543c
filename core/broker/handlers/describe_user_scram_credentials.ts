// DescribeUserScramCredentials (key 50): which users have SCRAM credentials, and
// how often their passwords were hashed. Keys and salts stay here.
//
// Source: Kafka protocol guide; KIP-554; observed: answers of Apache Kafka 3.9.1.

import type { ConfigOverrides } from "../../controller/cluster_image.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
} from "../../wire/kafka/messages/describe_user_scram_credentials.ts";
import type { Broker } from "../broker.ts";
import { repeated } from "../config_changes.ts";
import { serve } from "../context.ts";
import { SCRAM_MECHANISMS, scramIterations } from "../scram_credentials.ts";

export const describeUserScramCredentials = serve(
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
  {
    handle: async ({ users }, { broker }) => {
      const names = users?.map(({ name }) => name) ?? [];
      const twice = repeated(names);
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        results: names.length === 0
          ? await describeAll(broker)
          : await Promise.all(
            [...new Set(names)].map((name) =>
              describeOne(broker, name, twice.has(name))
            ),
          ),
      };
    },
    failure: (failure) => ({ throttleTimeMs: 0, ...failure, results: [] }),
  },
);

async function describeAll({ cluster }: Broker) {
  const all = await cluster.clientEntities();
  return all.flatMap(({ entity: { user, clientId }, config }) => {
    if (typeof user !== "string" || clientId !== undefined) return [];
    const credentialInfos = infosOf(config);
    return credentialInfos.length === 0 ? [] : [resultOf(user, config)];
  });
}

async function describeOne(
  { cluster }: Broker,
  user: string,
  isRepeated: boolean,
) {
  if (isRepeated) {
    return refusal(
      user,
      ErrorCode.DUPLICATE_RESOURCE,
      `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`,
    );
  }
  const config = await cluster.clientEntity({ user });
  if (infosOf(config).length > 0) return resultOf(user, config);
  return refusal(
    user,
    ErrorCode.RESOURCE_NOT_FOUND,
    `Attempt to describe a user credential that does not exist: ${user}`,
  );
}

function resultOf(user: string, config: ConfigOverrides) {
  return {
    user,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    credentialInfos: infosOf(config),
  };
}

function refusal(user: string, errorCode: number, errorMessage: string) {
  return { user, errorCode, errorMessage, credentialInfos: [] };
}

function infosOf(config: ConfigOverrides) {
  return SCRAM_MECHANISMS.flatMap(({ type, name }) => {
    const value = config.get(name);
    return value === undefined
      ? []
      : [{ mechanism: type, iterations: scramIterations(value) }];
  });
}
