// FindCoordinator (key 10): which broker coordinates a group or a
// transactional id.
//
// v1 adds `keyType`, `throttleTimeMs` and `errorMessage`; v3 is the first
// flexible version; v4 adds `coordinatorKeys` and `coordinators`.

import { type Infer, message } from "../schema.ts";

export const findCoordinatorRequest = message({
  key: 10,
  name: "FindCoordinatorRequest",
  versions: [0, 6],
  flexibleSince: 3,
  fields: {
    key: { type: "string", until: 3 },
    /** 0 group, 1 transactional id, 2 share-partition. */
    keyType: { type: "int8", since: 1, default: 0 },
    coordinatorKeys: { array: "string", since: 4 },
  },
});

/** Errors: `COORDINATOR_NOT_AVAILABLE`, `INVALID_GROUP_ID`. */
export const findCoordinatorResponse = message({
  key: 10,
  name: "FindCoordinatorResponse",
  versions: [0, 6],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: { type: "int16", until: 3 },
    errorMessage: {
      type: "string",
      since: 1,
      until: 3,
      nullableSince: 1,
      ignorable: true,
    },
    nodeId: { type: "int32", until: 3 },
    host: { type: "string", until: 3 },
    port: { type: "int32", until: 3 },
    coordinators: {
      since: 4,
      array: {
        key: "string",
        nodeId: "int32",
        host: "string",
        port: "int32",
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 4 },
      },
    },
  },
});

export type FindCoordinatorRequest = Infer<typeof findCoordinatorRequest>;
export type FindCoordinatorResponse = Infer<typeof findCoordinatorResponse>;
