import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { TestBroker, type TestClient } from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode, type ErrorName } from "../../wire/kafka/errors.ts";
import {
  alterClientQuotasRequest,
  alterClientQuotasResponse,
} from "../../wire/kafka/messages/alter_client_quotas.ts";
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "../../wire/kafka/messages/alter_partition_reassignments.ts";
import {
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
} from "../../wire/kafka/messages/alter_user_scram_credentials.ts";
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
import {
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from "../../wire/kafka/messages/describe_client_quotas.ts";
import {
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
} from "../../wire/kafka/messages/describe_user_scram_credentials.ts";
import {
  electLeadersRequest,
  electLeadersResponse,
} from "../../wire/kafka/messages/elect_leaders.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "../../wire/kafka/messages/list_partition_reassignments.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";

const ELECT = [electLeadersRequest, electLeadersResponse] as const;
const MOVE = [
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
] as const;
const LIST_MOVES = [
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
] as const;
const SET_CREDENTIALS = [
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
] as const;
const CREDENTIALS = [
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
] as const;
const SET_QUOTAS = [
  alterClientQuotasRequest,
  alterClientQuotasResponse,
] as const;
const QUOTAS = [
  describeClientQuotasRequest,
  describeClientQuotasResponse,
] as const;

/** Runs a test with a broker that has the topic `t` of two partitions. */
async function withBroker(
  run: (client: TestClient, broker: TestBroker) => Promise<void>,
): Promise<void> {
  const sim = simHost(61);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t", { partitionCount: 2 });
    await run(await broker.connect(), broker);
    deepStrictEqual(broker.lines.filter((line) => /Failed/.test(line)), []);
    ok(await broker.stop());
  });
}

function code(name: ErrorName): number {
  return ErrorCode[name];
}

Deno.test("ElectLeaders says of each partition that its leader is the preferred one", async () => {
  await withBroker(async (client) => {
    const topicPartitions = [{ topic: "t", partitions: [0, 1, 2] }];
    for (const version of [0, 1, 2]) {
      for (const electionType of version === 0 ? [0] : [0, 1]) {
        const { errorCode, replicaElectionResults: [{ partitionResult }] } =
          await client.call(ELECT, version, {
            electionType,
            topicPartitions,
            timeoutMs: 1000,
          });
        strictEqual(errorCode, ErrorCode.NONE);
        deepStrictEqual(
          partitionResult.map(({ errorCode }) => errorCode),
          [
            code("ELECTION_NOT_NEEDED"),
            code("ELECTION_NOT_NEEDED"),
            code("UNKNOWN_TOPIC_OR_PARTITION"),
          ],
        );
      }
    }
    const everything = { topicPartitions: null, timeoutMs: 1000 };
    const all = await client.call(ELECT, 2, { electionType: 0, ...everything });
    deepStrictEqual(all.replicaElectionResults, []);
    const odd = await client.call(ELECT, 2, { electionType: 7, ...everything });
    strictEqual(odd.errorCode, ErrorCode.INVALID_REQUEST);
  });
});

Deno.test("AlterPartitionReassignments takes what is so already, and says why it takes no more", async () => {
  await withBroker(async (client, { broker }) => {
    const { brokerId } = broker;
    const move = async (partitionIndex: number, replicas: number[] | null) => {
      const { responses: [{ partitions: [answer] }] } = await client.call(
        MOVE,
        0,
        {
          timeoutMs: 1000,
          topics: [{ name: "t", partitions: [{ partitionIndex, replicas }] }],
        },
      );
      return answer;
    };
    strictEqual((await move(1, [brokerId])).errorCode, ErrorCode.NONE);
    const refusals: [number, number[] | null, ErrorName][] = [
      [2, [brokerId], "UNKNOWN_TOPIC_OR_PARTITION"],
      [0, null, "NO_REASSIGNMENT_IN_PROGRESS"],
      [0, [], "INVALID_REPLICA_ASSIGNMENT"],
      [0, [brokerId, brokerId], "INVALID_REPLICA_ASSIGNMENT"],
      [0, [-2], "INVALID_REPLICA_ASSIGNMENT"],
      [0, [brokerId + 1], "INVALID_REPLICA_ASSIGNMENT"],
    ];
    for (const [index, replicas, name] of refusals) {
      strictEqual((await move(index, replicas)).errorCode, code(name));
    }
    match((await move(0, [77])).errorMessage ?? "", /not alive.*77/);
    const { errorCode, topics } = await client.call(LIST_MOVES, 0, {
      timeoutMs: 1000,
      topics: [{ name: "t", partitionIndexes: [0, 1] }],
    });
    deepStrictEqual([errorCode, topics], [ErrorCode.NONE, []]);
  });
});

type Upsertion = InferInput<
  typeof alterUserScramCredentialsRequest
>["upsertions"][number];

function upsertion(rest: Partial<Upsertion> = {}): Upsertion {
  return {
    name: "ann",
    mechanism: 2,
    iterations: 15_000,
    salt: Uint8Array.of(1, 2, 3),
    saltedPassword: Uint8Array.of(4, 5, 6),
    ...rest,
  };
}

Deno.test("SCRAM credentials are kept, described without their keys, and deleted", async () => {
  await withBroker(async (client, { broker }) => {
    const alter = async (
      upsertions: readonly Upsertion[],
      deletions: readonly { name: string; mechanism: number }[] = [],
    ) =>
      (await client.call(SET_CREDENTIALS, 0, { upsertions, deletions }))
        .results.map(({ user, errorCode }) => [user, errorCode]);
    const describe = async (...names: string[]) =>
      (await client.call(CREDENTIALS, 0, {
        users: names.map((name) => ({ name })),
      })).results.map(({ user, errorCode, credentialInfos }) => [
        user,
        errorCode,
        ...credentialInfos.map((info) =>
          `${info.mechanism}/${info.iterations}`
        ),
      ]);
    const both = [upsertion(), upsertion({ mechanism: 1, iterations: 4096 })];
    deepStrictEqual(await alter(both), [["ann", ErrorCode.NONE]]);
    deepStrictEqual(await alter([upsertion({ name: "b/ö *~" })]), [[
      "b/ö *~",
      ErrorCode.NONE,
    ]]);
    deepStrictEqual(await describe(), [
      ["ann", 0, "1/4096", "2/15000"],
      ["b/ö *~", 0, "2/15000"],
    ]);
    deepStrictEqual(await describe("ann", "nobody", "ann"), [
      ["ann", code("DUPLICATE_RESOURCE")],
      ["nobody", code("RESOURCE_NOT_FOUND")],
    ]);
    match(
      (await broker.cluster.clientEntity({ user: "ann" }))
        .get("SCRAM-SHA-512") ?? "",
      /^salt=AQID,stored_key=.{88},server_key=.{88},iterations=15000$/,
    );
    const sha512 = { name: "ann", mechanism: 2 };
    deepStrictEqual(await alter([], [sha512]), [["ann", ErrorCode.NONE]]);
    deepStrictEqual(await describe("ann"), [["ann", 0, "1/4096"]]);
    // Nothing is done of what cannot be done as a whole.
    deepStrictEqual(await alter([upsertion({ mechanism: 1 })], [sha512]), [[
      "ann",
      code("RESOURCE_NOT_FOUND"),
    ]]);
    deepStrictEqual(await describe("ann"), [["ann", 0, "1/4096"]]);
    const refusals: [Upsertion[], ErrorName][] = [
      [[upsertion({ name: "" })], "UNACCEPTABLE_CREDENTIAL"],
      [[upsertion({ iterations: 4095 })], "UNACCEPTABLE_CREDENTIAL"],
      [[upsertion({ iterations: 16_385 })], "UNACCEPTABLE_CREDENTIAL"],
      [[upsertion({ mechanism: 3 })], "UNSUPPORTED_SASL_MECHANISM"],
      [[upsertion(), upsertion()], "DUPLICATE_RESOURCE"],
    ];
    for (const [upsertions, name] of refusals) {
      const [[, errorCode]] = await alter(upsertions);
      strictEqual(errorCode, code(name));
    }
  });
});

type Parts = [type: string, name: string | null][];

Deno.test("quotas of clients are kept, found by filters, and removed", async () => {
  await withBroker(async (client) => {
    const set = async (parts: Parts, key: string, value: number | null) =>
      (await client.call(SET_QUOTAS, 1, {
        entries: [{
          entity: parts.map(([entityType, entityName]) => ({
            entityType,
            entityName,
          })),
          ops: [{ key, value: value ?? 0, remove: value === null }],
        }],
        validateOnly: false,
      })).entries[0].errorCode;
    const find = async (
      components: [type: string, matchType: number, match: string | null][],
      strict = false,
    ) =>
      (await client.call(QUOTAS, 1, {
        components: components.map(([entityType, matchType, match]) => ({
          entityType,
          matchType,
          match,
        })),
        strict,
      })).entries?.map(({ entity, values }) => [
        entity.map(({ entityName }) => entityName).join("+"),
        ...values.map(({ key, value }) => `${key}=${value}`),
      ]) ?? null;
    strictEqual(await set([["client-id", "c"]], "producer_byte_rate", 5e5), 0);
    strictEqual(await set([["user", "u"]], "request_percentage", 12.5), 0);
    strictEqual(
      await set(
        [["user", "v"], ["client-id", null]],
        "consumer_byte_rate",
        7,
      ),
      0,
    );
    strictEqual(await set([["ip", "::1"]], "connection_creation_rate", 9), 0);
    const c = ["c", "producer_byte_rate=500000"];
    const u = ["u", "request_percentage=12.5"];
    const v = ["v+", "consumer_byte_rate=7"];
    deepStrictEqual(await find([["client-id", 0, "c"]]), [c]);
    deepStrictEqual(await find([["client-id", 1, null]]), [v]);
    deepStrictEqual(await find([["client-id", 2, null]]), [c, v]);
    deepStrictEqual(await find([["client-id", 2, null]], true), [c]);
    deepStrictEqual(await find([["user", 2, null]]), [u, v]);
    deepStrictEqual(
      await find([]),
      [
        c,
        [
          "::1",
          "connection_creation_rate=9",
        ],
        u,
        v,
      ].sort((a, b) => order(a) - order(b)),
    );
    deepStrictEqual(await find([["user", 0, "c"]]), []);
    deepStrictEqual(await find([["host", 2, null]]), null);
    strictEqual(await set([["user", "u"]], "request_percentage", null), 0);
    deepStrictEqual(await find([["user", 2, null]]), [v]);
    const refusals: [Parts, string, number][] = [
      [[], "producer_byte_rate", 1],
      [[["host", "c"]], "producer_byte_rate", 1],
      [[["user", ""]], "producer_byte_rate", 1],
      [[["user", "u"], ["user", "w"]], "producer_byte_rate", 1],
      [[["user", "u"]], "producer_byte_rate", 1.5],
      [[["user", "u"]], "producer_byte_rate", -1],
      [[["user", "u"]], "connection_creation_rate", 1],
      [[["ip", "::1"], ["user", "u"]], "connection_creation_rate", 1],
      [[["ip", "no address"]], "connection_creation_rate", 1],
    ];
    for (const [parts, key, value] of refusals) {
      strictEqual(await set(parts, key, value), code("INVALID_REQUEST"), key);
    }
  });
});

/** Where an entity comes in a list of all: users, client ids, addresses, users' client ids. */
function order([name]: string[]): number {
  return ["u", "c", "::1", "v+"].indexOf(name);
}

Deno.test("rules of access are told to be nobody's business here", async () => {
  await withBroker(async (client) => {
    const rule = { principal: "User:a", host: "*", operation: 3 };
    const created = await client.call(
      [createAclsRequest, createAclsResponse],
      3,
      {
        creations: [{
          resourceType: 2,
          resourceName: "t",
          permissionType: 3,
          ...rule,
        }],
      },
    );
    const filter = {
      resourceTypeFilter: 2,
      resourceNameFilter: null,
      principalFilter: null,
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    };
    const described = await client.call(
      [describeAclsRequest, describeAclsResponse],
      3,
      filter,
    );
    const deleted = await client.call(
      [deleteAclsRequest, deleteAclsResponse],
      3,
      { filters: [filter] },
    );
    deepStrictEqual(
      [created.results[0], described, deleted.filterResults[0]].map((
        { errorCode, errorMessage },
      ) => [errorCode, errorMessage]),
      Array(3).fill([
        code("SECURITY_DISABLED"),
        "No Authorizer is configured.",
      ]),
    );
  });
});
