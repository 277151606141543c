// What an ensemble has agreed on, seen from above: every transaction that any
// server has logged, which of them are committed, and what the tree is after each.
//
//   entries    zxid → what it says, and which one is before it: the same everywhere
//   committed  one line of entries that only grows at its end
//   reference  the committed entries applied to a tree, one by one
//
// Each committed entry is judged against the request that it answers: given the
// order, its outcome is what one server alone would have come to.

import type { Proposal } from "../ensemble/proposal.ts";
import type { TxnContext } from "../ensemble/txn.ts";
import { ZnodeTree } from "../ensemble/znode_tree.ts";
import { bytesEqual, decodeUtf8Lossy } from "../base/bytes.ts";
import { check } from "./sim_scenario.ts";
import {
  checkDecision,
  type EnsembleRequest,
} from "./sim_scenario_ensemble_rules.ts";

interface Entry {
  readonly before: bigint;
  readonly proposal: Proposal;
}

/** A znode as a committed entry left it. */
export interface ZnodeState {
  readonly zxid: bigint;
  /** `null` where it is not there. */
  readonly text: string | null;
  readonly version: number;
  readonly pzxid: bigint;
  readonly childCount: number;
}

/** What changes of a znode a watch hears of. */
export type WatchedPart = "data" | "child";

const LOW_32_BITS = 0xffffffffn;

export const hex = (zxid: bigint) => `0x${zxid.toString(16)}`;

/** See the file's header. */
export class EnsembleHistory {
  readonly reference = ZnodeTree.initial();
  readonly #entries = new Map<bigint, Entry>();
  readonly #committed = new Set<bigint>();
  readonly #digests = new Map<bigint, bigint>([[0n, this.reference.digest]]);
  readonly #requests = new Map<string, EnsembleRequest>();
  readonly #answered = new Set<string>();
  readonly #states = new Map<string, ZnodeState[]>();
  readonly #changes = {
    data: new Map<string, bigint[]>(),
    child: new Map<string, bigint[]>(),
  };
  /** What each epoch started with, and who led it. */
  readonly #epochs = new Map<bigint, { tail: bigint; leader: number }>();
  #tail = 0n;

  /** The last that is committed. */
  get tail(): bigint {
    return this.#tail;
  }

  get committedCount(): number {
    return this.#committed.size;
  }

  get epochCount(): number {
    return this.#epochs.size;
  }

  /** A server writes a transaction behind its last one. */
  logged(server: number, before: bigint, proposal: Proposal): void {
    const { zxid } = proposal.context;
    const isNext = zxid === before + 1n ||
      (zxid >> 32n > before >> 32n && (zxid & LOW_32_BITS) === 1n);
    check(isNext, `Server ${server} logs ${hex(zxid)} behind ${hex(before)}`);
    const known = this.#entries.get(zxid);
    if (known === undefined) {
      this.#entries.set(zxid, { before, proposal });
      return;
    }
    check(
      known.before === before,
      `Server ${server} logs ${hex(zxid)} behind ${
        hex(before)
      }, others behind ${hex(known.before)}`,
    );
    check(
      bytesEqual(known.proposal.bytes, proposal.bytes),
      `Server ${server} logs something else as ${hex(zxid)} than others`,
    );
  }

  /** The entry before another. */
  before(zxid: bigint): bigint {
    return this.#entries.get(zxid)!.before;
  }

  /** The last entry up to a zxid; no entry has the number at which an epoch starts. */
  entryOf(zxid: bigint): bigint {
    if (zxid === 0n || this.#entries.has(zxid)) return zxid;
    const epoch = this.#epochs.get(zxid >> 32n);
    const isStart = (zxid & LOW_32_BITS) === 0n;
    check(isStart && epoch !== undefined, `Nobody has logged ${hex(zxid)}`);
    return epoch.tail;
  }

  /** The last entry up to a zxid, of those that end with `tail`. */
  ancestor(tail: bigint, zxid: bigint): bigint {
    let at = tail;
    while (at > zxid) at = this.before(at);
    return at;
  }

  /** A server leads: its history is what the epoch starts with. */
  led(server: number, epoch: bigint, tail: bigint): void {
    const known = this.#epochs.get(epoch);
    check(
      known === undefined,
      `Servers ${known?.leader} and ${server} have both led in epoch ${epoch}`,
    );
    this.#epochs.set(epoch, { tail, leader: server });
  }

  /** A server shows clients all up to an entry: it and those before are committed. */
  committed(server: number, zxid: bigint): void {
    if (zxid === 0n || this.#committed.has(zxid)) return;
    const line: bigint[] = [];
    for (let at = zxid; at > this.#tail; at = this.before(at)) line.push(at);
    const last = line.at(-1);
    check(
      last !== undefined && this.before(last) === this.#tail,
      `Server ${server} shows ${hex(zxid)}, which does not go on from ${
        hex(this.#tail)
      }, the last that was committed`,
    );
    for (const at of line.reverse()) this.#append(at);
  }

  /** The digest of the tree after a committed entry. */
  digestAt(zxid: bigint): bigint {
    return this.#digests.get(zxid)!;
  }

  /** A client asks for a change. */
  asked(request: EnsembleRequest): void {
    this.#requests.set(keyOf(request.sessionId, request.cxid), request);
  }

  /** The committed answer to a client's request, by its zxid. */
  answer(sessionId: bigint, cxid: number, zxid: bigint): Proposal {
    const entry = this.#entries.get(zxid);
    const { context } = entry?.proposal ?? {};
    check(
      this.#committed.has(zxid) && entry !== undefined &&
        context?.sessionId === sessionId && context.cxid === cxid,
      `Request ${cxid} of session ${hex(sessionId)} is answered by ${
        hex(zxid)
      }, which is ${this.#committed.has(zxid) ? "another's" : "not committed"}`,
    );
    return entry.proposal;
  }

  /** A znode after all up to a zxid; `null` where it never was. */
  stateAt(path: string, zxid: bigint): ZnodeState | null {
    const states = this.#states.get(path) ?? [];
    return states[states.findLastIndex((state) => state.zxid <= zxid)] ?? null;
  }

  /** The first change of a znode after a zxid; `null` where there is none yet. */
  changeAfter(part: WatchedPart, path: string, zxid: bigint): bigint | null {
    const changes = this.#changes[part].get(path) ?? [];
    return changes.find((each) => each > zxid) ?? null;
  }

  #append(zxid: bigint): void {
    const { context, txn } = this.#entries.get(zxid)!.proposal;
    this.#judge(context, zxid);
    const { events } = this.reference.apply(context, txn);
    for (const { type, path } of events) {
      if (type !== "childrenChanged") push(this.#changes.data, path, zxid);
      if (type === "deleted" || type === "childrenChanged") {
        push(this.#changes.child, path, zxid);
      }
      this.#keepState(path, zxid);
    }
    this.#committed.add(zxid);
    this.#digests.set(zxid, this.reference.digest);
    this.#tail = zxid;
  }

  #keepState(path: string, zxid: bigint): void {
    const node = this.reference.get(path);
    push(this.#states, path, {
      zxid,
      text: node === null ? null : decodeUtf8Lossy(node.data ?? EMPTY),
      version: node?.version ?? 0,
      pzxid: node?.pzxid ?? 0n,
      childCount: node?.children?.size ?? 0,
    });
  }

  #judge(context: TxnContext, zxid: bigint): void {
    const { txn } = this.#entries.get(zxid)!.proposal;
    const key = keyOf(context.sessionId, context.cxid);
    const request = this.#requests.get(key) ?? null;
    if (request !== null) {
      check(!this.#answered.has(key), `Request ${key} is carried out twice`);
      this.#answered.add(key);
    }
    checkDecision(this.reference, { context, txn }, request);
  }
}

const EMPTY = new Uint8Array(0);

function keyOf(sessionId: bigint, cxid: number): string {
  return `${sessionId.toString(16)}:${cxid}`;
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
