// `meta.properties`: which broker of which cluster a log directory belongs to.
//
//   # comments
//   version=0, broker.id=<int>                    written by Kafka with ZooKeeper, and here
//   version=1, node.id=<int>, directory.id=<uuid> written by Kafka with KRaft
//   cluster.id=<base64url uuid>
//
// Source: observed in testdata/log/kafka-data.tar.gz; Kafka's kafka-cluster layout.

import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import { ConfigError } from "../config/config_error.ts";
import type { Disk } from "../host/host.ts";
import { readWhole } from "./replace_file.ts";

/** The file's name. */
export const META_PROPERTIES = "meta.properties";

/** What a directory says of itself. */
export interface MetaProperties {
  /** `null` where the line is missing. */
  readonly brokerId: number | null;
  /** `null` where the line is missing. */
  readonly clusterId: string | null;
}

/** Who opens a directory. */
export interface BrokerIdentity {
  readonly brokerId: number;
  readonly clusterId: string;
}

export function formatMetaProperties(identity: BrokerIdentity): Uint8Array {
  return encodeUtf8(
    `#\nbroker.id=${identity.brokerId}\nversion=0\ncluster.id=${identity.clusterId}\n`,
  );
}

/**
 * Reads a directory's `meta.properties`; `null` where there is none.
 *
 * @throws {ConfigError} Where a line makes no sense, or the version is newer.
 */
export function readMetaProperties(
  disk: Disk,
  directory: string,
): MetaProperties | null {
  const path = `${directory}/${META_PROPERTIES}`;
  const bytes = readWhole(disk, path);
  if (bytes === null) return null;
  const values = new Map<string, string>();
  for (const line of decodeUtf8Lossy(bytes).split(/\r?\n/)) {
    const match = /^\s*([^#!=:\s]+)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match !== null) values.set(match[1], match[2]);
  }
  const version = values.get("version") ?? "0";
  if (version !== "0" && version !== "1") {
    throw new ConfigError(
      `"${path}" has version ${version}, newer than this program knows (0 and 1); use the program that wrote it`,
    );
  }
  const id = values.get("broker.id") ?? values.get("node.id");
  if (id !== undefined && !/^\d{1,10}$/.test(id)) {
    throw new ConfigError(`"${path}" has the broker id ${JSON.stringify(id)}`);
  }
  return {
    brokerId: id === undefined ? null : Number(id),
    clusterId: values.get("cluster.id") ?? null,
  };
}

/**
 * Refuses a directory that belongs to another broker or cluster.
 *
 * @throws {ConfigError} In one line that says what to do.
 */
export function checkMetaProperties(
  directory: string,
  found: MetaProperties,
  wanted: BrokerIdentity,
): void {
  if (found.clusterId !== null && found.clusterId !== wanted.clusterId) {
    throw new ConfigError(
      `"${directory}" belongs to the cluster ${found.clusterId}, not to ${wanted.clusterId}; set log.dirs to this cluster's directory, or empty it`,
      { key: "log.dirs" },
    );
  }
  if (found.brokerId !== null && found.brokerId !== wanted.brokerId) {
    throw new ConfigError(
      `"${directory}" belongs to broker ${found.brokerId}, not to ${wanted.brokerId}; set broker.id or log.dirs accordingly`,
      { key: "broker.id" },
    );
  }
}
