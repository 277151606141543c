import { deepEqual, equal, throws } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import {
  addressIdentity,
  authenticate,
  digestOf,
  type Identity,
  isPermitted,
  maskDigests,
  resolveAcl,
  SUPER,
} from "./access.ts";
import { Permission } from "./acl_cache.ts";

const HERE = addressIdentity("127.0.0.1");
const BOB: Identity = {
  scheme: "digest",
  id: digestOf(encodeUtf8("bob:secret")),
};
const ANYONE: Identity = { scheme: "world", id: "anyone" };

Deno.test("digests are ZooKeeper's", () => {
  equal(BOB.id, "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=");
});

Deno.test("a list permits whom it names, and what it says", () => {
  const { read, write } = Permission;
  const acl = [{ perms: read, id: ANYONE }, { perms: write, id: BOB }];
  equal(isPermitted(acl, read, [HERE]), true);
  equal(isPermitted(acl, write, [HERE]), false);
  equal(isPermitted(acl, write, [HERE, BOB]), true);
  equal(isPermitted(acl, Permission.admin, [HERE, BOB]), false);
  equal(isPermitted(acl, Permission.admin, [SUPER]), true);
  equal(isPermitted(null, write, []), true);
  equal(isPermitted([], write, []), true);
  const network = [{ perms: read, id: { scheme: "ip", id: "127.0.0.0/8" } }];
  equal(isPermitted(network, read, [HERE]), true);
  equal(isPermitted(network, read, [addressIdentity("10.0.0.1")]), false);
});

Deno.test("auth stands for who the client is, as often as it is there in other words", () => {
  const auth = (id: string) => ({ perms: 1, id: { scheme: "auth", id } });
  deepEqual(resolveAcl("/a", [auth("")], [HERE, BOB]), [
    { perms: 1, id: BOB },
  ]);
  deepEqual(resolveAcl("/a", [auth(""), auth("")], [BOB]).length, 1);
  deepEqual(resolveAcl("/a", [auth(""), auth("x")], [BOB]).length, 2);
  throws(() => resolveAcl("/a", [auth("")], [HERE]), {
    errorName: "INVALID_ACL",
  });
});

Deno.test("lists that name nobody that there could be are refused", () => {
  for (
    const [scheme, id] of [
      ["digest", "bob"],
      ["digest", "a:b:c"],
      ["ip", "here"],
      ["world", "nobody"],
      ["x509", "CN=bob"],
      ["sasl", "bob"],
      ["super", ""],
      ["nothing", "x"],
    ]
  ) {
    throws(() => resolveAcl("/a", [{ perms: 31, id: { scheme, id } }], [BOB]), {
      errorName: "INVALID_ACL",
    }, scheme);
  }
  throws(() => resolveAcl("/a", [], []), { errorName: "INVALID_ACL" });
  throws(() => resolveAcl("/a", null, []), { errorName: "INVALID_ACL" });
});

Deno.test("hashes show only to who may change them", () => {
  const acl = [{ perms: 31, id: BOB }, { perms: 1, id: ANYONE }];
  deepEqual(maskDigests(acl, [HERE])[0].id, { scheme: "digest", id: "bob:x" });
  deepEqual(maskDigests(acl, [BOB]), acl);
});

Deno.test("authenticate() knows who a client is, and the super user by digest", () => {
  const root = digestOf(encodeUtf8("super:admin"));
  const bytes = encodeUtf8("super:admin");
  deepEqual(authenticate("digest", bytes, root)?.[0], SUPER);
  deepEqual(authenticate("digest", bytes, null), [
    { scheme: "digest", id: root },
  ]);
  deepEqual(authenticate("digest", encodeUtf8("super:no"), root), [
    { scheme: "digest", id: digestOf(encodeUtf8("super:no")) },
  ]);
  deepEqual(authenticate("ip", bytes, root), []);
  for (const scheme of ["x509", "sasl", "super", "world", "auth", ""]) {
    equal(authenticate(scheme, bytes, root), null, scheme);
  }
});
