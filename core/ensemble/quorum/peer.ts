// One server of an ensemble: looks for a leader, leads or follows for a term, and
// looks again.
//
//   looking → leading | following | observing → looking …
//
// Between two terms what is on the own disk is applied: it is the history that the
// server brings into the next election.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals".

import { type Address, sleep } from "../../host/host.ts";
import { ReadOnlyReplica } from "../server/read_only_replica.ts";
import type { ClientService } from "../server/client_service.ts";
import {
  Configurations,
  type ConfigurationsOptions,
} from "./configurations.ts";
import { ElectionLinks } from "./election_links.ts";
import { Elector } from "./elector.ts";
import { LeaderTerm } from "./leader_term.ts";
import { LearnerTerm } from "./learner_term.ts";
import { QuorumConfig } from "./quorum_config.ts";
import { Handover, initLimitMs, TermEnd, type TermOptions } from "./term.ts";
import {
  decodeNotification,
  encodeNotification,
  type Notification,
  type PeerState,
} from "./vote.ts";

export interface PeerOptions
  extends Omit<TermOptions, "events" | "serving" | "configs" | "isMute"> {
  /** The configuration that the server starts with. */
  readonly config: () => QuorumConfig;
  /** How that changes; left out where it does not. */
  readonly changes?: Omit<ConfigurationsOptions, "selfId" | "active">;
  /**
   * Whether a server that knows nothing may vote beside others that have a history:
   * one whose disk was lost might help those to a quorum that have missed most of it.
   */
  readonly mayVoteUnknowing?: boolean;
  readonly clients: ClientService;
  /** The own disk has failed: the server must end. */
  readonly onFailure: (error: unknown) => void;
}

/** How long a server looks for a leader at least before it serves reads alone. */
const READ_ALONE_MS = 2000;
/** Between two terms, so that a server that cannot join does not spin. */
const TERM_PAUSE_MS = 20;

/** See the file's header. */
export class Peer {
  /** The members of the ensemble, as this server knows them. */
  readonly configs: Configurations;
  readonly #options: PeerOptions;
  readonly #links: ElectionLinks;
  readonly #elector: Elector;
  #term: LeaderTerm | LearnerTerm | null = null;
  #running: Promise<void> = Promise.resolve();
  /** Who leads by agreement. */
  #agreedLeader: number | null = null;
  /** It knows nothing, and has heard of others that have a history. */
  #isMute = false;
  #isStopping = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { host, selfId, config, changes, trace } = options;
    const configs = new Configurations({
      ...changes,
      selfId,
      active: config(),
    });
    this.configs = configs;
    configs.tell(() => this.#reconfigured());
    this.#links = new ElectionLinks({
      host,
      selfId,
      configs,
      received: (id, message) => this.#received(id, message),
      trace,
    });
    this.#elector = new Elector({
      clock: host.clock,
      selfId,
      configs,
      hasSay: () => !this.#isMute,
      send: (id, notification) =>
        this.#links.send(id, encodeNotification(notification)),
      connectAll: () => this.#links.connectAll(),
    });
  }

  get state(): PeerState {
    return this.#elector.state;
  }

  /** The term that the server is in; `null` while it looks for a leader. */
  get term(): LeaderTerm | LearnerTerm | null {
    return this.#term;
  }

  /** @throws {HostError} Where the election port cannot be bound. */
  async start(): Promise<void> {
    await this.#listen(this.configs.self.election);
    this.#running = this.#run();
  }

  /** Leaves the ensemble. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#elector.stop();
    this.#term?.stop();
    this.#links.close();
    await this.#running;
  }

  async #listen(own: Address): Promise<void> {
    const host = this.#options.listensOnAll ? "" : own.host;
    await this.#links.listen({ host, port: own.port });
  }

  #received(id: number, message: Uint8Array): void {
    try {
      const notification = decodeNotification(message);
      this.#adopt(id, notification);
      this.#listenTo(id, notification);
      this.#elector.receive(id, notification);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.trace(`A vote of server ${id} makes no sense: ${reason}`);
    }
  }

  /** Who looks for a leader believes whoever knows of a newer configuration. */
  #adopt(id: number, { config }: Notification): void {
    const { configs } = this;
    const isLooking = this.#elector.state === "looking";
    if (!isLooking || !configs.isChangeable || config === "") return;
    const theirs = QuorumConfig.parse(config);
    if (theirs.version <= configs.active.version) return;
    this.#options.trace(
      `Took configuration ${theirs.version.toString(16)} from server ${id}`,
    );
    if (configs.activate(theirs)) this.#elector.restart();
  }

  /** Whoever has a history may have it from this server, before its disk was lost. */
  #listenTo(id: number, { zxid, peerEpoch }: Notification): void {
    const { epochs, store, mayVoteUnknowing, trace } = this.#options;
    if (this.#isMute || mayVoteUnknowing === true) return;
    if (this.#elector.state !== "looking" || !this.configs.isVoter(id)) return;
    const knowsNothing = store.lastLoggedZxid <= 0n && epochs.accepted === 0n;
    if (!knowsNothing || (zxid <= 0n && peerEpoch <= 0n)) return;
    trace(
      `Server ${id} has a history and this one has none, as if its disk were lost: ` +
        'it votes once it has it too, or, with a file "initialize" in its data directory, from the next start',
    );
    this.#isMute = true;
    this.#elector.restart();
  }

  #reconfigured(): void {
    const { active, self } = this.configs;
    const { selfId, trace } = this.#options;
    trace(
      `Configuration ${active.version.toString(16)}: servers ${
        [...active.members.keys()].join(", ")
      }${active.members.has(selfId) ? "" : "; this one is none of them"}`,
    );
    this.#links.reconfigured();
    if (this.#links.port === self.election.port) return;
    this.#links.stopListening();
    this.#listen(self.election).catch(this.#options.onFailure);
  }

  async #run(): Promise<void> {
    const { host, onFailure } = this.#options;
    try {
      while (!this.#isStopping) {
        await this.#oneTerm();
        if (!this.#isStopping) await sleep(host.clock, TERM_PAUSE_MS);
      }
    } catch (error) {
      if (!this.#isStopping) onFailure(error);
    }
  }

  async #nextLeader(): Promise<number | null> {
    return this.#takeAgreedLeader() ?? await this.#elect();
  }

  /** Lets clients read that want to, where no leader is found soon. @returns How to end it. */
  #readAlone(): () => void {
    const { readsAlone, host, timing, store, clients, selfId, trace } =
      this.#options;
    if (readsAlone !== true) return () => {};
    let replica: ReadOnlyReplica | null = null;
    const graceMs = Math.max(READ_ALONE_MS, timing.tickMs);
    const cancel = host.clock.after(graceMs, () => {
      trace("No leader is found: serving reads to clients that ask for it");
      replica = new ReadOnlyReplica({
        clock: host.clock,
        tree: store.tree,
        serverId: selfId,
        tickMs: timing.tickMs,
        expired: (sessionId) => clients.end(sessionId),
      });
      clients.serve(replica);
    });
    return () => {
      cancel();
      if (replica === null) return;
      replica.stop();
      clients.serve(null);
    };
  }

  /** @throws What the own disk has thrown. */
  async #oneTerm(): Promise<void> {
    const { selfId, store, epochs, trace, clients, timing } = this.#options;
    // One that was named, not elected, may have gone before it knew.
    const patienceMs = this.#agreedLeader === null
      ? initLimitMs(timing)
      : 2 * timing.tickMs;
    const stopReading = this.#readAlone();
    const leader = await this.#nextLeader().finally(stopReading);
    if (leader === null) return;
    const options: TermOptions = {
      ...this.#options,
      configs: this.configs,
      isMute: () => this.#isMute,
      events: clients,
      serving: (replica, epoch) => {
        // It has all that its leader has.
        this.#isMute = false;
        this.#elector.settle(this.#elector.state, epoch);
        trace(`${describe(replica.role)} in epoch ${epoch}`);
        clients.serve(replica);
      },
    };
    const member = this.configs.member(leader);
    if (member === null) return;
    const term = leader === selfId
      ? new LeaderTerm(options)
      : new LearnerTerm(options, member, patienceMs);
    this.#term = term;
    try {
      if (this.#isStopping) return;
      await term.run();
    } catch (error) {
      const failure = store.failure ?? epochs.failure;
      if (failure !== null) throw failure;
      if (error instanceof Handover) this.#agreedLeader = error.leaderId;
      if (!this.#isStopping) {
        const reason = error instanceof Error ? error.message : String(error);
        trace(
          `The term in epoch ${epochs.accepted} is over: ${reason}`,
        );
      }
      if (!(error instanceof TermEnd) && !isConnectionTrouble(error)) {
        throw error;
      }
    } finally {
      this.#term = null;
      clients.serve(null);
      this.#elector.settle("looking");
      if (store.failure === null) await term.settle();
    }
  }

  /** The leader that a change of the ensemble named; it is tried once. */
  #takeAgreedLeader(): number | null {
    const leader = this.#agreedLeader;
    this.#agreedLeader = null;
    if (leader === null || this.configs.member(leader) === null) return null;
    const { store, epochs } = this.#options;
    this.#elector.assume({
      leader,
      zxid: store.lastLoggedZxid,
      peerEpoch: epochs.current,
    });
    return leader;
  }

  /** @returns `null` where the server stops. */
  async #elect(): Promise<number | null> {
    const { host, selfId, store, epochs, trace } = this.#options;
    const startMs = host.clock.monotonicMs();
    const vote = await Promise.race([
      this.#elector.lookForLeader({
        leader: selfId,
        zxid: store.lastLoggedZxid,
        peerEpoch: epochs.current,
      }),
      this.#stopped(),
    ]);
    if (vote === null) return null;
    const tookMs = Math.round(host.clock.monotonicMs() - startMs);
    trace(`Server ${vote.leader} is to lead; the election took ${tookMs} ms`);
    return vote.leader;
  }

  #stopped(): Promise<null> {
    const { clock } = this.#options.host;
    return new Promise((done) => {
      const look = () => {
        if (this.#isStopping) done(null);
        else if (this.#elector.state === "looking") clock.after(100, look);
      };
      look();
    });
  }
}

function isConnectionTrouble(error: unknown): boolean {
  return error instanceof Error &&
    (error.name === "HostError" || error.name === "DecodeError");
}

function describe(role: string): string {
  if (role === "leader") return "Leading";
  return role === "observer" ? "Observing" : "Following";
}
