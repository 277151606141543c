// DescribeConfigs (key 32): what configuration topics and brokers have, and
// where each value comes from.
//
// v1 adds `includeSynonyms`, `configSource` and `synonyms`; v3 adds
// `includeDocumentation`, `configType` and `documentation`; v4 is the first
// flexible version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const describeConfigsRequest = message({
  key: 32,
  name: "DescribeConfigsRequest",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    resources: {
      array: {
        /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
        resourceType: "int8",
        resourceName: "string",
        /** Null asks for all. */
        configurationKeys: { array: "string", nullableSince: 0 },
      },
    },
    includeSynonyms: { type: "bool", since: 1, default: false },
    includeDocumentation: { type: "bool", since: 3, default: false },
  },
});

export const describeConfigsResponse = message({
  key: 32,
  name: "DescribeConfigsResponse",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
        resourceType: "int8",
        resourceName: "string",
        configs: {
          array: {
            name: "string",
            value: { type: "string", nullableSince: 0 },
            readOnly: "bool",
            isDefault: { type: "bool", until: 0 },
            /**
             * 1 topic, 2 this broker, 3 all brokers, 4 server.properties, 5
             * default, 6 broker logger.
             */
            configSource: {
              type: "int8",
              since: 1,
              default: -1,
              ignorable: true,
            },
            isSensitive: "bool",
            synonyms: {
              since: 1,
              ignorable: true,
              array: {
                name: "string",
                value: { type: "string", nullableSince: 0 },
                source: "int8",
              },
            },
            /**
             * 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8
             * class, 9 password.
             */
            configType: { type: "int8", since: 3, default: 0, ignorable: true },
            documentation: {
              type: "string",
              since: 3,
              nullableSince: 0,
              ignorable: true,
            },
          },
        },
      },
    },
  },
});

export type DescribeConfigsRequest = Infer<typeof describeConfigsRequest>;
export type DescribeConfigsResponse = Infer<typeof describeConfigsResponse>;
