import { deepEqual, equal } from "node:assert/strict";
import { decodeHex, encodeHex } from "../../base/bytes.ts";
import { decodeRecord, encodeRecord } from "../coordinator_record.ts";
import type { Group } from "../group.ts";
import { applyConsumerRecord } from "./apply_consumer_record.ts";
import { ConsumerGroup } from "./consumer_group.ts";
import { newMember } from "./consumer_member.ts";
import { memberRecord } from "./consumer_records.ts";

// Written by Kafka 4.1; the tagged field at the end says that the member does not
// speak the classic protocol.
const MEMBER_VALUE = "000000000574657374" + "0b2f3132372e302e302e31" + "0101" +
  "0000ea60" + "0672616e6765" + "01000100";

const MEMBER = {
  ...newMember("m"),
  clientId: "test",
  clientHost: "/127.0.0.1",
  rebalanceTimeoutMs: 60_000,
  serverAssignor: "range",
  subscribedTopicRegex: "",
};

Deno.test("memberRecord() is written byte for byte as Kafka writes it", () => {
  const { key, value } = encodeRecord(memberRecord("g", MEMBER));
  equal(encodeHex(value!), MEMBER_VALUE);

  const groups = new Map<string, Group>();
  applyConsumerRecord(groups, decodeRecord(key, decodeHex(MEMBER_VALUE))!);
  const group = groups.get("g") as ConsumerGroup;
  deepEqual(group.members.get("m"), MEMBER);
  equal(group.classicMemberCount, 0);
});

Deno.test("memberRecord() keeps what a classic member has said", () => {
  const member = {
    ...MEMBER,
    classic: {
      sessionTimeoutMs: 45_000,
      supportedProtocols: [{ name: "range", metadata: new Uint8Array([0, 1]) }],
    },
  };
  const { key, value } = encodeRecord(memberRecord("g", member));
  const groups = new Map<string, Group>();
  applyConsumerRecord(groups, decodeRecord(key, value)!);
  const group = groups.get("g") as ConsumerGroup;
  deepEqual(group.members.get("m"), member);
  equal(group.classicMemberCount, 1);
});
