import { deepStrictEqual } from "node:assert/strict";
import { proposalOf } from "../proposal.ts";
import { Broadcast } from "./broadcast.ts";
import { QuorumConfig } from "./quorum_config.ts";

const config = QuorumConfig.parse(
  [1, 2, 3].map((id) => `server.${id}=s${id}:2888:3888`).join("\n"),
);

function proposal(zxid: bigint) {
  const context = { sessionId: 1n, cxid: 1, zxid, timeMs: 0 };
  return proposalOf(context, { kind: "error", err: -101 });
}

function broadcast(): { broadcast: Broadcast; committed: bigint[] } {
  const committed: bigint[] = [];
  return {
    committed,
    broadcast: new Broadcast({
      commit: ({ proposal }) => committed.push(proposal.context.zxid) > 0,
    }),
  };
}

Deno.test("Broadcast commits in order, whatever the order of acknowledgements", () => {
  const { broadcast: it, committed } = broadcast();
  for (const zxid of [1n, 2n, 3n]) it.propose(proposal(zxid), [config]);
  for (const zxid of [3n, 2n]) {
    it.ack(1, zxid);
    it.ack(2, zxid);
  }
  deepStrictEqual(committed, []);
  it.ack(3, 1n);
  it.ack(2, 1n);
  deepStrictEqual(committed, [1n, 2n, 3n]);
});

Deno.test("Broadcast.withdraw() forgets what a server had before it came anew", () => {
  const { broadcast: it, committed } = broadcast();
  it.propose(proposal(1n), [config]);
  it.ack(2, 1n);
  it.withdraw(2);
  it.ack(1, 1n);
  deepStrictEqual(committed, [], "server 2 may have taken it back");
  it.ack(2, 1n);
  deepStrictEqual(committed, [1n]);
});
