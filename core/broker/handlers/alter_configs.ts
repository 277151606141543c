// AlterConfigs (key 33): replaces all overrides of a resource; what the request
// does not name is unset. IncrementalAlterConfigs is its better successor.
//
// Source: Kafka protocol guide; KIP-133.

import {
  alterConfigsRequest,
  alterConfigsResponse,
} from "../../wire/kafka/messages/alter_configs.ts";
import { alterFailure, alterResources, valueOf } from "../alter_resources.ts";
import { serve } from "../context.ts";

export const alterConfigs = serve(alterConfigsRequest, alterConfigsResponse, {
  handle: (request, context) =>
    alterResources(
      request,
      context,
      ({ configs }) =>
        new Map(configs.map((config) => [config.name, valueOf(config)])),
    ),
  failure: alterFailure,
});
