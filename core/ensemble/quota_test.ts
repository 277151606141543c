import { equal } from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import {
  addedTo,
  brokenLimit,
  countedBy,
  limitedBy,
  limitsPath,
  parseQuota,
  QuotaPaths,
  statsPath,
} from "./quota.ts";

Deno.test("limits and counts say whose they are", () => {
  equal(limitsPath("/a/b"), "/zookeeper/quota/a/b/zookeeper_limits");
  equal(limitedBy(limitsPath("/a/b")), "/a/b");
  equal(countedBy(statsPath("/a")), "/a");
  equal(limitedBy(statsPath("/a")), null);
  equal(limitedBy("/zookeeper/quota/zookeeper_limits"), null);
  equal(limitedBy("/a/zookeeper_limits"), null);
});

Deno.test("counts are kept in ZooKeeper's words", () => {
  const text = (data: string | null, count: number, bytes: number) =>
    decodeUtf8(
      addedTo(data === null ? null : encodeUtf8(data), count, bytes),
    );
  equal(text("count=2,bytes=10", 1, -3), "count=3,bytes=7");
  equal(text(null, 1, 5), "count=0,bytes=4");
  equal(
    text("count=1,bytes=2=;countHardLimit=9;byteHardLimit=8", 1, 1),
    "count=2,bytes=3=;byteHardLimit=8;countHardLimit=9",
  );
  equal(text("nonsense", 1, 1), "count=0,bytes=0");
});

Deno.test("only hard limits refuse, and only what adds", () => {
  const limits = encodeUtf8(
    "count=1,bytes=1=;byteHardLimit=10;countHardLimit=3",
  );
  const stats = encodeUtf8("count=3,bytes=10");
  equal(brokenLimit(limits, stats, { count: 0, bytes: -1 }), null);
  equal(
    brokenLimit(limits, stats, { count: 1, bytes: 0 }),
    "count 4, countHardLimit 3",
  );
  equal(
    brokenLimit(limits, stats, { count: 0, bytes: 1 }),
    "bytes 11, byteHardLimit 10",
  );
  const soft = encodeUtf8("count=1,bytes=1");
  equal(brokenLimit(soft, stats, { count: 5, bytes: 500 }), null);
  equal(brokenLimit(null, null, { count: 5, bytes: 500 }), null);
  equal(parseQuota(soft).get("count"), 1);
});

Deno.test("the nearest quota above a path counts", () => {
  const paths = new QuotaPaths();
  equal(paths.above("/a"), null);
  paths.add("/a");
  paths.add("/a/b");
  equal(paths.above("/a"), "/a");
  equal(paths.above("/a/b/c/d"), "/a/b");
  equal(paths.above("/ab"), null);
  paths.delete("/a/b");
  equal(paths.above("/a/b/c"), "/a");
  equal(paths.above("/"), null);
});
