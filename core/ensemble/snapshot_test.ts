import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import type { Acl } from "../wire/zookeeper/records.ts";
import { OPEN_ACL } from "./acl_cache.ts";
import { Decider, type WriteRequest } from "./decide.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import type { Txn, TxnContext } from "./txn.ts";
import { ZnodeTree } from "./znode_tree.ts";

const SESSION = 7n;

/** A tree with the log of how it came to be. */
class Recorded {
  readonly tree = ZnodeTree.initial();
  readonly log: { context: TxnContext; txn: Txn }[] = [];
  readonly #decider = new Decider(this.tree);

  do(request: WriteRequest): void {
    const zxid = this.tree.lastZxid + 1n;
    const context = { sessionId: SESSION, cxid: 0, zxid, timeMs: Number(zxid) };
    const txn = this.#decider.decide(request, context);
    this.tree.apply(context, txn);
    this.#decider.applied(zxid);
    this.log.push({ context, txn });
  }
}

function create(path: string, acl: readonly Acl[] = OPEN_ACL): WriteRequest {
  const data = new TextEncoder().encode(path);
  return { kind: "create", path, data, acl, mode: "persistent" };
}

function contentsOf(tree: ZnodeTree): unknown[] {
  const rows: unknown[] = [[...tree.sessions]];
  const walk = (path: string) => {
    const node = tree.get(path)!;
    rows.push([
      path,
      tree.stat(path),
      node.data,
      tree.acls.listOf(node.aclNumber),
    ]);
    for (const name of [...node.children ?? []].sort()) {
      walk(path === "/" ? `/${name}` : `${path}/${name}`);
    }
  };
  walk("/");
  return rows;
}

const secret = (user: string): Acl[] => [
  { perms: 31, id: { scheme: "digest", id: `${user}:xyz` } },
];

Deno.test("a snapshot written while transactions go on is made whole by their replay", () => {
  const recorded = new Recorded();
  recorded.do({ kind: "createSession", timeoutMs: 5 });
  for (let parent = 0; parent < 3; parent++) {
    recorded.do(create(`/p${parent}`));
    for (let i = 0; i < 500; i++) recorded.do(create(`/p${parent}/${i}`));
  }
  const startZxid = recorded.tree.lastZxid;
  const meanwhile: WriteRequest[][] = [
    [
      { kind: "delete", path: "/p0/3", version: -1 },
      { kind: "delete", path: "/p1/3", version: -1 },
      { kind: "delete", path: "/p2/3", version: -1 },
      create("/p0/3"),
      create("/p1/3"),
      create("/p2/3"),
      { kind: "set", path: "/p0/4", data: null, version: 0 },
      { kind: "set", path: "/p2/4", data: null, version: 0 },
    ],
    [
      create("/new", secret("a")),
      create("/new/below"),
      { kind: "setAcl", path: "/p0/5", acl: secret("b"), version: -1 },
      { kind: "setAcl", path: "/p2/5", acl: secret("b"), version: -1 },
      { kind: "delete", path: "/p0/6", version: -1 },
      { kind: "delete", path: "/p2/6", version: -1 },
      {
        kind: "create",
        path: "/p1/e",
        data: null,
        acl: OPEN_ACL,
        mode: "ephemeral",
      },
      { kind: "closeSession" },
      { kind: "createSession", timeoutMs: 9 },
    ],
  ];
  const parts: Uint8Array[] = [];
  for (const part of encodeSnapshot(recorded.tree)) {
    parts.push(part.slice());
    for (const request of meanwhile.shift() ?? []) recorded.do(request);
  }
  equal(meanwhile.length, 0);
  const { tree, digest } = decodeSnapshot(concatBytes(parts), startZxid);
  for (const { context, txn } of recorded.log) {
    if (context.zxid > startZxid) tree.apply(context, txn);
    if (context.zxid === digest?.zxid) equal(tree.digest, digest.digest);
  }
  equal(tree.digest, recorded.tree.digest);
  deepEqual(contentsOf(tree), contentsOf(recorded.tree));
});

Deno.test("decodeSnapshot() refuses a file with any byte changed or cut off", () => {
  const recorded = new Recorded();
  recorded.do({ kind: "createSession", timeoutMs: 5 });
  recorded.do(create("/a", secret("x")));
  recorded.do(create("/a/b"));
  const whole = concatBytes([...encodeSnapshot(recorded.tree)]);
  const { lastZxid } = recorded.tree;
  equal(decodeSnapshot(whole, lastZxid).tree.digest, recorded.tree.digest);
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at] ^= 1;
    throws(
      () => decodeSnapshot(changed, lastZxid),
      { name: "DecodeError" },
      `${at}`,
    );
  }
  // A file from before digests ends after the first seal.
  const withoutDigest = whole.length - (8 + 4 + 8) - (8 + 5);
  equal(
    decodeSnapshot(whole.subarray(0, withoutDigest), lastZxid).digest,
    null,
  );
  for (let size = 0; size < whole.length; size++) {
    if (size === withoutDigest) continue;
    const cut = whole.subarray(0, size);
    throws(
      () => decodeSnapshot(cut, lastZxid),
      { name: "DecodeError" },
      `${size}`,
    );
  }
});

const paths = fc.constantFrom("/a", "/b", "/a/x", "/a/y", "/b/z");
const versions = fc.constantFrom(-1, 0, 1);
const step = fc.oneof(
  fc.record({
    kind: fc.constant("create" as const),
    path: paths,
    data: fc.constant(null),
    acl: fc.constant(OPEN_ACL),
    mode: fc.constantFrom(
      "persistent" as const,
      "ephemeral" as const,
      "persistentSequential" as const,
    ),
  }),
  fc.record({
    kind: fc.constant("delete" as const),
    path: paths,
    version: versions,
  }),
  fc.record({
    kind: fc.constant("set" as const),
    path: paths,
    data: fc.constant(null),
    version: versions,
  }),
  fc.record({
    kind: fc.constant("check" as const),
    path: paths,
    version: versions,
  }),
);
const request: fc.Arbitrary<WriteRequest> = fc.oneof(
  { weight: 8, arbitrary: step },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("multi" as const),
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "closeSession" as const }) },
  {
    weight: 2,
    arbitrary: fc.constant({ kind: "createSession" as const, timeoutMs: 1 }),
  },
);

Deno.test("decisions do not depend on how many transactions are still on their way", () => {
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 40 }),
      fc.nat(7),
      (requests, lag) => {
        const [prompt, late] = [
          decideAll(requests, 0),
          decideAll(requests, lag),
        ];
        deepEqual(late.outcomes, prompt.outcomes);
        deepEqual(contentsOf(late.tree), contentsOf(prompt.tree));
      },
    ),
    { numRuns: 600 },
  );
});

/** Decides all requests, each while up to `lag` transactions are not applied yet. */
function decideAll(requests: readonly WriteRequest[], lag: number) {
  const tree = ZnodeTree.initial();
  const decider = new Decider(tree);
  const waiting: { context: TxnContext; txn: Txn }[] = [];
  const outcomes: string[] = [];
  const applyFirst = () => {
    const { context, txn } = waiting.shift()!;
    for (const { error, path } of tree.apply(context, txn).steps) {
      equal(error, null, `${txn.kind} ${path}`);
    }
    decider.applied(context.zxid);
  };
  let zxid = 1n;
  for (
    const each of [
      { kind: "createSession", timeoutMs: 1 } as const,
      ...requests,
    ]
  ) {
    const context = { sessionId: SESSION, cxid: 0, zxid, timeMs: 5 };
    // A session is made anew only when its end has been applied, as its id is new.
    if (each.kind === "createSession") {
      while (waiting.length > 0) applyFirst();
    }
    try {
      const txn = decider.decide(each, context);
      waiting.push({ context, txn });
      outcomes.push(
        JSON.stringify(txn, (_, v) => typeof v === "bigint" ? `${v}` : v),
      );
      zxid++;
      if (each.kind === "createSession") applyFirst();
    } catch (error) {
      outcomes.push(String(error));
    }
    while (waiting.length > lag) applyFirst();
  }
  while (waiting.length > 0) applyFirst();
  return { tree, outcomes };
}
