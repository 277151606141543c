// One server of an ensemble: looks for a leader, leads or follows for a term, and
// looks again.
//
//   looking → leading | following | observing → looking …
//
// Between two terms what is on the own disk is applied: it is the history that the
// server brings into the next election.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals".

import { sleep } from "../../host/host.ts";
import type { ClientService } from "../server/client_service.ts";
import { ElectionLinks } from "./election_links.ts";
import { Elector } from "./elector.ts";
import { LeaderTerm } from "./leader_term.ts";
import { LearnerTerm } from "./learner_term.ts";
import { TermEnd, type TermOptions } from "./term.ts";
import {
  decodeNotification,
  encodeNotification,
  type PeerState,
} from "./vote.ts";

export interface PeerOptions extends Omit<TermOptions, "events" | "serving"> {
  readonly clients: ClientService;
  /** The own disk has failed: the server must end. */
  readonly onFailure: (error: unknown) => void;
}

/** What somebody who does not vote would offer: less than anybody. */
const NO_VOTE = -(2n ** 63n);
/** Between two terms, so that a server that cannot join does not spin. */
const TERM_PAUSE_MS = 20;

/** See the file's header. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #links: ElectionLinks;
  readonly #elector: Elector;
  #term: LeaderTerm | LearnerTerm | null = null;
  #running: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { host, selfId, config, trace } = options;
    this.#links = new ElectionLinks({
      host,
      selfId,
      config,
      received: (id, message) => this.#received(id, message),
      trace,
    });
    this.#elector = new Elector({
      clock: host.clock,
      selfId,
      config,
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
    const { selfId, config, listensOnAll } = this.#options;
    const own = config().members.get(selfId)!.election;
    const address = { host: listensOnAll ? "" : own.host, port: own.port };
    await this.#links.listen(address);
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

  #received(id: number, message: Uint8Array): void {
    try {
      this.#elector.receive(id, decodeNotification(message));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.trace(`A vote of server ${id} makes no sense: ${reason}`);
    }
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

  /** @throws What the own disk has thrown. */
  async #oneTerm(): Promise<void> {
    const { host, selfId, config, store, epochs, trace, clients } =
      this.#options;
    const startMs = host.clock.monotonicMs();
    const leader = await this.#elect();
    if (leader === null) return;
    const tookMs = Math.round(host.clock.monotonicMs() - startMs);
    trace(`Server ${leader} is to lead; the election took ${tookMs} ms`);
    const options: TermOptions = {
      ...this.#options,
      events: clients,
      serving: (replica, epoch) => {
        this.#elector.settle(this.#elector.state, epoch);
        trace(`${describe(replica.role)} in epoch ${epoch}`);
        clients.serve(replica);
      },
    };
    const member = config().members.get(leader);
    if (member === undefined) return;
    const term = leader === selfId
      ? new LeaderTerm(options)
      : new LearnerTerm(options, member);
    this.#term = term;
    try {
      if (this.#isStopping) return;
      await term.run();
    } catch (error) {
      if (store.failure !== null) throw store.failure;
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

  /** @returns `null` where the server stops. */
  async #elect(): Promise<number | null> {
    const { selfId, config, store, epochs } = this.#options;
    const isVoter = config().isVoter(selfId);
    const vote = await Promise.race([
      this.#elector.lookForLeader({
        leader: selfId,
        zxid: isVoter ? store.lastLoggedZxid : NO_VOTE,
        peerEpoch: isVoter ? epochs.current : NO_VOTE,
      }),
      this.#stopped(),
    ]);
    return vote?.leader ?? null;
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
