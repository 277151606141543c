// Which versions a broker serves: the first thing that a client asks.
//
// ApiVersions is the one request whose version has to be guessed. A broker that
// does not know the version answers with error 35 in version 0, and since 2.4 with
// its ranges, so that the second guess is right; older ones know version 0.
//
// Source: KIP-35, KIP-511.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from "../wire/kafka/messages/api_versions.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { exchange } from "./exchange.ts";

/** Versions that a broker serves, both inclusive. */
export interface ApiRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** What a broker says of itself. */
export interface Negotiated {
  /** By API key. */
  readonly ranges: ReadonlyMap<number, ApiRange>;
  /** Levels that the cluster has decided on, by the feature's name. */
  readonly features: ReadonlyMap<string, number>;
}

export const API_VERSIONS = exchange(apiVersionsRequest, apiVersionsResponse);

const SOFTWARE = { clientSoftwareName: "kq", clientSoftwareVersion: "0.1.0" };
const UNSUPPORTED_VERSION_CODE = 35;
/** Version 4 says the same as 3; brokers before 3.9 would make it two round trips. */
const FIRST_GUESS = 3;

/**
 * Asks for the ranges of all APIs, and for the cluster's features.
 *
 * @throws {KafkaError} Where the broker does not tell.
 */
export async function negotiate(
  connection: {
    readonly address: string;
    sendAs(
      api: typeof API_VERSIONS,
      version: number,
      request: typeof SOFTWARE,
      options: { readonly timeoutMs: number },
    ): Promise<Infer<typeof apiVersionsResponse>>;
  },
  options: { readonly timeoutMs: number },
): Promise<Negotiated> {
  let answer = await connection.sendAs(
    API_VERSIONS,
    FIRST_GUESS,
    SOFTWARE,
    options,
  );
  if (answer.errorCode === UNSUPPORTED_VERSION_CODE) {
    const own = answer.apiKeys.find((api) => api.apiKey === API_VERSIONS.key);
    const version = Math.min(own?.maxVersion ?? 0, FIRST_GUESS);
    answer = await connection.sendAs(API_VERSIONS, version, SOFTWARE, options);
  }
  if (answer.errorCode !== 0) {
    throw KafkaError.ofCode(
      answer.errorCode,
      `${connection.address} refused ApiVersions`,
    );
  }
  const ranges = new Map<number, ApiRange>();
  for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
    ranges.set(apiKey, { minVersion, maxVersion });
  }
  const features = new Map(
    answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [
      name,
      maxVersionLevel,
    ]),
  );
  return { ranges, features };
}
