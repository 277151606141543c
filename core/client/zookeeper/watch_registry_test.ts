import { deepEqual, equal, ok } from "node:assert/strict";
import { type WatchEvent, WatchRegistry } from "./watch_registry.ts";

function told(watches: WatchRegistry, type: WatchEvent["type"], path: string) {
  return watches.take({ type, path }).size;
}

Deno.test("an event ends the one-shot watches that it is for, and no others", () => {
  const watches = new WatchRegistry();
  const run = () => {};
  watches.add("data", "/a", run);
  watches.add("child", "/a", run);
  equal(told(watches, "childrenChanged", "/b"), 0);
  equal(told(watches, "childrenChanged", "/a"), 1);
  equal(told(watches, "childrenChanged", "/a"), 0);
  equal(told(watches, "dataChanged", "/a"), 1);
  watches.add("data", "/a", run);
  watches.add("child", "/a", run);
  // A deletion is for both, and told once.
  equal(told(watches, "deleted", "/a"), 1);
  watches.add("exist", "/new", run);
  equal(told(watches, "created", "/new"), 1);
  equal(told(watches, "created", "/new"), 0);
});

Deno.test("lasting watches stay; recursive ones hear of all below, save of lists of children", () => {
  const watches = new WatchRegistry();
  const run = () => {}, other = () => {};
  watches.add("persistent", "/a", run);
  watches.add("recursive", "/a", other);
  for (let round = 0; round < 2; round++) {
    equal(told(watches, "dataChanged", "/a"), 2);
    equal(told(watches, "childrenChanged", "/a"), 1);
    equal(told(watches, "created", "/a/b/c"), 1);
    equal(told(watches, "created", "/ab"), 0);
  }
  watches.add("recursive", "/", run);
  equal(told(watches, "deleted", "/x"), 1);
  equal(watches.remove("recursive", "/a", other), true);
  equal(watches.remove("recursive", "/a", other), false);
  equal(told(watches, "created", "/a/b"), 1);
});

Deno.test("portions hold every path once, and no more bytes than a server takes", () => {
  const watches = new WatchRegistry();
  const run = () => {};
  const expected = new Set<string>();
  for (const kind of ["data", "exist", "child", "recursive"] as const) {
    for (let index = 0; index < 1000; index++) {
      const path = `/${"é".repeat(100)}${index}`;
      watches.add(kind, path, run);
      expected.add(`${kind} ${path}`);
    }
  }
  const found: string[] = [];
  for (const portion of watches.portions()) {
    const paths = Object.entries(portion).flatMap(([kind, paths]) =>
      paths.map((path) => `${kind} ${path}`)
    );
    const sizeBytes = Object.values(portion).flat()
      .reduce(
        (sum, path) => sum + 4 + new TextEncoder().encode(path).length,
        0,
      );
    ok(sizeBytes <= 128 * 1024);
    found.push(...paths);
  }
  deepEqual(new Set(found), expected);
  equal(found.length, expected.size);
  watches.clear();
  equal([...watches.portions()].length, 0);
});
