// DeleteTopics (key 20): how topics are deleted, by name or by id.
//
// v1 adds `throttleTimeMs`; v4 is the first flexible version; v5 adds
// `errorMessage`; v6 adds `topics` and `topicId`. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const deleteTopicsRequest = message({
  key: 20,
  name: "DeleteTopicsRequest",
  versions: [0, 6],
  flexibleSince: 4,
  fields: {
    topics: {
      since: 6,
      array: {
        name: { type: "string", nullableSince: 6, default: null },
        topicId: "uuid",
      },
    },
    topicNames: { array: "string", until: 5, ignorable: true },
    timeoutMs: "int32",
  },
});

/**
 * Errors: `UNKNOWN_TOPIC_OR_PARTITION`, `UNKNOWN_TOPIC_ID`,
 * `TOPIC_DELETION_DISABLED`.
 */
export const deleteTopicsResponse = message({
  key: 20,
  name: "DeleteTopicsResponse",
  versions: [0, 6],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    responses: {
      array: {
        name: { type: "string", nullableSince: 6 },
        topicId: { type: "uuid", since: 6, ignorable: true },
        errorCode: "int16",
        errorMessage: {
          type: "string",
          since: 5,
          nullableSince: 5,
          default: null,
          ignorable: true,
        },
      },
    },
  },
});

export type DeleteTopicsRequest = Infer<typeof deleteTopicsRequest>;
export type DeleteTopicsResponse = Infer<typeof deleteTopicsResponse>;
