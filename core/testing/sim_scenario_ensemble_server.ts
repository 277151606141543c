// One server of a simulated ensemble, over all its lives: what runs is the real
// store, peer and client service; what it logs, applies and shows is judged.

import { ClientService } from "../ensemble/server/client_service.ts";
import { Epochs } from "../ensemble/quorum/epochs.ts";
import { Peer } from "../ensemble/quorum/peer.ts";
import type { QuorumConfig } from "../ensemble/quorum/quorum_config.ts";
import type { QuorumTiming } from "../ensemble/quorum/term.ts";
import type { Replica } from "../ensemble/server/replica.ts";
import { ZnodeStore } from "../ensemble/znode_store.ts";
import type { Host } from "../host/host.ts";
import type { SimHost } from "./sim_host.ts";
import { check } from "./sim_scenario.ts";
import { JudgedLog } from "./sim_scenario_ensemble_log.ts";
import { type EnsembleHistory, hex } from "./sim_scenario_ensemble_history.ts";

export const CLIENT_PORT = 2181;
const DIRECTORY = "/data/coordinator";

/** A fault built in on purpose, to show that a check finds it. */
export interface Plant {
  readonly host?: (host: Host) => Host;
  readonly store?: (store: ZnodeStore) => void;
  readonly epochs?: (epochs: Epochs) => Epochs;
  readonly clients?: (clients: ClientService, host: Host) => void;
  readonly serving?: (replica: Replica) => void;
  readonly isQuorum?: QuorumConfig["isQuorum"];
}

export interface EnsembleServerOptions {
  readonly id: number;
  readonly sim: SimHost;
  readonly config: QuorumConfig;
  readonly timing: QuorumTiming;
  readonly sessionTimeoutMinMs: number;
  readonly snapshotTxnCount: number;
  readonly historyCount: number;
  readonly lastCounter: bigint;
  readonly history: EnsembleHistory;
  readonly plant: Plant;
  readonly trace: (line: string) => void;
  /** The leader ends a session that nobody has closed. */
  readonly expiring: (sessionId: bigint) => void;
  /** Keeps the first thing that must not be, wherever it is found. */
  readonly judge: (run: () => void) => void;
}

interface Running {
  readonly store: ZnodeStore;
  readonly clients: ClientService;
  readonly peer: Peer;
}

/** See the file's header. */
export class EnsembleServer {
  readonly id: number;
  readonly sim: SimHost;
  readonly #options: EnsembleServerOptions;
  #running: Running | null = null;
  #hasFailed = false;
  #isStopped = false;
  readonly #log: JudgedLog;

  constructor(options: EnsembleServerOptions) {
    this.#options = options;
    this.id = options.id;
    this.sim = options.sim;
    const { id, history, judge, expiring } = options;
    this.#log = new JudgedLog({
      id,
      history,
      judge,
      trace: (line) => this.#trace(line),
      expiring: (sessionId) => {
        if (this.isLeading) expiring(sessionId);
      },
    });
  }

  get name(): string {
    return this.sim.name;
  }

  /** The disk has failed, or the process has found something that must not be. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** It has left the ensemble in order, or is about to. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isServing(): boolean {
    return this.#running?.clients.replica() != null;
  }

  get isLeading(): boolean {
    return this.#running?.clients.replica()?.role === "leader";
  }

  get tree(): ZnodeStore["tree"] | null {
    return this.#running?.store.tree ?? null;
  }

  /** Begins a life. @throws What opening the directory throws. */
  async start(): Promise<void> {
    const { sim, plant, config, timing } = this.#options;
    const isAlive = sim.lifeTeller;
    const host = plant.host?.(sim.host) ?? sim.host;
    const { snapshotTxnCount, historyCount } = this.#options;
    this.#hasFailed = this.#isStopped = false;
    const store = await ZnodeStore.open(host, DIRECTORY, {
      snapshotTxnCount,
      historyCount,
    });
    if (!isAlive()) return;
    plant.store?.(store);
    this.#log.opened(store.tree.lastZxid);
    this.#log.watchStore(store, isAlive);
    const epochs = Epochs.open(host.disk, store.files, store.tree.lastZxid);
    this.#log.checkEpochs(epochs);
    const watched = plant.epochs?.(epochs) ?? epochs;
    this.#log.watchEpochs(watched, isAlive);
    const clients = this.#clientService(host, isAlive);
    plant.clients?.(clients, host);
    this.#watchClients(clients, store, () => watched.current, isAlive);
    await clients.listen({ host: "", port: CLIENT_PORT });
    const peer = new Peer({
      host,
      selfId: this.id,
      config: () => config,
      timing,
      store,
      epochs: watched,
      listensOnAll: false,
      containerCheckMs: 60_000,
      lastCounter: this.#options.lastCounter,
      trace: (line) => this.#hear(line),
      clients,
      onFailure: (error) => this.#fail(error, isAlive),
    });
    await peer.start();
    if (isAlive()) this.#running = { store, clients, peer };
  }

  /** Ends the life. */
  crash(cause: "kill" | "power"): void {
    this.#trace(cause);
    this.#running = null;
    this.sim.crash(this.#hasFailed ? "power" : cause);
    this.sim.disk.clearFaults();
  }

  /** Leaves the ensemble in order, and ends. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#isStopped = true;
    this.#trace("stops");
    running?.clients.close();
    await running?.peer.stop();
    await running?.store.close();
    if (this.#running === running) this.#running = null;
  }

  #trace(line: string): void {
    const { trace, sim } = this.#options;
    trace(`${Math.round(sim.loop.nowMs)} ${sim.name}: ${line}`);
  }

  /** What ends a connection must not be a mistake of the server's own. */
  #hear(line: string): void {
    this.#trace(line);
    const isMistake =
      /undefined|not a function|null|gap between|Two (reads|writes)/
        .test(line);
    this.#options.judge(() => check(!isMistake, `${this.name}: ${line}`));
  }

  #fail(error: unknown, isAlive: () => boolean): void {
    if (!isAlive()) return;
    this.#hasFailed = true;
    this.#trace(`fails: ${String(error)}`);
    const isDisk = error instanceof Error && error.name === "HostError";
    if (!isDisk) {
      this.#options.judge(() => {
        throw error;
      });
    }
  }

  #clientService(host: Host, isAlive: () => boolean): ClientService {
    return new ClientService({
      host,
      limits: {
        sessionTimeoutMinMs: this.#options.sessionTimeoutMinMs,
        sessionTimeoutMaxMs: this.#options.timing.tickMs * 20,
        frameMaxBytes: 0xfffff,
        connectionsPerHostMax: 0,
        connectionsMax: 0,
        inFlightMax: 1000,
      },
      superDigest: null,
      answerWord: () => null,
      trace: () => {},
      onFatal: (error) => this.#fail(error, isAlive),
    });
  }

  #watchClients(
    clients: ClientService,
    store: ZnodeStore,
    epoch: () => bigint,
    isAlive: () => boolean,
  ): void {
    const { judge, plant, history } = this.#options;
    const { applied, serve } = clients;
    clients.applied = (context, txn, result) => {
      if (isAlive()) judge(() => this.#shows(store, context.zxid));
      applied.call(clients, context, txn, result);
    };
    clients.serve = (replica) => {
      if (replica !== null && isAlive()) {
        plant.serving?.(replica);
        this.#log.entered(epoch());
        judge(() => {
          const { lastZxid } = store.tree;
          if (replica.role === "leader") {
            history.led(this.id, lastZxid >> 32n, this.#log.applied);
          }
          this.#shows(store, this.#log.applied);
        });
      }
      serve.call(clients, replica);
    };
  }

  /** Clients see the tree as it is after an entry. */
  #shows(store: ZnodeStore, zxid: bigint): void {
    const { history } = this.#options;
    history.committed(this.id, zxid);
    check(
      store.tree.digest === history.digestAt(zxid),
      `Server ${this.id} has another tree at ${hex(zxid)} than others`,
    );
  }
}
