// Fast leader election: servers that look for a leader tell each other whom they
// would have, until more than half of those that vote want the same one.
//
//   vote order   later epoch, then later zxid, then larger id
//   election     counted by each server; a vote of an older one does not count, a
//                newer one makes its receiver start over in it
//
// A server that comes late learns from those that have a leader: it follows once
// more than half of them say the same, the leader included.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Leader Election";
// observed between ZooKeeper 3.8 servers.

import type { Clock } from "../../host/host.ts";
import type { Configurations } from "./configurations.ts";
import {
  isBetter,
  type Notification,
  type PeerState,
  type Vote,
} from "./vote.ts";

export interface ElectorOptions {
  readonly clock: Clock;
  readonly selfId: number;
  readonly configs: Configurations;
  /** Whether this server, where it is one that votes, knows enough to. */
  readonly hasSay: () => boolean;
  readonly send: (id: number, notification: Notification) => void;
  /** Tries those anew to whom no connection stands. */
  readonly connectAll: () => void;
}

/** How long a quorum for one vote waits for a better one. */
const FINAL_WAIT_MS = 60;
/** Votes are sent again after this, then ever later. */
const RESEND_MIN_MS = 200;
const RESEND_MAX_MS = 10_000;

/** A vote, with what the one who has it says of itself. */
interface Received extends Vote {
  readonly electionEpoch: bigint;
  readonly state: PeerState;
}

/** An election under way. */
interface Election {
  /** What this server has to offer. */
  readonly own: Vote;
  proposal: Vote;
  /** Votes of this election, by who sent them. */
  readonly votes: Map<number, Received>;
  /** What those say who have a leader. */
  readonly settled: Map<number, Received>;
  readonly resolve: (vote: Vote) => void;
  cancelFinal: (() => void) | null;
  cancelResend: () => void;
  resendMs: number;
}

/** See the file's header. */
export class Elector {
  readonly #options: ElectorOptions;
  #electionEpoch = 0n;
  #election: Election | null = null;
  #state: PeerState = "looking";
  #current: Vote;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#current = { leader: options.selfId, zxid: 0n, peerEpoch: 0n };
  }

  /** The leader that was found last. */
  get current(): Vote {
    return this.#current;
  }

  get electionEpoch(): bigint {
    return this.#electionEpoch;
  }

  get state(): PeerState {
    return this.#state;
  }

  /** States what became of the vote: servers that still look are told so. */
  settle(state: PeerState, peerEpoch?: bigint): void {
    this.#state = state;
    if (peerEpoch !== undefined) {
      this.#current = { ...this.#current, peerEpoch };
    }
  }

  /**
   * Looks for a leader; one election at a time.
   *
   * @param own What this server would offer as leader.
   */
  lookForLeader(own: Vote): Promise<Vote> {
    this.#state = "looking";
    this.#electionEpoch++;
    const { promise, resolve } = Promise.withResolvers<Vote>();
    this.#election = {
      own,
      proposal: own,
      votes: new Map(),
      settled: new Map(),
      resolve,
      cancelFinal: null,
      cancelResend: () => {},
      resendMs: RESEND_MIN_MS,
    };
    this.#begin(this.#election);
    this.#scheduleResend(this.#election);
    return promise;
  }

  /** The servers that vote are others now: what was said before does not count. */
  restart(): void {
    if (this.#election !== null) this.#begin(this.#election);
  }

  /** Takes a leader that was agreed on without an election. */
  assume(vote: Vote): void {
    this.#current = pick(vote);
    this.#state = this.#roleUnder(vote.leader);
  }

  /** Gives up an election that is under way; its promise never resolves. */
  stop(): void {
    if (this.#election !== null) this.#end(this.#election);
  }

  /** Takes in what another server says. */
  receive(id: number, notification: Notification): void {
    const { configs } = this.#options;
    const election = this.#election;
    const isLooking = notification.state === "looking";
    if (election === null || !configs.isVoter(id)) {
      if (isLooking || !configs.isVoter(id)) this.#tell(id);
      if (election === null || !configs.isVoter(id)) return;
    }
    // One that does not vote, though it could, has nothing to say.
    const isMute = notification.zxid < 0n;
    const isLate = notification.electionEpoch < this.#electionEpoch;
    if (isLooking && (isMute || isLate)) return this.#tell(id);
    if (!configs.isVoter(notification.leader)) return;
    if (isLooking) this.#receiveVote(election, id, notification);
    else if (notification.state !== "observing") {
      this.#receiveSettled(election, id, notification);
    }
  }

  #receiveVote(election: Election, id: number, vote: Notification): void {
    const isVoter = this.#isVoter();
    if (vote.electionEpoch > this.#electionEpoch) {
      this.#electionEpoch = vote.electionEpoch;
      election.votes.clear();
      if (isVoter) {
        election.proposal = isBetter(vote, election.own) ? vote : election.own;
        this.#vote(election);
        this.#tellAll(election);
      }
    } else if (isVoter && isBetter(vote, election.proposal)) {
      election.proposal = pick(vote);
      this.#vote(election);
      this.#tellAll(election);
    }
    election.votes.set(id, vote);
    this.#count(election);
  }

  #receiveSettled(election: Election, id: number, vote: Notification): void {
    if (vote.electionEpoch === this.#electionEpoch) {
      election.votes.set(id, vote);
      if (this.#isSettled(election.votes, vote)) {
        return this.#found(election, pick(vote));
      }
    }
    election.settled.set(id, vote);
    if (this.#isSettled(election.settled, vote)) {
      this.#electionEpoch = vote.electionEpoch;
      this.#found(election, pick(vote));
    }
  }

  /** Whether a quorum follows this leader, and the leader says that it leads. */
  #isSettled(votes: ReadonlyMap<number, Received>, vote: Received): boolean {
    const { selfId, configs } = this.#options;
    const supporters = [...votes].filter(([, each]) =>
      each.leader === vote.leader &&
      (each.state === "looking"
        ? each.zxid === vote.zxid && each.electionEpoch === vote.electionEpoch
        : each.peerEpoch === vote.peerEpoch)
    ).map(([id]) => id);
    // A leader of either configuration may be followed: whom it needs is its affair.
    const isSupported = configs.required().some((config) =>
      config.isQuorum(supporters)
    );
    if (!isSupported) return false;
    if (vote.leader === selfId) {
      return this.#electionEpoch === vote.electionEpoch;
    }
    return votes.get(vote.leader)?.state === "leading";
  }

  #vote(election: Election): void {
    election.votes.set(this.#options.selfId, {
      ...election.proposal,
      electionEpoch: this.#electionEpoch,
      state: "looking",
    });
  }

  #count(election: Election): void {
    election.cancelFinal?.();
    election.cancelFinal = null;
    const { leader, zxid, peerEpoch } = election.proposal;
    const supporters = [...election.votes].filter(([, vote]) =>
      vote.leader === leader && vote.zxid === zxid &&
      vote.peerEpoch === peerEpoch && vote.electionEpoch === this.#electionEpoch
    ).map(([id]) => id);
    const { configs, clock } = this.#options;
    if (!configs.isQuorum(supporters)) return;
    if (supporters.length >= configs.voters().size) {
      return this.#found(election, election.proposal);
    }
    election.cancelFinal = clock.after(
      FINAL_WAIT_MS,
      () => this.#found(election, election.proposal),
    );
  }

  #found(election: Election, vote: Vote): void {
    if (this.#election !== election) return;
    this.#end(election);
    this.#current = pick(vote);
    this.#state = this.#roleUnder(vote.leader);
    election.resolve(this.#current);
  }

  /** One that neither votes nor observes follows, and has no voice. */
  #roleUnder(leader: number): PeerState {
    const { selfId, configs } = this.#options;
    if (leader === selfId) return "leading";
    return configs.isObserver ? "observing" : "following";
  }

  #isVoter(): boolean {
    const { selfId, configs, hasSay } = this.#options;
    return configs.isVoter(selfId) && hasSay();
  }

  #begin(election: Election): void {
    const { own } = election;
    const isVoter = this.#isVoter();
    election.cancelFinal?.();
    election.cancelFinal = null;
    election.votes.clear();
    election.settled.clear();
    // One that does not vote proposes nobody.
    election.proposal = isVoter
      ? own
      : { leader: own.leader, zxid: -1n, peerEpoch: -1n };
    if (isVoter) this.#vote(election);
    this.#tellAll(election);
  }

  #end(election: Election): void {
    election.cancelFinal?.();
    election.cancelResend();
    this.#election = null;
  }

  #scheduleResend(election: Election): void {
    election.cancelResend = this.#options.clock.after(
      election.resendMs,
      () => {
        election.resendMs = Math.min(2 * election.resendMs, RESEND_MAX_MS);
        this.#tellAll(election);
        this.#options.connectAll();
        this.#scheduleResend(election);
      },
    );
  }

  #tellAll(election: Election): void {
    const { configs, selfId } = this.#options;
    for (const id of configs.voters()) {
      if (id !== selfId) this.#send(id, election.proposal);
    }
  }

  /** Answers one who asks with what this server thinks now. */
  #tell(id: number): void {
    this.#send(id, this.#election?.proposal ?? this.#current);
  }

  #send(id: number, vote: Vote): void {
    const { send, configs } = this.#options;
    send(id, {
      ...pick(vote),
      state: this.#state,
      electionEpoch: this.#electionEpoch,
      config: configs.active.toText(),
    });
  }
}

function pick({ leader, zxid, peerEpoch }: Vote): Vote {
  return { leader, zxid, peerEpoch };
}
