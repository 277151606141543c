// Which topics the members of a consumer group read, as far as they say so in
// Kafka's own form. What members say is theirs; where it is not in that form,
// nothing is known.
//
//   version: int16; topics: int32 count, strings; more, by version
//
// Source: Kafka's ConsumerProtocolSubscription.

import { DecodeError, Reader } from "../../wire/reader.ts";
import { type ClassicGroup, CONSUMER_PROTOCOL_TYPE } from "./classic_group.ts";

/** Smallest string: its size field. */
const STRING_BYTES_MIN = 2;

/** Topics of all members; `null` where that is not known. */
export function subscribedTopics(
  group: ClassicGroup,
): ReadonlySet<string> | null {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return null;
  const topics = new Set<string>();
  try {
    for (const member of group.members.values()) {
      const name = group.protocolName ?? member.protocols[0]?.name ?? null;
      addTopics(member.metadataFor(name), topics);
    }
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
  return topics;
}

function addTopics(metadata: Uint8Array, topics: Set<string>): void {
  const reader = new Reader(metadata);
  reader.int16();
  const count = reader.int32();
  if (count < 0 || count * STRING_BYTES_MIN > reader.remaining) {
    throw new DecodeError(`${count} topics do not fit`, reader.position);
  }
  for (let i = 0; i < count; i++) topics.add(reader.utf8(reader.int16()));
}
