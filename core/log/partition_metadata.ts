// `partition.metadata`: which topic a partition's folder belongs to.
//
//   "version: 0" LF "topic_id: " base64url uuid
//
// A topic that is deleted and made again has another id, so a folder left over
// from the old one is not taken for the new one.
//
// Source: KIP-516; observed in testdata/log/kafka-data.tar.gz.

import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";

/** The file's name. */
export const PARTITION_METADATA = "partition.metadata";

/** The id that stands for none, as text. */
export const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

/** @param topicId Base64url, 22 characters. */
export function formatPartitionMetadata(topicId: string): Uint8Array {
  return encodeUtf8(`version: 0\ntopic_id: ${topicId}`);
}

/**
 * The topic's id, base64url.
 *
 * @throws {CorruptFileError} Where a line is missing or makes no sense.
 */
export function parsePartitionMetadata(
  path: string,
  bytes: Uint8Array,
): string {
  const values = new Map<string, string>();
  for (const line of decodeUtf8Lossy(bytes).split("\n")) {
    const match = /^\s*(\w+)\s*:\s*(\S+)\s*$/.exec(line);
    if (match !== null) values.set(match[1], match[2]);
  }
  if (values.get("version") !== "0") {
    throw new CorruptFileError(path, "has no line 'version: 0'");
  }
  const topicId = values.get("topic_id") ?? "";
  if (!/^[A-Za-z0-9_-]{22}$/.test(topicId) || topicId === NO_TOPIC_ID) {
    throw new CorruptFileError(path, "has no topic id");
  }
  return topicId;
}
