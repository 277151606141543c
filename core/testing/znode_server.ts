// A server of ZooKeeper's protocol for tests of its clients: alone, on any host,
// without configuration.

import { KIB } from "../base/units.ts";
import { ClientService } from "../ensemble/server/client_service.ts";
import { DEFAULT_RULES, type Rules } from "../ensemble/rules.ts";
import { StandaloneReplica } from "../ensemble/server/standalone_replica.ts";
import { ZnodeStore } from "../ensemble/znode_store.ts";
import type { Address, Host } from "../host/host.ts";

export interface ZnodeServerOptions {
  /** `127.0.0.1` where left out. */
  readonly name?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly directory: string;
  readonly tickMs?: number;
  /** With times to live where left out. */
  readonly rules?: Rules;
  readonly superDigest?: string;
  /** Requests of one connection that may wait; 1000 where left out. */
  readonly inFlightMax?: number;
}

export interface ZnodeServer {
  readonly address: Address;
  /** `host:port`. */
  readonly connect: string;
  readonly service: ClientService;
  readonly replica: StandaloneReplica;
  /** Lines about connections that were refused or ended. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Starts a server on what the directory has. */
export async function startZnodeServer(
  host: Host,
  options: ZnodeServerOptions,
): Promise<ZnodeServer> {
  const { name = "127.0.0.1", port, directory, tickMs = 2000 } = options;
  const rules = options.rules ?? { ...DEFAULT_RULES, extendedTypes: true };
  const lines: string[] = [];
  const fail = (error: unknown) => {
    throw error;
  };
  const service = new ClientService({
    host,
    limits: {
      sessionTimeoutMinMs: 2 * tickMs,
      sessionTimeoutMaxMs: 20 * tickMs,
      frameMaxBytes: 1024 * KIB,
      connectionsPerHostMax: 0,
      connectionsMax: 0,
      inFlightMax: options.inFlightMax ?? 1000,
    },
    superDigest: options.superDigest ?? null,
    skipsAcl: rules.skipsAcl,
    answerWord: () => null,
    trace: (line) => lines.push(line),
    onFatal: fail,
  });
  const store = await ZnodeStore.open(host, directory, {
    snapshotTxnCount: 100_000,
    snapshotLogBytes: Number.MAX_SAFE_INTEGER,
    snapshotsKept: 3,
    historyCount: 0,
  });
  const replica = new StandaloneReplica({
    clock: host.clock,
    store,
    serverId: 1,
    tickMs,
    containerCheckMs: 60_000,
    rules,
    events: service,
    onFailure: fail,
  });
  service.serve(replica);
  const address = await service.listen({ host: name, port });
  return {
    address,
    connect: `${address.host}:${address.port}`,
    service,
    replica,
    lines,
    stop: async () => {
      service.close();
      replica.stop();
      await store.close();
    },
  };
}
