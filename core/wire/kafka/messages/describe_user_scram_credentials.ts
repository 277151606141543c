// DescribeUserScramCredentials (key 50): which users have SCRAM credentials,
// and of which strength.

import { type Infer, message } from "../schema.ts";

export const describeUserScramCredentialsRequest = message({
  key: 50,
  name: "DescribeUserScramCredentialsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    users: {
      nullableSince: 0,
      array: {
        name: "string",
      },
    },
  },
});

export const describeUserScramCredentialsResponse = message({
  key: 50,
  name: "DescribeUserScramCredentialsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    results: {
      array: {
        user: "string",
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
        credentialInfos: {
          array: {
            mechanism: "int8",
            iterations: "int32",
          },
        },
      },
    },
  },
});

export type DescribeUserScramCredentialsRequest = Infer<
  typeof describeUserScramCredentialsRequest
>;
export type DescribeUserScramCredentialsResponse = Infer<
  typeof describeUserScramCredentialsResponse
>;
