import { deepEqual, equal } from "node:assert/strict";
import { Watches } from "./watches.ts";

Deno.test("Watches.take() gives each watcher once, in order, and forgets it", () => {
  const watches = new Watches<string>();
  watches.add("data", "/a", "x");
  watches.add("data", "/a", "y");
  watches.add("data", "/a", "x");
  watches.add("child", "/a", "x");
  equal(watches.count, 3);
  deepEqual(watches.take({ type: "dataChanged", path: "/a" }), ["x", "y"]);
  deepEqual(watches.take({ type: "dataChanged", path: "/a" }), []);
  deepEqual(watches.take({ type: "childrenChanged", path: "/b" }), []);
  deepEqual(watches.take({ type: "childrenChanged", path: "/a" }), ["x"]);
  equal(watches.count, 0);
});

Deno.test("Watches.take() tells of a deletion once to who watches both ways", () => {
  const watches = new Watches<string>();
  watches.add("child", "/a", "y");
  watches.add("data", "/a", "x");
  watches.add("child", "/a", "x");
  deepEqual(watches.take({ type: "deleted", path: "/a" }), ["x", "y"]);
  equal(watches.count, 0);
});

Deno.test("Watches.removeWhere() forgets whom it is told to", () => {
  const watches = new Watches<string>();
  watches.add("data", "/a", "x");
  watches.add("child", "/b", "x");
  watches.add("data", "/a", "y");
  watches.removeWhere((watcher) => watcher === "x");
  equal(watches.count, 1);
  deepEqual(watches.take({ type: "created", path: "/a" }), ["y"]);
});
