// AlterUserScramCredentials (key 51): how SCRAM credentials are set and
// deleted.

import { type Infer, message } from "../schema.ts";

export const alterUserScramCredentialsRequest = message({
  key: 51,
  name: "AlterUserScramCredentialsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    deletions: {
      array: {
        name: "string",
        mechanism: "int8",
      },
    },
    upsertions: {
      array: {
        name: "string",
        mechanism: "int8",
        iterations: "int32",
        salt: "bytes",
        saltedPassword: "bytes",
      },
    },
  },
});

export const alterUserScramCredentialsResponse = message({
  key: 51,
  name: "AlterUserScramCredentialsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        user: "string",
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
      },
    },
  },
});

export type AlterUserScramCredentialsRequest = Infer<
  typeof alterUserScramCredentialsRequest
>;
export type AlterUserScramCredentialsResponse = Infer<
  typeof alterUserScramCredentialsResponse
>;
