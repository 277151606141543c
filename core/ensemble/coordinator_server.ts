// A server of the coordinator: its files, its clients' port, and its place in an
// ensemble, or none.
//
//   const server = await startCoordinator({ host, config, membership, trace });
//   server.clientAddress
//   await server.shutdown();
//
// The ports are bound before the files are opened, so that a port in use leaves no
// trace; clients that come too early are sent away and come again.

import { KIB } from "../base/units.ts";
import type { CoordinatorConfig } from "../config/coordinator_config.ts";
import { sessionTimeouts } from "../config/coordinator_config_load.ts";
import { ConfigError } from "../config/config_error.ts";
import type { Address, Host } from "../host/host.ts";
import type { Rules } from "./rules.ts";
import type { Membership } from "./membership.ts";
import { ConfigFiles } from "./quorum/config_files.ts";
import { Epochs } from "./quorum/epochs.ts";
import type { Peer } from "./quorum/peer.ts";
import type { AdminServer } from "./server/admin_server.ts";
import { ClientService } from "./server/client_service.ts";
import type { ServerView } from "./server/server_view.ts";
import { StandaloneReplica } from "./server/standalone_replica.ts";
import { wordGate } from "./server/word_gate.ts";
import { ZnodeStore } from "./znode_store.ts";

export interface CoordinatorOptions {
  readonly host: Host;
  /** `dataDir` has to be set. */
  readonly config: CoordinatorConfig;
  /** `null` or left out for a server that is alone. */
  readonly membership?: Membership | null;
  /** kq's release, as clients and diagnostics are told. */
  readonly release?: string;
  /** Resident memory of the process in bytes, for diagnostics. */
  readonly residentBytes?: () => number;
  /** One line for what an operator should know. */
  readonly trace: (line: string) => void;
}

/** A server that runs. */
export interface RunningCoordinator {
  /** `null` where it takes no clients. */
  readonly clientAddress: Address | null;
  /** `null` where it is off. */
  readonly adminAddress: Address | null;
  readonly selfId: number;
  /** The server's state for those who look after it. */
  readonly view: ServerView;
  /** Resolves with what ends the server, should its disk fail. */
  readonly failed: Promise<Error>;
  /** Ends it in good order; sessions are left as they are. */
  shutdown(): Promise<void>;
}

/** The high byte of session ids of a server that is alone. */
const ALONE_ID = 1;
const FULL_SNAPSHOT_LOG_BYTES = Number.MAX_SAFE_INTEGER;
const KEEP_ALL = Number.MAX_SAFE_INTEGER;

/**
 * Starts a server.
 *
 * @throws {ConfigError} Where the configuration lacks something.
 * @throws {HostError} `inUse`, `permission`, `unresolved` of a port; `locked` or `io`
 * of the data directory.
 */
export async function startCoordinator(
  options: CoordinatorOptions,
): Promise<RunningCoordinator> {
  const starting = new Starting(options);
  try {
    return await starting.run();
  } catch (error) {
    await starting.undo();
    throw error;
  }
}

/** What has been opened so far, so that a start that fails leaves nothing behind. */
class Starting {
  readonly #options: CoordinatorOptions;
  readonly #failed = Promise.withResolvers<Error>();
  readonly #service: ClientService;
  /** Undone from the last to the first. */
  readonly #closes: (() => void | Promise<void>)[] = [];
  #view: ServerView | null = null;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { host, config, trace } = options;
    this.#service = new ClientService({
      host,
      limits: limitsOf(config),
      superDigest: config["DigestAuthenticationProvider.superDigest"]
        ?.reveal() ?? null,
      skipsAcl: rulesOf(config).skipsAcl,
      answerWord: wordGate(() => this.#view, config),
      trace,
      onFatal: (error) => this.#fail(error),
    });
  }

  async run(): Promise<RunningCoordinator> {
    const { config, membership = null } = this.#options;
    if (config.dataDir === null) {
      throw new ConfigError("dataDir: expected a folder, got none", {
        key: "dataDir",
      });
    }
    this.#closes.push(() => this.#service.close());
    const address = clientAddressOf(config, membership);
    if (address === null && membership === null) {
      throw new ConfigError("clientPort: expected a port, got none", {
        key: "clientPort",
      });
    }
    const clientAddress = address === null
      ? null
      : await this.#service.listen(address);
    const store = await this.#openStore(config.dataDir);
    const peer = membership === null
      ? this.#beAlone(store)
      : await this.#join(store, membership);
    const view = this.#viewOf(store, peer, clientAddress);
    this.#view = view;
    const admin = await this.#startAdmin(view);
    return {
      clientAddress,
      adminAddress: admin?.address ?? null,
      selfId: membership?.selfId ?? 0,
      view,
      failed: this.#failed.promise,
      shutdown: () => this.undo(),
    };
  }

  async undo(): Promise<void> {
    for (const close of this.#closes.splice(0).reverse()) await close();
  }

  async #openStore(directory: string): Promise<ZnodeStore> {
    const { host, config, membership = null } = this.#options;
    const limitKib = config.snapSizeLimitInKb;
    const store = await ZnodeStore.open(host, directory, {
      logDirectory: config.dataLogDir ?? undefined,
      snapshotTxnCount: config.snapCount,
      snapshotLogBytes: limitKib > 0 ? limitKib * KIB : FULL_SNAPSHOT_LOG_BYTES,
      snapshotsKept: config["autopurge.purgeInterval"] > 0
        ? config["autopurge.snapRetainCount"]
        : KEEP_ALL,
      // Alone it has nobody who could lack something.
      historyCount: membership === null ? 0 : config.commitLogCount,
    });
    this.#closes.push(() => store.close());
    return store;
  }

  #beAlone(store: ZnodeStore): null {
    const { host, config } = this.#options;
    const replica = new StandaloneReplica({
      clock: host.clock,
      store,
      serverId: ALONE_ID,
      tickMs: config.tickTime,
      containerCheckMs: config["znode.container.checkIntervalMs"],
      rules: rulesOf(config),
      events: this.#service,
      onFailure: (error) => this.#fail(error),
    });
    this.#closes.push(() => replica.stop());
    this.#service.serve(replica);
    return null;
  }

  async #join(store: ZnodeStore, membership: Membership): Promise<Peer> {
    const { host, config, trace } = this.#options;
    const { selfId } = membership;
    const { active, changes } = this.#changes(membership);
    const epochs = Epochs.open(
      host.disk,
      store.files,
      store.lastLoggedZxid,
    );
    // Only who is in an ensemble pays for loading what that takes.
    const { Peer } = await import("./quorum/peer.ts");
    const peer = new Peer({
      host,
      selfId,
      config: () => active,
      changes,
      isAloneEnough: !config.standaloneEnabled,
      mayVoteUnknowing: this.#isInitial(),
      timing: {
        tickMs: config.tickTime,
        initLimit: config.initLimit,
        syncLimit: config.syncLimit,
      },
      store,
      epochs,
      clients: this.#service,
      listensOnAll: config.quorumListenOnAllIPs,
      readsAlone: config["readonlymode.enabled"],
      rules: rulesOf(config),
      containerCheckMs: config["znode.container.checkIntervalMs"],
      onFailure: (error) => this.#fail(error),
      trace,
    });
    this.#closes.push(() => peer.stop());
    await peer.start();
    return peer;
  }

  /** Whether an operator has said that nothing can have been lost here. */
  #isInitial(): boolean {
    const { host: { disk }, config } = this.#options;
    const path = `${config.dataDir}/initialize`;
    if (disk.stat(path) === null) return false;
    disk.remove(path);
    return true;
  }

  /** The configuration to start with, and how it may change. */
  #changes({ selfId, members, path = null }: Membership) {
    const { host, config, trace } = this.#options;
    const isChangeable = config.reconfigEnabled;
    if (!isChangeable) return { active: members };
    const keeper = new ConfigFiles({
      disk: host.disk,
      path: path ?? `${config.dataDir}/zoo.cfg`,
      isThere: path !== null,
      selfId,
      trace,
    });
    this.#closes.push(() => keeper.settled());
    // A command line cannot be rewritten: what it led to is beside the data.
    const kept = path === null ? keeper.readActive() : null;
    const active = kept !== null && kept.version > members.version
      ? kept
      : members;
    if (!active.members.has(selfId)) {
      throw new ConfigError(
        `server ${selfId} was taken out of the ensemble: the servers are ${
          [...active.members.keys()].join(", ")
        }; add it again on one of them, on an empty directory`,
      );
    }
    const lastSeen = keeper.readSeen();
    return { active, changes: { isChangeable, keeper, lastSeen } };
  }

  #viewOf(
    store: ZnodeStore,
    peer: Peer | null,
    clientAddress: Address | null,
  ): ServerView {
    const { host, config, membership = null, release, residentBytes } =
      this.#options;
    return {
      host,
      config,
      release: release ?? "0.0.0",
      startedMs: host.clock.monotonicMs(),
      clientAddress,
      service: this.#service,
      store,
      peer,
      selfId: membership?.selfId ?? 0,
      members: () => peer?.configs.active ?? membership?.members ?? null,
      residentBytes: residentBytes ?? (() => 0),
    };
  }

  /** Diagnostics over HTTP are not worth a server that does not start. */
  async #startAdmin(view: ServerView): Promise<AdminServer | null> {
    const { config, trace } = this.#options;
    if (!config["admin.enableServer"]) return null;
    const address = {
      host: config["admin.serverAddress"],
      port: config["admin.serverPort"],
    };
    try {
      const { startAdminServer } = await import("./server/admin_server.ts");
      const admin = await startAdminServer(view, address);
      this.#closes.push(() => admin.close());
      return admin;
    } catch (error) {
      if (!(error instanceof Error && error.name === "HostError")) throw error;
      trace(
        `No admin server: ${error.message}; set admin.serverPort, or admin.enableServer=false`,
      );
      return null;
    }
  }

  #fail(error: unknown): void {
    this.#failed.resolve(
      error instanceof Error ? error : new Error(String(error)),
    );
  }
}

function limitsOf(config: CoordinatorConfig) {
  const { minMs, maxMs } = sessionTimeouts(config);
  const throttle = config.requestThrottleLimit;
  const outstandingMax = config.globalOutstandingLimit;
  return {
    sessionTimeoutMinMs: minMs,
    sessionTimeoutMaxMs: maxMs,
    frameMaxBytes: config["jute.maxbuffer"],
    connectionsPerHostMax: config.maxClientCnxns,
    connectionsMax: config.maxCnxns,
    inFlightMax: throttle > 0
      ? Math.min(throttle, outstandingMax)
      : outstandingMax,
  };
}

function rulesOf(config: CoordinatorConfig): Rules {
  return {
    extendedTypes: config.extendedTypesEnabled,
    enforcesQuota: config["enforce.quota"],
    skipsAcl: config.skipACL === "yes",
    txnMaxBytes: 2 * config["jute.maxbuffer"],
  };
}

/** Where clients connect: the server's own keys, or what its `server.N` line says. */
function clientAddressOf(
  config: CoordinatorConfig,
  membership: Membership | null,
): Address | null {
  if (config.clientPort !== null) {
    const host = config.clientPortAddress ?? "";
    return { host: host === "0.0.0.0" ? "" : host, port: config.clientPort };
  }
  const own = membership?.members.members.get(membership.selfId);
  const client = own?.client ?? null;
  if (client === null) return null;
  return { ...client, host: client.host === "0.0.0.0" ? "" : client.host };
}
