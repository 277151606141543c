// Who may do what to a znode: identities that clients have proven, access
// control lists, and the schemes behind both.
//
//   scheme   what a client is called        what a list may name
//   world    –                              anyone
//   auth     –                              whoever makes the list, by all of its identities
//   digest   user:base64(sha1(user:pass))   the same
//   ip       its address                    an address, or address/bits
//   super    ""                             –: may do everything
//
// Digests are SHA-1 without salt: they keep mistakes out, not attackers.
//
// Source: ZooKeeper documentation, "ZooKeeper access control using ACLs".

import { encodeBase64, encodeUtf8 } from "../base/bytes.ts";
import { hash } from "../base/hash.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import type { Acl, aclId, RecordOf } from "../wire/zookeeper/records.ts";
import { Permission } from "./acl_cache.ts";
import { addressBits, inNetwork, parseNetwork } from "./ip_network.ts";

/** Whom a client has proven to be. */
export type Identity = RecordOf<typeof aclId>;

/** May do everything to everything. */
export const SUPER: Identity = { scheme: "super", id: "" };

/**
 * Whether one of the identities may do it.
 *
 * @param acl `null` or empty permits all, as znodes that were there from the beginning do.
 * @param permission One of `Permission`, or several added up: any will do.
 */
export function isPermitted(
  acl: readonly Acl[] | null,
  permission: number,
  identities: readonly Identity[],
): boolean {
  if (acl === null || acl.length === 0) return true;
  if (identities.some(({ scheme }) => scheme === SUPER.scheme)) return true;
  return acl.some(({ perms, id }) =>
    (perms & permission) !== 0 &&
    (isAnyone(id) || identities.some((each) => matches(each, id)))
  );
}

/**
 * The list as it is stored: without repeats, then `auth` replaced by who the client is.
 *
 * @throws {ZkError} INVALID_ACL where it is empty, or names nobody.
 */
export function resolveAcl(
  path: string,
  acl: readonly Acl[] | null,
  identities: readonly Identity[],
): readonly Acl[] {
  const resolved: Acl[] = [];
  for (const entry of withoutRepeats(acl ?? [])) {
    const { perms, id } = entry;
    if (isAnyone(id)) resolved.push(entry);
    else if (id.scheme === "auth") {
      const proven = identities.filter(isProven);
      if (proven.length === 0) throw new ZkError("INVALID_ACL", path);
      for (const each of proven) resolved.push({ perms, id: each });
    } else if (isValid(id)) resolved.push(entry);
    else throw new ZkError("INVALID_ACL", path);
  }
  if (resolved.length === 0) throw new ZkError("INVALID_ACL", path);
  return resolved;
}

function withoutRepeats(acl: readonly Acl[]): readonly Acl[] {
  return acl.filter((entry, index) =>
    acl.findIndex(({ perms, id }) =>
      perms === entry.perms && isSame(id, entry.id)
    ) === index
  );
}

/** Whether a client may see the hashes in a list: else they show as `x`. */
export function maskDigests(
  acl: readonly Acl[],
  identities: readonly Identity[],
): readonly Acl[] {
  if (isPermitted(acl, Permission.admin, identities)) return acl;
  return acl.map((entry) => {
    const { scheme, id } = entry.id;
    if (scheme !== "digest") return entry;
    return { ...entry, id: { scheme, id: `${id.split(":", 1)[0]}:x` } };
  });
}

/**
 * Whom the bytes of an auth packet prove a client to be.
 *
 * @param superDigest `user:base64` of who may do everything; `null` for nobody.
 * @returns `null` where the scheme is not known: x509 and sasl, for which there are
 * no providers, among them. Nobody new for `ip`, which a client has anyway.
 */
export function authenticate(
  scheme: string,
  auth: Uint8Array,
  superDigest: string | null,
): readonly Identity[] | null {
  if (scheme === "ip") return [];
  if (scheme !== "digest") return null;
  const id = digestOf(auth);
  const identity = { scheme, id };
  return id === superDigest ? [SUPER, identity] : [identity];
}

/** `user:base64(sha1(user:password))` of `user:password`. */
export function digestOf(userAndPassword: Uint8Array): string {
  const colon = userAndPassword.indexOf(0x3a);
  const user = colon < 0 ? userAndPassword : userAndPassword.subarray(0, colon);
  const sha1 = hash("SHA-1", userAndPassword);
  return `${new TextDecoder().decode(user)}:${encodeBase64(sha1)}`;
}

/** The identity that every client has from where it comes. */
export function addressIdentity(host: string): Identity {
  return { scheme: "ip", id: host };
}

function isAnyone({ scheme, id }: Identity): boolean {
  return scheme === "world" && id === "anyone";
}

function isSame(a: Identity, b: Identity): boolean {
  return a.scheme === b.scheme && a.id === b.id;
}

/** An address is not proof enough to own something by. */
function isProven({ scheme }: Identity): boolean {
  return scheme !== "ip" && scheme !== "world";
}

function matches(identity: Identity, named: Identity): boolean {
  if (identity.scheme !== named.scheme) return false;
  if (identity.id === named.id) return true;
  if (named.scheme !== "ip") return false;
  const network = parseNetwork(named.id);
  const address = addressBits(identity.id);
  return network !== null && address !== null && inNetwork(address, network);
}

function isValid({ scheme, id }: Identity): boolean {
  switch (scheme) {
    case "digest":
      return id.split(":").length === 2;
    case "ip":
      return parseNetwork(id) !== null;
    default:
      return false;
  }
}

/** Bytes of a digest identity, as clients send them. */
export function digestAuth(user: string, password: string): Uint8Array {
  return encodeUtf8(`${user}:${password}`);
}
