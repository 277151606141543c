// Which calls of a simulated disk go wrong, and how.

import { HostError, type HostErrorKind } from "../host/host.ts";

export type DiskAction =
  | "open"
  | "stat"
  | "setModified"
  | "rename"
  | "remove"
  | "removeTree"
  | "list"
  | "makeDirectory"
  | "syncDirectory"
  | "lock"
  | "size"
  | "read"
  | "write"
  | "truncate"
  | "sync";

/** One call into a simulated disk. */
export interface DiskCall {
  readonly action: DiskAction;
  readonly path: string;
}

/** Which calls a fault counts or meets; all where it is left out. */
export type CallFilter = (call: DiskCall) => boolean;

type Fault = { readonly kind: "crash" } | {
  readonly kind: "error";
  readonly error: HostError;
};

interface Plan {
  /** Calls still to come until the fault; the next call is 1. */
  remainingCount: number;
  readonly matching: CallFilter;
  readonly effect: HostErrorKind | "crash";
}

interface Chance {
  readonly probability: number;
  readonly matching: CallFilter;
  readonly effect: HostErrorKind;
}

export class SimDiskFaults {
  readonly #random: () => number;
  #plans: Plan[] = [];
  #chances: Chance[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  plan(
    effect: HostErrorKind | "crash",
    callNumber: number,
    matching: CallFilter = () => true,
  ): void {
    this.#plans.push({ remainingCount: callNumber, matching, effect });
  }

  addChance(
    effect: HostErrorKind,
    probability: number,
    matching: CallFilter = () => true,
  ): void {
    this.#chances.push({ probability, matching, effect });
  }

  /** Calls off all that is planned. */
  clear(): void {
    this.#plans = [];
    this.#chances = [];
  }

  /** Whether all that was planned by number has happened. */
  get isSpent(): boolean {
    return this.#plans.length === 0;
  }

  /** What happens to this call; `null` where nothing does. */
  meet(call: DiskCall): Fault | null {
    let effect: HostErrorKind | "crash" | null = null;
    for (const plan of this.#plans) {
      if (!plan.matching(call)) continue;
      plan.remainingCount -= 1;
      if (plan.remainingCount === 0) effect ??= plan.effect;
    }
    this.#plans = this.#plans.filter((plan) => plan.remainingCount > 0);
    for (const chance of this.#chances) {
      if (!chance.matching(call)) continue;
      if (this.#random() < chance.probability) effect ??= chance.effect;
    }
    if (effect === null) return null;
    return effect === "crash"
      ? { kind: "crash" }
      : { kind: "error", error: diskError(effect, call) };
  }
}

const REASONS: Partial<Record<HostErrorKind, string>> = {
  io: "input/output error",
  noSpace: "no space left on device",
  permission: "permission denied",
  tooManyFiles: "too many open files",
};

export function diskError(kind: HostErrorKind, call: DiskCall): HostError {
  return new HostError(
    kind,
    `Cannot ${call.action} "${call.path}": ${REASONS[kind] ?? kind}`,
  );
}
