// What clients say to a ZooKeeper server, so that the answers of two servers can
// be laid side by side: each operation with what it does, what it refuses and in
// which order, and who hears of it.
//
// The scenarios of one list run on one server, one after another; each keeps to
// znodes of its own.

import type { Dialogue } from "./zookeeper_dialogue.ts";
import { WRONG_PASSWORD } from "./zookeeper_dialogue.ts";
import type { Asked, Operation, Step } from "./zookeeper_asked.ts";

/** What one scenario says. */
export type Scenario = (dialogue: Dialogue) => Promise<void>;

const BOB = "digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=:31"; // bob:secret
const BOB_READS = "digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=:1";
/** A name that is longer than any that somebody chose. */
const LONG = "x".repeat(1000);

async function each(
  dialogue: Dialogue,
  name: string,
  asked: readonly (readonly [Operation, Asked[Operation]])[],
): Promise<void> {
  for (const [operation, value] of asked) {
    await dialogue.ask(name, operation, value);
  }
}

/** Scenarios by name, for a server with its default settings. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  async "every create mode"(d) {
    await d.connect("a");
    await each(d, "a", [
      ["create", { path: "/modes", data: "data" }],
      ["create", { path: "/modes", data: "again" }],
      ["create", { path: "/modes/e", flags: 1 }],
      ["create", { path: "/modes/s-", flags: 2 }],
      ["create", { path: "/modes/s-", flags: 3 }],
      ["create", { path: "/modes/", flags: 2 }],
      ["create2", { path: "/modes/2", data: "two" }],
      ["create2", { path: "/modes/2e", flags: 1 }],
      ["create2", { path: "/modes/2s", flags: 2 }],
      ["create2", { path: "/modes/2es", flags: 3 }],
      ["createContainer", { path: "/modes/c", flags: 4 }],
      ["create", { path: "/modes/c1", flags: 4 }],
      ["create2", { path: "/modes/c2", flags: 4 }],
      ["createContainer", { path: "/modes/c0", flags: 0 }],
      ["createContainer", { path: "/modes/ce", flags: 1 }],
      ["createContainer", { path: "/modes/cs", flags: 2 }],
      ["createContainer", { path: "/modes/c/child", flags: 4 }],
      ["createTtl", { path: "/modes/t", flags: 5, ttlMs: 10_000n }],
      ["createTtl", { path: "/modes/t", flags: 6, ttlMs: 10_000n }],
      ["createTtl", { path: "/modes/t", flags: 0, ttlMs: 10_000n }],
      ["create", { path: "/modes/t5", flags: 5 }],
      ["create2", { path: "/modes/t6", flags: 6 }],
      ["create", { path: "/modes/odd", flags: 7 }],
      ["create", { path: "/modes/odd", flags: 99 }],
      ["create", { path: "/modes/odd", flags: -1 }],
      ["create", { path: "/modes/e/child" }],
      ["create", { path: "/modes/e/child-", flags: 2 }],
      ["create", { path: "/modes/absent/child" }],
      ["create", { path: "/modes/null", data: null }],
      ["getData", { path: "/modes/null" }],
      ["create", { path: "/modes/empty", data: "" }],
      ["getData", { path: "/modes/empty" }],
      ["getChildren", { path: "/modes" }],
      ["getChildren2", { path: "/modes" }],
      ["getData", { path: "/modes" }],
      ["exists", { path: "/modes/e" }],
      ["exists", { path: "/modes/c" }],
      ["exists", { path: "/modes/c1" }],
      ["exists", { path: "/modes/c0" }],
      ["getEphemerals", { path: "/" }],
      ["getEphemerals", { path: "/modes/2" }],
      ["getEphemerals", { path: "/other" }],
      ["getEphemerals", { path: "" }],
      ["getAllChildrenNumber", { path: "/modes" }],
      ["getAllChildrenNumber", { path: "/modes/2" }],
      ["getAllChildrenNumber", { path: "/absent" }],
      ["getAllChildrenNumber", { path: "/" }],
    ]);
  },

  async "versions and counters"(d) {
    await d.connect("a");
    await each(d, "a", [
      ["create", { path: "/versions", data: "0" }],
      ["setData", { path: "/versions", data: "one", version: 0 }],
      ["setData", { path: "/versions", data: "two", version: 0 }],
      ["setData", { path: "/versions", data: "two", version: -1 }],
      ["setData", { path: "/versions", data: "x", version: -2 }],
      ["setData", { path: "/versions", data: null, version: 2 }],
      ["getData", { path: "/versions" }],
      ["setData", { path: "/absent", data: "x" }],
      ["delete", { path: "/versions", version: 0 }],
      ["create", { path: "/versions/a" }],
      ["create", { path: "/versions/b" }],
      ["exists", { path: "/versions" }],
      ["delete", { path: "/versions", version: 3 }],
      ["delete", { path: "/versions/a", version: 1 }],
      ["delete", { path: "/versions/a", version: 0 }],
      ["exists", { path: "/versions" }],
      ["create", { path: "/versions/s", flags: 2 }],
      ["delete", { path: "/versions/b" }],
      ["create", { path: "/versions/s", flags: 2 }],
      ["exists", { path: "/versions" }],
      ["delete", { path: "/versions/absent" }],
      ["delete", { path: "/absent/absent" }],
      ["delete", { path: "/versions" }],
      ["setAcl", { path: "/versions", acl: "world:anyone:31", version: 0 }],
      ["setAcl", { path: "/versions", acl: "world:anyone:31", version: 0 }],
      ["getAcl", { path: "/versions" }],
      ["getAcl", { path: "/absent" }],
      ["setAcl", { path: "/absent", acl: "world:anyone:31" }],
      ["sync", { path: "/versions" }],
      ["sync", { path: "/absent" }],
      ["sync", { path: "not a path" }],
    ]);
  },

  async "paths that are none"(d) {
    await d.connect("a");
    const paths = [
      ...["", "a", "a/b", "/a/", "//", "/a//b", "/.", "/..", "/a/./b"],
      ...["/a/../b", "/a/.b", "/a/b.", "/a\u0000b", "/a\u0001", "/a\u001f"],
      ...["/a\u007f", "/a\u009f", "/a\u00a0", "/a\ue000", "/a\uf8ff"],
      ...["/a\ufff0", "/a\uffff", "/\u{1f600}", "/a b", "/a\tb", "/", "/é"],
      ...[`/${LONG}`, "/zookeeper/own"],
    ];
    for (const path of paths) {
      await each(d, "a", [
        ["create", { path }],
        ["create", { path, flags: 2 }],
        ["setData", { path, data: "x" }],
        ["setAcl", { path, acl: "world:anyone:31" }],
        ["exists", { path }],
        ["getData", { path }],
        ["getChildren", { path }],
        ["getChildren2", { path }],
        ["getAcl", { path }],
        ["getEphemerals", { path }],
        ["addWatch", { path, mode: 0 }],
        ["delete", { path }],
        ["deleteContainer", { path }],
        ["multi", { steps: [["check", { path }]] }],
      ]);
    }
  },

  async "what belongs to the server"(d) {
    await d.connect("a");
    await each(d, "a", [
      ["getChildren2", { path: "/zookeeper" }],
      ["getChildren2", { path: "/zookeeper/quota" }],
      ["getAcl", { path: "/zookeeper/config" }],
      ["setData", { path: "/zookeeper/config", data: "mine" }],
      ["getData", { path: "/zookeeper/quota" }],
      ["setData", { path: "/zookeeper/quota", data: "x" }],
      ["create", { path: "/zookeeper/more" }],
      ["setData", { path: "/zookeeper", data: "x" }],
      ["delete", { path: "/zookeeper/more" }],
      ["delete", { path: "/zookeeper/config" }],
      ["delete", { path: "/zookeeper/quota" }],
      ["delete", { path: "/zookeeper" }],
      ["delete", { path: "/" }],
      ["setData", { path: "/", data: "root" }],
      ["setData", { path: "/", data: "" }],
      ["getAcl", { path: "/" }],
      ["setAcl", { path: "/", acl: "world:anyone:31" }],
      ["reconfig", { joining: "server.9=127.0.0.1:1:2;3" }],
      ["reconfig", { leaving: "1" }],
      ["deleteContainer", { path: "/zookeeper" }],
    ]);
  },

  async "access control lists"(d) {
    await d.connect("a");
    await d.connect("b");
    const ip = "ip:127.0.0.1:31";
    const lists = [
      ...[
        "",
        "world:anyone:0",
        "world:anyone:1 world:anyone:1",
        "world:nobody:31",
      ],
      ...["auth::31", "digest:bob:31", "digest:a:b:c:31", "digest::31", BOB],
      ...[ip, "ip:127.0.0.0/8:31", "ip:10.0.0.0/8:31", "ip:127.0.0.1/33:31"],
      ...["ip:nonsense:31", "ip:127.0.0:31", "ip:1.2.3.4.5:31"],
      ...["sasl:bob:31", "x509:CN=bob:31", "super::31", "super:x:31"],
      ...["nothing:x:31", `${BOB} world:anyone:1`, `world:anyone:1 ${BOB}`],
      ...["world:anyone:64", "world:anyone:-1"],
    ];
    for (const [index, acl] of lists.entries()) {
      const path = `/acl${index}`;
      await each(d, "a", [
        ["create", { path, acl, data: "secret" }],
        ["getAcl", { path }],
        ["getData", { path }],
        ["exists", { path }],
        ["getChildren", { path }],
        ["getAllChildrenNumber", { path }],
        ["setData", { path, data: "x" }],
        ["create", { path: `${path}/child` }],
        ["delete", { path: `${path}/child` }],
        ["setAcl", { path, acl: "world:anyone:31" }],
        ["multi", { steps: [["check", { path, version: 1 }]] }],
      ]);
    }
    await each(d, "b", [
      ["whoAmI", {}],
      ["create", { path: "/aclb", acl: BOB_READS }],
      ["getAcl", { path: "/aclb" }],
      ["auth", { scheme: "digest", auth: "bob:secret" }],
      ["whoAmI", {}],
      ["getAcl", { path: "/aclb" }],
      ["getData", { path: "/aclb" }],
      ["setData", { path: "/aclb", data: "x" }],
      ["setAcl", { path: "/aclb", acl: "auth::31" }],
      ["auth", { scheme: "digest", auth: "ann:secret" }],
      ["auth", { scheme: "digest", auth: "bob:secret" }],
      ["auth", { scheme: "digest", auth: "nocolon" }],
      ["auth", { scheme: "digest", auth: "more:than:one" }],
      ["auth", { scheme: "ip", auth: "127.0.0.1" }],
      ["whoAmI", {}],
    ]);
    await d.connect("c");
    await each(d, "c", [
      ["auth", { scheme: "digest", auth: "bob:secret" }],
      ["create", { path: "/aclauth", acl: "auth::31" }],
      ["getAcl", { path: "/aclauth" }],
      ["create", { path: "/aclauth2", acl: "auth:whoever:1 auth::1" }],
      ["getAcl", { path: "/aclauth2" }],
      ["delete", { path: "/aclb" }],
    ]);
    await each(d, "a", [
      ["getAcl", { path: "/aclauth" }],
      ["getData", { path: "/aclauth" }],
      ["setAcl", { path: "/aclauth", acl: "world:anyone:31" }],
      ["delete", { path: "/aclauth" }],
    ]);
    for (const scheme of ["nothing", "x509", "world", "super", "auth"]) {
      await d.connect(`with ${scheme}`);
      const auth = "bob:secret";
      await d.askLast(`with ${scheme}`, "auth", { scheme, auth });
    }
  },

  async "watches that fire once"(d) {
    await d.connect("a");
    await d.connect("b");
    await each(d, "b", [
      ["exists", { path: "/once", watch: true }],
      ["getData", { path: "/once", watch: true }],
      ["getChildren", { path: "/once", watch: true }],
    ]);
    await each(d, "a", [
      ["create", { path: "/once" }],
      ["setData", { path: "/once", data: "1" }],
    ]);
    await each(d, "b", [
      ["exists", { path: "/once", watch: true }],
      ["exists", { path: "/once", watch: true }],
      ["getData", { path: "/once", watch: true }],
      ["getChildren", { path: "/once", watch: true }],
      ["getChildren2", { path: "/once", watch: true }],
    ]);
    await each(d, "a", [
      ["setData", { path: "/once", data: "2" }],
      ["setData", { path: "/once", data: "3" }],
      ["create", { path: "/once/a" }],
      ["create", { path: "/once/b" }],
      ["delete", { path: "/once/b" }],
    ]);
    await each(d, "b", [
      ["exists", { path: "/once", watch: true }],
      ["getChildren", { path: "/once", watch: true }],
      ["getChildren", { path: "/once/a", watch: true }],
      ["getData", { path: "/once/a", watch: true }],
      ["exists", { path: "/once/c", watch: true }],
    ]);
    await each(d, "a", [
      ["setAcl", { path: "/once/a", acl: "world:anyone:31" }],
      ["delete", { path: "/once/a" }],
      ["delete", { path: "/once" }],
      ["create", { path: "/once" }],
      ["create", { path: "/once/c", flags: 1 }],
    ]);
    await each(d, "b", [
      ["getData", { path: "/once/c", watch: true }],
      ["getChildren", { path: "/once", watch: true }],
      // One's own watches, too.
      ["setData", { path: "/once/c", data: "own" }],
    ]);
    await d.ask("b", "getData", { path: "/once/c", watch: true });
    await d.askLast("a", "closeSession", {});
    await d.settle();
    await d.ask("b", "getChildren2", { path: "/once" });
  },

  async "watches behind access control"(d) {
    await d.connect("a");
    await d.connect("b");
    await d.ask("b", "auth", { scheme: "digest", auth: "bob:secret" });
    await each(d, "a", [
      ["create", { path: "/hidden" }],
      ["addWatch", { path: "/hidden", mode: 1 }],
      ["addWatch", { path: "/hidden/bob", mode: 0 }],
      ["exists", { path: "/hidden/bob", watch: true }],
    ]);
    await each(d, "b", [
      ["create", { path: "/hidden/bob", acl: "auth::31" }],
      ["setData", { path: "/hidden/bob", data: "x" }],
      ["create", { path: "/hidden/bob/child", acl: "auth::31" }],
      ["create", { path: "/hidden/all" }],
      ["delete", { path: "/hidden/bob/child" }],
    ]);
    await each(d, "a", [
      ["exists", { path: "/hidden/bob", watch: true }],
      ["getData", { path: "/hidden/bob", watch: true }],
      ["getChildren", { path: "/hidden/bob", watch: true }],
    ]);
    await each(d, "b", [
      ["setAcl", { path: "/hidden/bob", acl: "world:anyone:31" }],
      ["setData", { path: "/hidden/bob", data: "y" }],
      ["delete", { path: "/hidden/bob" }],
    ]);
  },

  async "watches that stay"(d) {
    await d.connect("a");
    await d.connect("b");
    await each(d, "b", [
      ["addWatch", { path: "/stay", mode: 0 }],
      ["addWatch", { path: "/stay2", mode: 1 }],
      ["addWatch", { path: "/stay2", mode: 2 }],
      ["addWatch", { path: "/stay2", mode: -1 }],
      ["addWatch", { path: "/stay/both", mode: 1 }],
    ]);
    for (const top of ["/stay", "/stay2"]) {
      await each(d, "a", [
        ["create", { path: top }],
        ["setData", { path: top, data: "1" }],
        ["setData", { path: top, data: "2" }],
        ["create", { path: `${top}/both` }],
        ["create", { path: `${top}/both/deep` }],
        ["setData", { path: `${top}/both/deep`, data: "x" }],
        ["delete", { path: `${top}/both/deep` }],
        ["delete", { path: `${top}/both` }],
        ["delete", { path: top }],
        ["create", { path: top }],
      ]);
    }
    await each(d, "a", [
      ["setData", { path: "/stay", data: "1" }],
      ["setData", { path: "/stay", data: "2" }],
      ["create", { path: "/stay/x" }],
      ["create", { path: "/stay/y" }],
      ["setData", { path: "/stay2", data: "1" }],
      ["setData", { path: "/stay2", data: "2" }],
      ["create", { path: "/stay2/x" }],
      ["create", { path: "/stay2/y" }],
    ]);
    await d.ask("b", "addWatch", { path: "/", mode: 1 });
    await each(d, "a", [
      ["create", { path: "/stay/z" }],
      ["multi", {
        steps: [
          ["create", { path: "/stay/m" }],
          ["setData", { path: "/stay/m", data: "m" }],
          ["delete", { path: "/stay/m" }],
        ],
      }],
    ]);
    // Another mode over the first one.
    await each(d, "b", [
      ["removeWatches", { path: "/", type: 3 }],
      ["addWatch", { path: "/stay", mode: 1 }],
    ]);
    await each(d, "a", [
      ["create", { path: "/stay/q" }],
      ["setData", { path: "/stay/q", data: "q" }],
      ["delete", { path: "/stay/q" }],
    ]);
    await d.ask("b", "addWatch", { path: "/stay", mode: 0 });
    await each(d, "a", [
      ["create", { path: "/stay/q" }],
      ["delete", { path: "/stay/q" }],
      ["setData", { path: "/stay", data: "q" }],
    ]);
  },

  async "checking and removing watches"(d) {
    await d.connect("a");
    await d.connect("b");
    await d.ask("a", "create", { path: "/rm" });
    for (const type of [0, 1, 2, 3, 4, -1]) {
      await each(d, "b", [
        ["checkWatches", { path: "/rm", type }],
        ["removeWatches", { path: "/rm", type }],
      ]);
    }
    for (const type of [1, 2, 3]) {
      for (
        const set of [
          ["getData", { path: "/rm", watch: true }],
          ["getChildren", { path: "/rm", watch: true }],
          ["exists", { path: "/rm/absent", watch: true }],
          ["addWatch", { path: "/rm", mode: 0 }],
          ["addWatch", { path: "/rm", mode: 1 }],
        ] as const
      ) {
        await each(d, "b", [
          set,
          ["checkWatches", { path: "/rm", type }],
          ["checkWatches", { path: "/rm", type: 1 }],
          ["checkWatches", { path: "/rm", type: 2 }],
          ["checkWatches", { path: "/rm", type: 3 }],
          ["checkWatches", { path: "/rm/absent", type }],
          ["removeWatches", { path: "/rm", type }],
          ["removeWatches", { path: "/rm", type }],
          ["checkWatches", { path: "/rm", type: 1 }],
          ["checkWatches", { path: "/rm", type: 2 }],
          ["checkWatches", { path: "/rm", type: 3 }],
        ]);
        await each(d, "a", [
          ["setData", { path: "/rm", data: "x" }],
          ["create", { path: "/rm/c" }],
          ["delete", { path: "/rm/c" }],
          ["create", { path: "/rm/absent" }],
          ["delete", { path: "/rm/absent" }],
        ]);
        await each(d, "b", [
          ["removeWatches", { path: "/rm", type: 3 }],
          ["removeWatches", { path: "/rm/absent", type: 3 }],
        ]);
      }
    }
  },

  async "watches brought along"(d) {
    await d.connect("a");
    await each(d, "a", [
      ["create", { path: "/bring" }],
      ["create", { path: "/bring/a" }],
      ["create", { path: "/bring/b" }],
    ]);
    const rearm = {
      data: ["/bring", "/bring/a", "/bring/absent"],
      exist: ["/bring/a", "/bring/later"],
      child: ["/bring", "/bring/b", "/bring/absent"],
      persistent: ["/bring/p"],
      recursive: ["/bring/r"],
    };
    for (
      const [index, operation] of (["setWatches", "setWatches2"] as const)
        .entries()
    ) {
      for (const seenZxid of [0n, 1n << 62n]) {
        const name = `b${index}${seenZxid === 0n ? "old" : "new"}`;
        await d.connect(name);
        await d.ask(name, operation, { ...rearm, seenZxid }, -8);
        await each(d, "a", [
          ["setData", { path: "/bring", data: "x" }],
          ["setData", { path: "/bring/a", data: "x" }],
          ["create", { path: "/bring/later" }],
          ["create", { path: "/bring/b/c" }],
          ["create", { path: "/bring/p" }],
          ["create", { path: "/bring/r" }],
          ["create", { path: "/bring/r/deep" }],
          ["create", { path: "/bring/p/deep" }],
          ["delete", { path: "/bring/p/deep" }],
          ["delete", { path: "/bring/r/deep" }],
          ["delete", { path: "/bring/r" }],
          ["delete", { path: "/bring/p" }],
          ["delete", { path: "/bring/b/c" }],
          ["delete", { path: "/bring/later" }],
        ]);
        await d.ask(name, operation, { seenZxid: 0n }, -8);
        await d.askLast(name, "closeSession", {});
      }
    }
  },

  async "several changes at once"(d) {
    await d.connect("a");
    await d.connect("b");
    const multis: Step[][] = [
      [],
      [["create", { path: "/multi" }]],
      [["create", { path: "/multi" }]],
      [
        ["create", { path: "/multi/a", data: "a" }],
        ["create2", { path: "/multi/b", data: "b" }],
        ["createContainer", { path: "/multi/c", flags: 4 }],
        ["setData", { path: "/multi/a", data: "aa", version: 0 }],
        ["check", { path: "/multi/a", version: 1 }],
        ["delete", { path: "/multi/b", version: 0 }],
      ],
      [
        ["create", { path: "/multi/d" }],
        ["create", { path: "/multi/d/e" }],
        ["create", { path: "/multi/d/s", flags: 2 }],
        ["create", { path: "/multi/d/s", flags: 3 }],
        ["setData", { path: "/multi/d", data: "d" }],
      ],
      [
        ["create", { path: "/multi/x" }],
        ["setData", { path: "/multi/x", data: "x", version: 7 }],
        ["delete", { path: "/multi/x" }],
      ],
      [["check", { path: "/multi", version: 0 }]],
      [["check", { path: "/multi", version: 9 }]],
      [["check", { path: "/multi/absent", version: 0 }]],
      [
        ["delete", { path: "/multi/d" }],
        ["create", { path: "/multi/y" }],
      ],
      [
        ["delete", { path: "/multi/d/e" }],
        ["create", { path: "/multi/d/e", flags: 1 }],
        ["create", { path: "/multi/d/e/f" }],
      ],
      [["create", { path: "no path" }], ["create", { path: "/multi/z" }]],
      [["create", { path: "/multi/g", acl: "" }]],
      [
        ["createTtl", { path: "/multi/t", flags: 5, ttlMs: 1000n }],
      ],
      [["create", { path: "/multi/u", flags: 1 }], ["create", {
        path: "/multi/u/v",
      }]],
      // What was taken back must not count.
      [["create", { path: "/multi/s-", flags: 2 }], ["check", {
        path: "/absent",
      }]],
      [["create", { path: "/multi/s-", flags: 2 }]],
      [["setData", { path: "/multi/a", data: "1" }], ["setData", {
        path: "/multi/a",
        data: "2",
      }]],
    ];
    await d.ask("b", "addWatch", { path: "/multi", mode: 1 });
    await d.ask("b", "getChildren", { path: "/", watch: true });
    for (const steps of multis) {
      await d.ask("a", "multi", { steps });
      await d.ask("a", "getChildren2", { path: "/multi" });
    }
    await each(d, "a", [
      ["getData", { path: "/multi/a" }],
      ["exists", { path: "/multi/d" }],
      ["multiRead", { steps: [] }],
      ["multiRead", {
        steps: [
          ["getData", { path: "/multi/a" }],
          ["getChildren", { path: "/multi" }],
          ["getData", { path: "/multi/absent" }],
          ["getChildren", { path: "/multi/absent" }],
          ["getData", { path: "/zookeeper/quota" }],
        ],
      }],
      ["multiRead", {
        steps: [["getData", { path: "/multi/a", watch: true }]],
      }],
      ["setData", { path: "/multi/a", data: "seen" }],
    ]);
  },

  async "ephemerals belong to their session"(d) {
    await d.connect("a");
    await d.connect("b");
    await each(d, "a", [
      ["create", { path: "/owner" }],
      ["create", { path: "/owner/a", flags: 1 }],
      ["create", { path: "/owner/a-", flags: 3 }],
    ]);
    await each(d, "b", [
      ["exists", { path: "/owner/a", watch: true }],
      ["getChildren", { path: "/owner", watch: true }],
      ["create", { path: "/owner/a", flags: 1 }],
      ["setData", { path: "/owner/a", data: "by another" }],
      ["getEphemerals", { path: "/" }],
      ["delete", { path: "/owner/a-0000000001" }],
    ]);
    await d.ask("a", "getEphemerals", { path: "/" });
    d.drop("a");
    await d.connect("a2", { resumes: "a" });
    await each(d, "a2", [
      ["exists", { path: "/owner/a" }],
      ["getEphemerals", { path: "/" }],
    ]);
    await d.askLast("a2", "closeSession", {});
    await d.settle();
    await d.ask("b", "getChildren2", { path: "/owner" });
    await d.connect("a3", { resumes: "a2" });
    await d.expectEnd("a3");
  },

  async "sessions resumed"(d) {
    await d.connect("a", { timeoutMs: 12_345 });
    await d.connect("again", { resumes: "a", timeoutMs: 6_000 });
    // Another server hears of it only once the session ends.
    if (d.serverCount === 1) await d.expectEnd("a");
    else d.drop("a");
    await d.ask("again", "create", { path: "/resumed", flags: 1 });
    await d.connect("stranger", {
      sessionId: d.sessionIdOf("again"),
      password: WRONG_PASSWORD,
    });
    await d.expectEnd("stranger");
    await d.connect("unknown", {
      sessionId: 0x1234n,
      password: WRONG_PASSWORD,
    });
    await d.expectEnd("unknown");
    await d.connect("ahead", { seenZxids: 1n << 40n });
    await d.connect("behind", { seenZxids: -1n });
    await d.connect("same", { seenZxids: 0n });
    for (
      const timeoutMs of [0, -1, 1, 4000, 4001, 40_000, 40_001, 2 ** 31 - 1]
    ) {
      await d.connect(`timeout ${timeoutMs}`, { timeoutMs });
    }
    await d.connect("old client", { readOnly: null });
    await d.connect("reader", { readOnly: true });
    await d.connect("version 7", { protocolVersion: 7 });
    await d.connect("no password", { password: new Uint8Array(0) });
    await d.connect("last", { resumes: "again" });
    await d.ask("last", "exists", { path: "/resumed" });
  },

  async "requests that are none"(d) {
    for (const opCode of [-1, -2, 10, 23, 99, 108, 1000, 2 ** 31 - 1]) {
      const name = `op ${opCode}`;
      await d.connect(name);
      await d.askLast(name, "raw", { opCode, hex: "" });
    }
    await d.connect("xids");
    await d.ask("xids", "create", { path: "/xids" }, 7);
    await d.ask("xids", "exists", { path: "/xids" }, 7);
    await d.ask("xids", "exists", { path: "/xids" }, 0);
    await d.ask("xids", "exists", { path: "/xids" }, -1);
    await d.ask("xids", "exists", { path: "/xids" }, -2);
    await d.ask("xids", "exists", { path: "/xids" }, -8);
    await d.ask("xids", "setData", { path: "/xids", data: "x" }, -1);
    await d.ask("xids", "setData", { path: "/xids", data: "x" }, -4);
    await d.ask("xids", "exists", { path: "/xids" }, -4);
    await d.ask("xids", "ping", {}, 3);
    await d.ask("xids", "auth", { scheme: "digest", auth: "x:y" }, 12);
    await d.ask("xids", "exists", { path: "/xids" }, -2147483648);
  },

  async "answers in order"(d) {
    await d.connect("a");
    await d.connect("b");
    await d.ask("b", "addWatch", { path: "/order", mode: 1 });
    await d.ask("a", "auth", { scheme: "digest", auth: "bob:secret" });
    await d.askAll("a", [
      ["create", { path: "/order" }],
      ["getData", { path: "/order" }],
      ["setData", { path: "/order", data: "1" }],
      ["getData", { path: "/order", watch: true }],
      ["setData", { path: "/order", data: "2" }],
      ["ping", {}],
      ["getData", { path: "/order" }],
      ["create", { path: "/order" }],
      ["sync", { path: "/order" }],
      ["create", { path: "/order/s", flags: 2 }],
      ["create", { path: "/order/s", flags: 2 }],
      ["create", { path: "/order/s", flags: 3 }],
      ["getChildren2", { path: "/order" }],
      ["getEphemerals", { path: "/" }],
      ["create", { path: "/order/bob", acl: "auth::31" }],
      ["getAcl", { path: "/order/bob" }],
      ["delete", { path: "/order/bob" }],
      ["exists", { path: "/order/bob" }],
      ["closeSession", {}],
    ]);
    await d.expectEnd("a");
    await d.settle();
    await d.ask("b", "getChildren2", { path: "/order" });
  },

  async "quotas counted"(d) {
    await d.connect("a");
    const limits = "/zookeeper/quota/quota/zookeeper_limits";
    const stats = "/zookeeper/quota/quota/zookeeper_stats";
    await each(d, "a", [
      ["create", { path: "/quota", data: "12345" }],
      ["create", { path: "/quota/a", data: "123" }],
      ["create", { path: "/zookeeper/quota/quota" }],
      ["create", { path: limits, data: "count=4,bytes=100" }],
      ["create", { path: stats, data: "count=2,bytes=8" }],
      ["getData", { path: stats }],
      ["create", { path: "/quota/b", data: "1234567" }],
      ["getData", { path: stats }],
      ["setData", { path: "/quota/b", data: "1" }],
      ["getData", { path: stats }],
      ["setData", { path: "/quota", data: null }],
      ["getData", { path: stats }],
      ["delete", { path: "/quota/a" }],
      ["getData", { path: stats, watch: true }],
      ["create", { path: "/quota/c", flags: 3, data: "cc" }],
      ["create", { path: "/quota/d", data: "x".repeat(300) }],
      ["create", { path: "/quota/e" }],
      ["create", { path: "/quota/f" }],
      ["getData", { path: stats }],
      ["create", { path: "/quotas", data: "not below it" }],
      ["getData", { path: stats }],
      ["delete", { path: limits }],
      ["create", { path: "/quota/g" }],
      ["getData", { path: stats }],
      ["delete", { path: stats }],
      ["create", { path: "/quota/h" }],
    ]);
  },

  async "much data"(d) {
    await d.connect("a");
    const sizes = [1000, 70_000, 1_000_000];
    for (const size of sizes) {
      const data = new Uint8Array(size).fill(0x61);
      await each(d, "a", [
        ["create", { path: `/much${size}`, data }],
        ["getData", { path: `/much${size}` }],
        ["setData", { path: `/much${size}`, data }],
      ]);
    }
    const names = Array.from(
      { length: 300 },
      (_, index) => `/much1000/${index}`,
    );
    await d.ask("a", "multi", {
      steps: names.map((path): Step => ["create", { path }]),
    });
    await each(d, "a", [
      ["getChildren2", { path: "/much1000" }],
      ["getAllChildrenNumber", { path: "/much1000" }],
    ]);
  },
};
