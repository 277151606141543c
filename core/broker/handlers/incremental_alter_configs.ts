// IncrementalAlterConfigs (key 44): sets and unsets single keys, and adds to or
// takes from those that are lists. What the request does not name stays.
//
// Source: Kafka protocol guide; KIP-339; observed: unsetting a key that is not
// set, or that nobody knows, is fine.

import { brokerConfig } from "../../config/broker_config.ts";
import { defaultValue } from "../../config/table.ts";
import { topicConfig } from "../../config/topic_config.ts";
import { formatValue } from "../../config/value.ts";
import type { ConfigOverrides } from "../../controller/cluster_image.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import {
  type IncrementalAlterConfigsRequest,
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "../../wire/kafka/messages/incremental_alter_configs.ts";
import { alterFailure, alterResources, valueOf } from "../alter_resources.ts";
import { ResourceType } from "../config_changes.ts";
import { serve } from "../context.ts";

type ResourceRequest = IncrementalAlterConfigsRequest["resources"][number];
type Operation = ResourceRequest["configs"][number];

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

export const incrementalAlterConfigs = serve(
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
  {
    handle: (request, context) =>
      alterResources(request, context, applyOperations),
    failure: alterFailure,
  },
);

/** @throws {KafkaError} INVALID_REQUEST, INVALID_CONFIG. */
function applyOperations(
  { resourceType, configs }: ResourceRequest,
  current: ConfigOverrides,
): ConfigOverrides {
  const wanted = new Map(current);
  for (const operation of configs) {
    const { name, configOperation } = operation;
    switch (configOperation) {
      case DELETE:
        wanted.delete(name);
        break;
      case SET:
        wanted.set(name, valueOf(operation));
        break;
      case APPEND:
      case SUBTRACT:
        wanted.set(name, changedList(resourceType, operation, wanted));
        break;
      default:
        throw new KafkaError(
          "INVALID_REQUEST",
          `Unknown operation ${configOperation} on ${name}: 0 sets, 1 deletes, 2 appends, 3 subtracts.`,
        );
    }
  }
  return wanted;
}

function changedList(
  resourceType: number,
  operation: Operation,
  current: ReadonlyMap<string, string>,
): string {
  const { name, configOperation } = operation;
  const row = (resourceType === ResourceType.TOPIC ? topicConfig : brokerConfig)
    .row(name);
  const items = itemsOf(valueOf(operation));
  if (row?.type !== "list") {
    throw new KafkaError(
      "INVALID_CONFIG",
      row === undefined
        ? `Unknown config name: ${name}`
        : `Nothing can be appended to or subtracted from ${name}: it is no list.`,
    );
  }
  const before = itemsOf(
    current.get(name) ?? formatValue(row, defaultValue(row)) ?? "",
  );
  const after = configOperation === APPEND
    ? [...before, ...items.filter((item) => !before.includes(item))]
    : before.filter((item) => !items.includes(item));
  return after.join(",");
}

function itemsOf(list: string): string[] {
  return list.split(",").map((item) => item.trim()).filter((item) =>
    item !== ""
  );
}
