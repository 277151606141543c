// Whose configuration is meant: `topic orders`, `broker 1`, `broker default`.

import { didYouMean } from "../core/config/did_you_mean.ts";
import { checkTopicName } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import {
  type ConfigResource,
  ConfigResourceType,
} from "../core/client/admin_types.ts";

export const ENTITY_ARGUMENTS = [
  { name: "TYPE", doc: "topic or broker" },
  {
    name: "NAME",
    doc: "The topic, or the broker's id; default is all brokers",
  },
] as const;

const LATER = ["client", "user", "ip"];

/** @throws {UsageError} Where there is no such type, or no such name. */
export function configEntity(type: string, name: string): ConfigResource {
  const kind = type.replace(/s$/, "");
  if (kind === "topic") {
    checkTopicName(name);
    return { type: ConfigResourceType.topic, name };
  }
  if (kind === "broker") {
    if (name === "default" || name === "") {
      return { type: ConfigResourceType.broker, name: "" };
    }
    if (!/^\d{1,9}$/.test(name)) {
      throw new UsageError(
        `expected a broker's id or default, got ${JSON.stringify(name)}`,
      );
    }
    return { type: ConfigResourceType.broker, name };
  }
  if (LATER.includes(kind)) {
    throw new UsageError(`configuration of a ${kind} (quotas) is not kept yet`);
  }
  throw new UsageError(
    `expected topic or broker, got ${JSON.stringify(type)}${
      didYouMean(type, ["topic", "broker"])
    }`,
  );
}

/** The entity as it was typed. */
export function entityName({ type, name }: ConfigResource): string {
  return type === ConfigResourceType.topic
    ? `topic ${name}`
    : `broker ${name === "" ? "default" : name}`;
}
