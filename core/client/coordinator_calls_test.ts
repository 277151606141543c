import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { FakeCluster } from "../testing/fake_broker.ts";
import { serveGroups } from "../testing/fake_group.ts";
import { simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { type Admin, createAdmin } from "./admin.ts";

async function withAdmin(
  use: (admin: Admin, fake: FakeCluster) => Promise<void>,
): Promise<void> {
  const sim = simHost(3);
  const fake = new FakeCluster(sim, 2);
  serveGroups(fake, fake.broker(2));
  await sim.run(async () => {
    await fake.start();
    const admin = createAdmin(sim.host, {
      "bootstrap.servers": fake.bootstrap,
      "default.api.timeout.ms": "5000",
    });
    await use(admin, fake);
    admin.close();
  });
  fake.stop();
}

const T0 = { topic: "t", partition: 0 };

async function offsets(admin: Admin, groups: readonly string[]) {
  const found = await admin.listGroupOffsets(
    groups.map((group) => ({ group, partitions: [T0] })),
  );
  return found.map(({ group, value, error }) => [
    group,
    value?.[0].offset ?? error?.message,
  ]);
}

Deno.test("offsets of many groups are asked for in one request to each coordinator", () =>
  withAdmin(async (admin, fake) => {
    for (const [index, group] of ["a", "b", "c"].entries()) {
      const [{ error }] = await admin.alterGroupOffsets(group, [
        { ...T0, offset: index },
      ]);
      strictEqual(error, null);
    }
    const found = await offsets(admin, ["c", "a", "b"]);
    deepStrictEqual(found, [["c", 2], ["a", 0], ["b", 1]]);
    strictEqual(fake.broker(2).seen(apiKeys.OffsetFetch).length, 1);
    strictEqual(fake.broker(1).seen(apiKeys.OffsetFetch).length, 0);
  }));

Deno.test("a coordinator that loads is asked again, one that has moved is looked for", () =>
  withAdmin(async (admin, fake) => {
    const failing = (errorCode: number) => ({
      answer: () => ({ groups: [{ groupId: "a", topics: [], errorCode }] }),
    });
    fake.broker(2).script(
      apiKeys.OffsetFetch,
      failing(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
      failing(ErrorCode.NOT_COORDINATOR),
      "close",
    );
    deepStrictEqual(await offsets(admin, ["a"]), [["a", -1]]);
    strictEqual(fake.broker(2).seen(apiKeys.OffsetFetch).length, 4);
  }));

Deno.test("what lasts until the deadline is told by group", () =>
  withAdmin(async (admin, fake) => {
    fake.broker(2).script(
      apiKeys.OffsetFetch,
      ...Array.from({ length: 200 }, () => ({
        answer: () => ({
          groups: [{
            groupId: "a",
            topics: [],
            errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
          }],
        }),
      })),
    );
    const [[, message]] = await offsets(admin, ["a"]);
    strictEqual(String(message).startsWith("Group a: "), true, `${message}`);
  }));

Deno.test("brokers that know one group at a time are asked for each", () =>
  withAdmin(async (admin, fake) => {
    const place = { nodeId: 2, host: "broker2", port: 9092, errorCode: 0 };
    for (const broker of fake.brokers) {
      broker.ranges.set(apiKeys.FindCoordinator, [0, 3]);
      broker.ranges.set(apiKeys.OffsetFetch, [1, 7]);
      broker.script(
        apiKeys.FindCoordinator,
        ...Array.from({ length: 10 }, () => ({ answer: () => place })),
      );
    }
    fake.broker(2).script(
      apiKeys.OffsetFetch,
      ...[7, 8].map((committedOffset) => ({
        answer: () => ({
          topics: [{
            name: "t",
            partitions: [{
              partitionIndex: 0,
              committedOffset,
              metadata: "",
              errorCode: 0,
            }],
          }],
        }),
      })),
    );
    deepStrictEqual(await offsets(admin, ["a", "b"]), [["a", 7], ["b", 8]]);
  }));
