// AlterUserScramCredentials (key 51): gives users what their passwords are proved
// by, or takes it away. All that is asked of one user is done, or none of it.
//
// Source: Kafka protocol guide; KIP-554; observed: refusals of Apache Kafka 3.9.1.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type AlterUserScramCredentialsRequest,
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
} from "../../wire/kafka/messages/alter_user_scram_credentials.ts";
import type { Broker } from "../broker.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import {
  formatScramCredential,
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  SCRAM_MECHANISMS,
  type ScramMechanism,
} from "../scram_credentials.ts";

type Upsertion = AlterUserScramCredentialsRequest["upsertions"][number];

/** One change of one user: a value, or null to delete. */
interface Change {
  readonly mechanism: ScramMechanism;
  readonly value: string | null;
}

export const alterUserScramCredentials = serve(
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
  {
    handle: async (request, { broker }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        usersOf(request).map((user) => alterOne(broker, user, request)),
      ),
    }),
    failure: (failure, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        results: usersOf(request).map((user) => ({ user, ...failure })),
      },
  },
);

function usersOf(
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
): string[] {
  return [...new Set([...deletions, ...upsertions].map(({ name }) => name))];
}

async function alterOne(
  broker: Broker,
  user: string,
  request: AlterUserScramCredentialsRequest,
) {
  try {
    const changes = changesOf(user, request);
    await broker.cluster.changeClientEntity({ user }, (now) => {
      const config = new Map(now);
      for (const { mechanism, value } of changes) {
        if (value !== null) config.set(mechanism.name, value);
        else if (!config.delete(mechanism.name)) {
          throw new KafkaError(
            "RESOURCE_NOT_FOUND",
            "Attempt to delete a user credential that does not exist",
          );
        }
      }
      return config;
    });
    return { user, errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    const action = `alter the credentials of "${user}"`;
    return { user, ...refusalOf(error, broker, action) };
  }
}

function changesOf(
  user: string,
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
): Change[] {
  if (user === "") {
    throw new KafkaError(
      "UNACCEPTABLE_CREDENTIAL",
      "Username must not be empty",
    );
  }
  const isTheirs = ({ name }: { name: string }) => name === user;
  const changes: Change[] = [
    ...upsertions.filter(isTheirs).map((each) => upsertionOf(each)),
    ...deletions.filter(isTheirs).map(({ mechanism }) => ({
      mechanism: mechanismOf(mechanism),
      value: null,
    })),
  ];
  const named = new Set(changes.map(({ mechanism }) => mechanism));
  if (named.size < changes.length) {
    throw new KafkaError(
      "DUPLICATE_RESOURCE",
      "A user credential cannot be altered twice in the same request",
    );
  }
  return changes;
}

function upsertionOf(upsertion: Upsertion): Change {
  const mechanism = mechanismOf(upsertion.mechanism);
  const { iterations } = upsertion;
  if (iterations < SCRAM_ITERATIONS_MIN) {
    throw new KafkaError("UNACCEPTABLE_CREDENTIAL", "Too few iterations");
  }
  if (iterations > SCRAM_ITERATIONS_MAX) {
    throw new KafkaError("UNACCEPTABLE_CREDENTIAL", "Too many iterations");
  }
  return { mechanism, value: formatScramCredential(mechanism, upsertion) };
}

function mechanismOf(type: number): ScramMechanism {
  const mechanism = SCRAM_MECHANISMS.find((each) => each.type === type);
  if (mechanism !== undefined) return mechanism;
  throw new KafkaError("UNSUPPORTED_SASL_MECHANISM", "Unknown SCRAM mechanism");
}
