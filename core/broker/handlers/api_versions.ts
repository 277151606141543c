// ApiVersions (key 18): which APIs and versions this broker serves. Nothing is
// kept by hand: the ranges are those of the table of served APIs.
//
// A client that asks in a version too new gets version 0 back, with
// UNSUPPORTED_VERSION and the ranges, and asks again.
//
// Source: KIP-35, KIP-511.

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
 * Groups of the newer protocol are served (KIP-848). A level 0 would be legal
 * and break Java clients older than 3.9.
 */
const GROUP_FEATURE = { name: "group.version", level: 1 } as const;

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
        supportedFeatures: [{
          name: GROUP_FEATURE.name,
          minVersion: GROUP_FEATURE.level,
          maxVersion: GROUP_FEATURE.level,
        }],
        finalizedFeaturesEpoch: FEATURES_EPOCH,
        finalizedFeatures: [{
          name: GROUP_FEATURE.name,
          minVersionLevel: GROUP_FEATURE.level,
          maxVersionLevel: GROUP_FEATURE.level,
        }],
      };
    },
    failure: ({ errorCode }) => ({
      errorCode,
      // Only a client that asked too high needs to know how low to go.
      apiKeys: errorCode === ErrorCode.UNSUPPORTED_VERSION ? ranges("") : [],
    }),
  });
}
