// Which offsets expire when, and when a group goes with them.

import { deepStrictEqual } from "node:assert/strict";
import { concatBytes, encodeUtf8 } from "../base/bytes.ts";
import { ClassicGroup } from "./classic/classic_group.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";
import { expireOffsets } from "./expire_offsets.ts";
import { ShardState } from "./shard_state.ts";

const RETENTION_MS = 1000;
const NO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

function offset(
  topic: string,
  commitTimestamp: number,
  expireTimestamp = -1,
): CoordinatorRecord {
  return {
    kind: "offsetCommit",
    key: { group: "g", topic, partition: 0 },
    value: {
      offset: 1,
      leaderEpoch: -1,
      metadata: "",
      commitTimestamp,
      expireTimestamp,
      topicId: NO_UUID,
    },
  };
}

/** A group of a state since a moment, with members that read `topics`. */
function group(
  currentStateTimestamp: number,
  options: { readonly topics?: string[]; readonly protocolType?: string } = {},
): CoordinatorRecord {
  const { topics, protocolType = "consumer" } = options;
  const subscription = concatBytes([
    Uint8Array.of(0, 1, 0, 0, 0, topics?.length ?? 0),
    ...(topics ?? []).map((topic) =>
      concatBytes([Uint8Array.of(0, topic.length), encodeUtf8(topic)])
    ),
  ]);
  return {
    kind: "groupMetadata",
    key: { group: "g" },
    value: {
      protocolType,
      generation: 1,
      protocol: topics === undefined ? null : "range",
      leader: topics === undefined ? null : "m",
      currentStateTimestamp,
      members: topics === undefined ? [] : [{
        memberId: "m",
        groupInstanceId: null,
        clientId: "c",
        clientHost: "/h",
        rebalanceTimeout: 1,
        sessionTimeout: 1,
        subscription,
        assignment: new Uint8Array(0),
      }],
    },
  };
}

Deno.test("expireOffsets() keeps what is still needed", () => {
  const cases: [what: string, CoordinatorRecord[], expected: string[]][] = [
    ["a lone consumer's, by its commit", [offset("t", 0)], ["t", "group"]],
    ["a lone consumer's, newer", [offset("t", 1)], []],
    ["some of them", [offset("t", 0), offset("u", 1)], ["t"]],
    ["of a group just emptied", [group(1), offset("t", 0)], []],
    ["of a group long empty", [group(0), offset("t", 900)], ["t", "group"]],
    ["of a group of old", [group(-1), offset("t", 0)], ["t", "group"]],
    ["with an end of its own", [group(900), offset("t", 900, 1000)], [
      "t",
      "group",
    ]],
    ["with a later end", [group(0), offset("t", 0, 1001)], []],
    ["an empty group without offsets", [group(1)], ["group"]],
    [
      "a topic that members read",
      [group(0, { topics: ["t"] }), offset("t", 0)],
      [],
    ],
    ["a topic that they left", [group(0, { topics: ["u"] }), offset("t", 0)], [
      "t",
    ]],
    ["a stable group of another kind", [
      group(0, { topics: ["u"], protocolType: "connect" }),
      offset("t", 0),
    ], []],
  ];
  for (const [what, records, expected] of cases) {
    const state = new ShardState();
    for (const record of records) state.apply(record);
    const now = { monotonicMs: 0, wallMs: 1000 };
    const expired = expireOffsets(state, now, RETENTION_MS);
    const names = expired.map((record) =>
      record.kind === "offsetCommit" ? record.key.topic : "group"
    );
    deepStrictEqual(names, expected, what);
    for (const record of expired) state.apply(record);
    if (expected.includes("group")) {
      deepStrictEqual([...state.groups.keys()], [], what);
    }
  }
});

Deno.test("expireOffsets() leaves a group alone that a member is about to join", () => {
  const state = new ShardState();
  const joined = new ClassicGroup("g");
  joined.pendingMembers.set("m", 5000);
  state.groups.set("g", joined);
  const now = { monotonicMs: 0, wallMs: 1e12 };
  deepStrictEqual(expireOffsets(state, now, RETENTION_MS), []);
});
