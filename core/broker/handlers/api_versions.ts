// ApiVersions (key 18): which APIs and versions this broker serves. Nothing is
// kept by hand: the ranges are those of the table of served APIs.
//
// A client that asks in a version too new gets version 0 back, with
// UNSUPPORTED_VERSION and the ranges, and asks again.
//
// Source: KIP-35, KIP-511, KIP-584.

import { OWN_API_KEY_MIN } from "../../wire/kafka/api_keys.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from "../../wire/kafka/messages/api_versions.ts";
import { serve, type ServedApi } from "../context.ts";

export const API_VERSIONS_KEY = apiVersionsRequest.key;

/** What kq's own clients call themselves: only they are told of its own APIs. */
const OWN_NAME = "kq";

/** What clients may call themselves. Source: KIP-511. */
const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/**
 * What this broker has and has turned on: groups of the newer protocol (KIP-848),
 * transactions with an epoch each (KIP-890). A lowest level of 0 would be legal and
 * break Java clients older than 3.9.
 */
const FEATURES = [
  { name: "group.version", lowest: 1, level: 1 },
  { name: "transaction.version", lowest: 1, level: 2 },
] as const;

/** That was never different. */
const FEATURES_EPOCH = 0;

/** Version from which on the client says what it is. */
const NAMED_SINCE = 3;

/**
 * Makes the row for ApiVersions.
 *
 * @param served All rows, this one included; read when a client asks.
 */
export function apiVersions(served: () => readonly ServedApi[]): ServedApi {
  const ranges = (softwareName: string) =>
    served()
      .filter(({ key }) => key < OWN_API_KEY_MIN || softwareName === OWN_NAME)
      .map(({ key, minVersion, maxVersion }) => ({
        apiKey: key,
        minVersion,
        maxVersion,
      }))
      .sort((a, b) => a.apiKey - b.apiKey);
  return serve(apiVersionsRequest, apiVersionsResponse, {
    handle: (request, { apiVersion, connection }) => {
      if (apiVersion >= NAMED_SINCE) {
        const { clientSoftwareName, clientSoftwareVersion } = request;
        if (
          !SOFTWARE_NAME.test(clientSoftwareName) ||
          !SOFTWARE_NAME.test(clientSoftwareVersion)
        ) {
          throw new KafkaError(
            "INVALID_REQUEST",
            "The client's software name and version must be letters, digits, dots and dashes",
          );
        }
        connection.clientSoftwareName = clientSoftwareName;
        connection.clientSoftwareVersion = clientSoftwareVersion;
      }
      return {
        errorCode: ErrorCode.NONE,
        apiKeys: ranges(connection.clientSoftwareName),
        supportedFeatures: FEATURES.map(({ name, lowest, level }) => ({
          name,
          minVersion: lowest,
          maxVersion: level,
        })),
        finalizedFeaturesEpoch: FEATURES_EPOCH,
        finalizedFeatures: FEATURES.map(({ name, level }) => ({
          name,
          minVersionLevel: level,
          maxVersionLevel: level,
        })),
      };
    },
    failure: ({ errorCode }) => ({
      errorCode,
      // Only a client that asked too high needs to know how low to go.
      apiKeys: errorCode === ErrorCode.UNSUPPORTED_VERSION ? ranges("") : [],
    }),
  });
}
