import { deepEqual, equal } from "node:assert/strict";
import type { TreeEvent } from "./znode_tree.ts";
import { WatchTable } from "./watch_table.ts";

function event(type: TreeEvent["type"], path: string): TreeEvent {
  return { type, path, aclNumber: -1n };
}

function told(
  table: WatchTable<string>,
  type: TreeEvent["type"],
  path: string,
): string[] {
  return [...table.take(event(type, path))].sort();
}

Deno.test("a watch fires once, for what it is about", () => {
  const table = new WatchTable<string>();
  table.add("data", "/a", "d");
  table.add("child", "/a", "c");
  deepEqual(told(table, "childrenChanged", "/a"), ["c"]);
  deepEqual(told(table, "childrenChanged", "/a"), []);
  deepEqual(told(table, "dataChanged", "/a"), ["d"]);
  deepEqual(told(table, "dataChanged", "/a"), []);
  equal(table.count, 0);
  equal(table.pathCount, 0);
});

Deno.test("a client that watches a znode in two ways hears of its end once", () => {
  const table = new WatchTable<string>();
  table.add("data", "/a", "both");
  table.add("child", "/a", "both");
  table.add("child", "/a", "one");
  deepEqual(told(table, "deleted", "/a"), ["both", "one"]);
  equal(table.count, 0);
});

Deno.test("a persistent watch stays, a recursive one sees all that is below", () => {
  const table = new WatchTable<string>();
  table.addLasting("/a", "p", "persistent");
  table.addLasting("/a", "r", "recursive");
  for (let round = 0; round < 2; round++) {
    deepEqual(told(table, "dataChanged", "/a"), ["p", "r"]);
    deepEqual(told(table, "childrenChanged", "/a"), ["p"]);
    deepEqual(told(table, "created", "/a/b"), ["r"]);
    deepEqual(told(table, "deleted", "/a/b/c"), ["r"]);
    deepEqual(told(table, "created", "/ab"), []);
  }
});

Deno.test("a recursive watch on the root sees everything", () => {
  const table = new WatchTable<string>();
  table.addLasting("/", "r", "recursive");
  deepEqual(told(table, "created", "/a/b"), ["r"]);
  deepEqual(told(table, "dataChanged", "/"), ["r"]);
});

Deno.test("a watch that fires once takes nothing from one that stays", () => {
  const table = new WatchTable<string>();
  table.addLasting("/a", "w", "recursive");
  table.add("child", "/a", "w");
  // Of changed children only the one that fires once hears.
  deepEqual(told(table, "childrenChanged", "/a"), ["w"]);
  deepEqual(told(table, "childrenChanged", "/a"), []);
  deepEqual(told(table, "created", "/a/b"), ["w"]);
  table.addLasting("/p", "w", "persistent");
  table.add("data", "/p", "w");
  deepEqual(told(table, "dataChanged", "/p"), ["w"]);
  deepEqual(told(table, "dataChanged", "/p"), ["w"]);
});

Deno.test("of two that stay at one path the newest counts", () => {
  const table = new WatchTable<string>();
  table.addLasting("/a", "w", "recursive");
  table.addLasting("/a", "w", "persistent");
  deepEqual(told(table, "created", "/a/b"), []);
  deepEqual(told(table, "childrenChanged", "/a"), ["w"]);
  table.addLasting("/a", "w", "recursive");
  deepEqual(told(table, "created", "/a/b"), ["w"]);
  deepEqual(told(table, "childrenChanged", "/a"), []);
});

Deno.test("watches are found and removed by what they are about", () => {
  const table = new WatchTable<string>();
  table.addLasting("/a", "w", "persistent");
  equal(table.has("child", "/a", "w"), true);
  equal(table.has("data", "/a", "w"), true);
  equal(table.has("any", "/a", "other"), false);
  equal(table.remove("child", "/a", "w"), true);
  equal(table.remove("child", "/a", "w"), false);
  equal(table.has("any", "/a", "w"), true);
  equal(table.remove("any", "/a", "w"), true);
  equal(table.has("any", "/a", "w"), false);
});

Deno.test("a client that is gone is forgotten, its recursive watches too", () => {
  const table = new WatchTable<string>();
  table.add("data", "/a", "w");
  table.addLasting("/b", "w", "recursive");
  table.add("data", "/a", "stays");
  table.forget("w");
  deepEqual(told(table, "dataChanged", "/a"), ["stays"]);
  deepEqual(told(table, "created", "/b/c"), []);
  equal(table.count, 0);
});

Deno.test("WatchTable.take() gives each watcher once, in order, and forgets it", () => {
  const watches = new WatchTable<string>();
  watches.add("data", "/a", "x");
  watches.add("data", "/a", "y");
  watches.add("data", "/a", "x");
  watches.add("child", "/a", "x");
  equal(watches.count, 3);
  deepEqual([...watches.take({ type: "dataChanged", path: "/a" })], ["x", "y"]);
  deepEqual([...watches.take({ type: "dataChanged", path: "/a" })], []);
  deepEqual([...watches.take({ type: "childrenChanged", path: "/b" })], []);
  deepEqual([...watches.take({ type: "childrenChanged", path: "/a" })], ["x"]);
  equal(watches.count, 0);
});

Deno.test("WatchTable.take() tells of a deletion once to who watches both ways", () => {
  const watches = new WatchTable<string>();
  watches.add("child", "/a", "y");
  watches.add("data", "/a", "x");
  watches.add("child", "/a", "x");
  deepEqual([...watches.take({ type: "deleted", path: "/a" })], ["x", "y"]);
  equal(watches.count, 0);
});

Deno.test("WatchTable.forgetWhere() forgets whom it is told to", () => {
  const watches = new WatchTable<string>();
  watches.add("data", "/a", "x");
  watches.add("child", "/b", "x");
  watches.add("data", "/a", "y");
  watches.forgetWhere((watcher) => watcher === "x");
  equal(watches.count, 1);
  deepEqual([...watches.take({ type: "created", path: "/a" })], ["y"]);
});
