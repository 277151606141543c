import { equal } from "node:assert/strict";
import { buildInfo } from "./build_info.ts";

Deno.test("buildInfo() tells what the bundle was marked with, else source", () => {
  const marked = globalThis as { KQ_BUILD?: unknown };
  equal(buildInfo().kind, "source");
  marked.KQ_BUILD = { kind: "deno compile", commit: "abc1234" };
  try {
    const { kind, commit } = buildInfo();
    equal(`${kind} ${commit}`, "deno compile abc1234");
  } finally {
    delete marked.KQ_BUILD;
  }
});
