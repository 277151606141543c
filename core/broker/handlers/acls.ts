// DescribeAcls, CreateAcls and DeleteAcls (keys 29 to 31) of a broker without an
// authorizer: it keeps no rules, and says so.
//
// Source: Kafka protocol guide; observed: answers of Apache Kafka 3.9.1 without
// `authorizer.class.name`.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  createAclsRequest,
  createAclsResponse,
} from "../../wire/kafka/messages/create_acls.ts";
import {
  deleteAclsRequest,
  deleteAclsResponse,
} from "../../wire/kafka/messages/delete_acls.ts";
import {
  describeAclsRequest,
  describeAclsResponse,
} from "../../wire/kafka/messages/describe_acls.ts";
import { type Failure, serve } from "../context.ts";

const NO_AUTHORIZER: Failure = {
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "No Authorizer is configured.",
};

export const describeAcls = serve(describeAclsRequest, describeAclsResponse, {
  handle: () => ({ throttleTimeMs: 0, ...NO_AUTHORIZER, resources: [] }),
  failure: (failure) => ({ throttleTimeMs: 0, ...failure, resources: [] }),
});

export const createAcls = serve(createAclsRequest, createAclsResponse, {
  handle: ({ creations }) => ({
    throttleTimeMs: 0,
    results: creations.map(() => NO_AUTHORIZER),
  }),
  failure: (failure, request) =>
    request === null
      ? null
      : { throttleTimeMs: 0, results: request.creations.map(() => failure) },
});

export const deleteAcls = serve(deleteAclsRequest, deleteAclsResponse, {
  // kafka-go 0.4.51 sends one.
  allowsTrailingBytes: true,
  handle: ({ filters }) => ({
    throttleTimeMs: 0,
    filterResults: filters.map(() => ({ ...NO_AUTHORIZER, matchingAcls: [] })),
  }),
  failure: (failure, request) =>
    request === null ? null : {
      throttleTimeMs: 0,
      filterResults: request.filters.map(() => ({
        ...failure,
        matchingAcls: [],
      })),
    },
});
