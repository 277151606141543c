import { deepEqual, equal } from "node:assert/strict";
import { History } from "./history.ts";
import { type Proposal, proposalOf } from "./proposal.ts";

function proposal(zxid: bigint, size = 10): Proposal {
  const context = { sessionId: 1n, cxid: 0, zxid, timeMs: 0 };
  const data = new Uint8Array(size);
  return proposalOf(context, { kind: "setData", path: "/a", data, version: 1 });
}

function zxids(history: History, since: bigint): bigint[] | null {
  const found = history.since(since);
  return found === null
    ? null
    : found.proposals.map(({ context }) => context.zxid);
}

Deno.test("it gives what somebody lacks, from the last that both have", () => {
  const history = new History({ countMax: 10, bytesMax: 10_000 }, 5n);
  equal(history.lastZxid, 5n);
  for (const zxid of [6n, 7n, 9n]) history.add(proposal(zxid));
  equal(history.lastZxid, 9n);
  deepEqual(zxids(history, 5n), [6n, 7n, 9n]);
  deepEqual(zxids(history, 7n), [9n]);
  deepEqual(zxids(history, 9n), []);
  deepEqual(zxids(history, 4n), null);
  // Who has more than the last one that both have must drop it.
  equal(history.since(8n)?.commonZxid, 7n);
  deepEqual(zxids(history, 8n), [9n]);
  equal(history.since(99n)?.commonZxid, 9n);
});

Deno.test("it keeps so many, and so many bytes, and knows where it begins", () => {
  const few = new History({ countMax: 3, bytesMax: 1_000_000 }, 0n);
  for (let zxid = 1n; zxid <= 100n; zxid++) few.add(proposal(zxid));
  const kept = zxids(few, 97n)!;
  deepEqual(kept, [98n, 99n, 100n]);
  equal(few.since(1n), null);
  const small = new History({ countMax: 1000, bytesMax: 500 }, 0n);
  for (let zxid = 1n; zxid <= 20n; zxid++) small.add(proposal(zxid, 200));
  equal(small.since(1n), null);
  deepEqual(zxids(small, 19n), [20n]);
});

Deno.test("it starts anew", () => {
  const history = new History({ countMax: 3, bytesMax: 1000 }, 0n);
  history.add(proposal(1n));
  history.reset(50n);
  equal(history.lastZxid, 50n);
  equal(history.since(1n), null);
  deepEqual(zxids(history, 50n), []);
});
