// Access control lists by number: znodes keep a number, as most have the same list.
//
// -1 stands for the open list (anyone may do all), which is not stored.

import type { Acl } from "../wire/zookeeper/records.ts";

/** What an `Acl` may permit, added up. */
export const Permission = {
  read: 1,
  write: 2,
  create: 4,
  delete: 8,
  admin: 16,
};

const ALL = 31;

/** Anyone may do everything. */
export const OPEN_ACL: readonly Acl[] = [
  { perms: ALL, id: { scheme: "world", id: "anyone" } },
];

/** Anyone may read, none may write. */
export const READ_ONLY_ACL: readonly Acl[] = [
  { perms: Permission.read, id: { scheme: "world", id: "anyone" } },
];

/** The number of the open list. */
export const OPEN_ACL_NUMBER = -1n;

function keyOf(list: readonly Acl[]): string {
  return JSON.stringify(list.map((a) => [a.perms, a.id.scheme, a.id.id]));
}

/** Nearly every list is, so this comes before the key is made. */
function isOpen(list: readonly Acl[]): boolean {
  if (list.length !== 1) return false;
  const { perms, id } = list[0];
  return perms === ALL && id.scheme === "world" && id.id === "anyone";
}

/** All lists in use; numbers rise and are never given twice. */
export class AclCache {
  readonly #lists = new Map<bigint, readonly Acl[]>();
  readonly #numbers = new Map<string, bigint>();
  #last = 0n;

  /** The number of a list; a new one where the list is new. */
  numberOf(list: readonly Acl[]): bigint {
    if (isOpen(list)) return OPEN_ACL_NUMBER;
    const key = keyOf(list);
    let number = this.#numbers.get(key);
    if (number === undefined) this.restore(number = this.#last + 1n, list);
    return number;
  }

  /** The list behind a number, or null where there is none. */
  listOf(number: bigint): readonly Acl[] | null {
    if (number === OPEN_ACL_NUMBER) return OPEN_ACL;
    return this.#lists.get(number) ?? null;
  }

  /** Puts back what a snapshot says. */
  restore(number: bigint, list: readonly Acl[]): void {
    this.#lists.set(number, list);
    this.#numbers.set(keyOf(list), number);
    if (number > this.#last) this.#last = number;
  }

  /** Numbers and lists, in the order in which they came. */
  entries(): Iterable<[bigint, readonly Acl[]]> {
    return this.#lists;
  }

  get size(): number {
    return this.#lists.size;
  }
}
