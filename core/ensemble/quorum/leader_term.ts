// A term as leader: agrees with a quorum on a new epoch, brings its learners into
// step with its history, then orders all changes.
//
//   a quorum's FOLLOWERINFO   the epoch is one more than any of them has promised
//   a quorum's ACKEPOCH       none of them has a longer history than this server
//   a quorum's ACK            of NEWLEADER: the history is theirs; the leader serves
//
// A learner that comes later goes the same way, alone. Without a quorum of learners
// in step, and heard of lately, the term ends.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast";
// observed between ZooKeeper 3.8 servers.

import type { Address, Connection, Listener } from "../../host/host.ts";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { putConfigZnode } from "../config_znode.ts";
import type { ReconfigWrite } from "../decide.ts";
import { goneByThemselves } from "../passing_znodes.ts";
import type { Proposal } from "../proposal.ts";
import type { ClientRequest, Outcome, Replica } from "../server/replica.ts";
import type { ZnodeTree } from "../znode_tree.ts";
import { Broadcast, type Outstanding } from "./broadcast.ts";
import { designatedLeader, requestedConfig } from "./next_config.ts";
import { Founding } from "./founding.ts";
import { Gate } from "./gate.ts";
import { LearnerLink, problemOf } from "./learner_link.ts";
import {
  decodeInt,
  decodeLearnerInfo,
  decodeRequest,
  decodeSessions,
  encodeInt,
  encodeRevalidated,
  PROTOCOL_VERSION,
  unexpected,
} from "./packet_data.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
} from "./packet_stream.ts";
import { QuorumConfig } from "./quorum_config.ts";
import { countQuorum, type QuorumStats } from "./quorum_stats.ts";
import { RequestOrder } from "./request_order.ts";
import {
  epochStart,
  Handover,
  initLimitMs,
  repeatEvery,
  syncLimitMs,
  TermEnd,
  type TermOptions,
} from "./term.ts";

/** See the file's header. */
export class LeaderTerm implements Replica {
  readonly role = "leader";
  readonly serverId: number;
  readonly #options: TermOptions;
  readonly #links = new Map<number, LearnerLink>();
  readonly #founding: Founding;
  /** This server serves itself: it knows what its learners' clients ask for. */
  readonly #started = new Gate<void>();
  readonly #ended = new Gate<never>();
  readonly #broadcast: Broadcast;
  readonly #dones = new Map<bigint, (outcome: Outcome) => void>();
  /** Who leads from now on, by agreement. */
  #successor: number | null = null;
  #order: RequestOrder | null = null;
  #listener: Listener | null = null;
  /** Where learners connect, as they know it. */
  #address: Address | null = null;
  #stops: (() => void)[] = [];
  #isEnded = false;

  constructor(options: TermOptions) {
    this.#options = options;
    this.serverId = options.selfId;
    const { configs, epochs, store } = options;
    this.#founding = new Founding({
      configs,
      epochs,
      lastLoggedZxid: () => store.lastLoggedZxid,
      fail: (reason) => this.stop(reason),
    });
    this.#broadcast = new Broadcast({
      commit: (entry) => this.#commit(entry),
    });
  }

  get tree(): ZnodeTree {
    return this.#options.store.tree;
  }

  /** What is under way, and who follows. */
  stats(): QuorumStats {
    const { configs } = this.#options;
    return countQuorum(this.#links.values(), configs, this.#broadcast.count);
  }

  /** Servers that are in step, and get all changes. */
  links(): Iterable<LearnerLink> {
    return this.#links.values();
  }

  /**
   * Leads until that is over.
   *
   * @throws {TermEnd} Where it cannot go on as leader.
   * @throws {HostError} Where the own disk or port has failed.
   */
  async run(): Promise<never> {
    const { host, epochs, timing, selfId, store } = this.#options;
    try {
      await this.#listen();
      this.#stops.push(host.clock.after(initLimitMs(timing), () => {
        if (this.#founding.isEstablished) return;
        this.stop(new TermEnd("too few servers came to follow in time"));
      }));
      const founding = this.#founding;
      founding.promise(selfId, epochs.accepted);
      const epoch = await Promise.race([
        founding.epochChosen,
        this.#ended.passed,
      ]);
      founding.chooseConfig(epoch);
      founding.ackEpoch(selfId);
      await Promise.race([founding.epochAgreed, this.#ended.passed]);
      await epochs.enter(epoch);
      founding.ackHistory(selfId);
      await Promise.race([founding.established, this.#ended.passed]);
      store.tree.restoreZxid(epochStart(epoch));
      this.#activateConfig(epoch);
      if (this.#successor === null) this.#serve(epoch);
      this.#started.open();
      return await this.#ended.passed;
    } finally {
      this.#isEnded = true;
      for (const stop of this.#stops.splice(0)) stop();
      this.#order?.close();
      this.#listener?.close();
      for (const link of this.#links.values()) link.close();
      host.clock.after(0, () => {
        this.#founding.refuse(null);
        this.#started.refuse(null);
      });
    }
  }

  /** Ends the term. */
  stop(reason: unknown = new TermEnd("the server is stopping")): void {
    this.#isEnded = true;
    this.#founding.refuse(reason);
    this.#started.refuse(reason);
    this.#ended.refuse(reason);
  }

  /** Applies what is durable here, committed or not: it is this server's history. */
  async settle(): Promise<void> {
    await this.#options.store.settled();
    for (const proposal of this.#broadcast.outstanding()) {
      this.#options.store.apply(proposal);
    }
  }

  submit(request: ClientRequest, done: (outcome: Outcome) => void): void {
    this.#propose(request, this.serverId, done);
  }

  sync(_request: ClientRequest, done: (outcome: Outcome) => void): void {
    this.#broadcast.afterAll(() =>
      done({
        zxid: this.tree.lastZxid,
        errorCode: 0,
        txn: null,
        applied: null,
      })
    );
  }

  touch(sessionId: bigint, timeoutMs: number): void {
    this.#order?.renew(sessionId, timeoutMs);
  }

  sessionDeadlines(): Iterable<[bigint, number]> {
    return this.#order?.sessionDeadlines() ?? [];
  }

  revalidate(sessionId: bigint, timeoutMs: number): Promise<boolean> {
    const isAlive = this.#order?.take(sessionId, timeoutMs, this.serverId);
    return Promise.resolve(isAlive ?? false);
  }

  async #listen(): Promise<void> {
    const { host, configs, listensOnAll } = this.#options;
    const own = configs.self.quorum;
    this.#address = own;
    const address = { host: listensOnAll ? "" : own.host, port: own.port };
    this.#listener = await host.net.listen(address, (io) => {
      this.#attend(io).catch((error) => this.stop(error));
    });
  }

  /** Serves one learner for as long as it stays. */
  async #attend(io: Connection): Promise<void> {
    const { trace, host, timing, configs } = this.#options;
    const stream = new PacketStream(io);
    const cancel = host.clock.after(initLimitMs(timing), () => stream.close());
    let link: LearnerLink | null = null;
    try {
      const info = await stream.receive();
      const learner = decodeLearnerInfo(info.data);
      const { serverId } = learner;
      const problem = problemOf(learner, info.type, configs, this.serverId);
      if (problem !== null) {
        trace(`Refused ${stream.peer} on the quorum port: ${problem}`);
        return;
      }
      const isFollower = info.type === PacketType.followerInfo;
      link = new LearnerLink(
        serverId,
        isFollower,
        stream,
        host.clock.monotonicMs(),
      );
      this.#links.get(serverId)?.close();
      this.#links.set(serverId, link);
      if (isFollower) this.#founding.promise(serverId, info.zxid >> 32n);
      await this.#bringIntoStep(link);
      cancel();
      for (;;) this.#handle(link, await this.#hear(link));
    } catch (error) {
      if (this.#isEnded) return;
      const reason = error instanceof Error ? error.message : String(error);
      trace(
        link === null
          ? `Dropped ${stream.peer} on the quorum port: ${reason}`
          : `Server ${link.id} has gone: ${reason}`,
      );
    } finally {
      cancel();
      stream.close();
      if (link !== null && this.#links.get(link.id) === link) {
        this.#links.delete(link.id);
      }
      // All have heard who leads now.
      if (this.#successor !== null && this.#links.size === 0) this.#handOver();
    }
  }

  async #hear(link: LearnerLink): Promise<QuorumPacket> {
    const packet = await link.receive();
    // What was read ahead comes too late, once the term is over.
    if (this.#isEnded) throw new TermEnd("the term is over");
    if (this.#links.get(link.id) !== link) {
      throw new TermEnd("it has connected anew");
    }
    link.heardMs = this.#options.host.clock.monotonicMs();
    return packet;
  }

  async #bringIntoStep(link: LearnerLink): Promise<void> {
    const founding = this.#founding;
    const epoch = await founding.epochChosen;
    link.send(
      PacketType.leaderInfo,
      epochStart(epoch),
      encodeInt(PROTOCOL_VERSION),
    );
    const ack = await this.#hear(link);
    if (ack.type !== PacketType.ackEpoch) throw unexpected(ack, "ACKEPOCH");
    founding.compare(link.id, BigInt(decodeInt(ack.data)), ack.zxid);
    await founding.epochAgreed;
    link.sendHistory(this.#options.store, ack.zxid);
    link.send(
      PacketType.newLeader,
      epochStart(epoch),
      encodeUtf8(this.#options.configs.lastSeen.toText()),
    );
    // Not before: ZooKeeper 3.8 fails on a commit behind NEWLEADER whose proposal
    // came ahead of it.
    this.#forward(link);
    const inStep = await this.#hear(link);
    if (inStep.type !== PacketType.ack) throw unexpected(inStep, "ACK");
    link.isSynced = true;
    if (link.isFollower) founding.ackHistory(link.id);
    await this.#started.passed;
    link.send(PacketType.upToDate, epochStart(epoch));
  }

  /** What is under way and what is proposed from now on. */
  #forward(link: LearnerLink): void {
    link.isForwarded = true;
    this.#broadcast.withdraw(link.id);
    if (!link.isFollower) return;
    for (const { context, bytes } of this.#broadcast.outstanding()) {
      link.send(PacketType.proposal, context.zxid, bytes);
    }
  }

  /** The agreed configuration comes into force with the term. */
  #activateConfig(epoch: bigint): void {
    const { configs, store, host } = this.#options;
    configs.activate(configs.lastSeen);
    putConfigZnode(store.tree, configs.active, host.clock.wallMs());
    const leader = this.#designate(
      epochStart(epoch),
      this.#founding.supporters,
    );
    if (leader !== this.serverId) this.#giveUpTo(leader);
  }

  /** Who leads under the active configuration. */
  #designate(zxid: bigint, acked: ReadonlySet<number>): number {
    return designatedLeader(this.#options.configs.active, {
      self: { id: this.serverId, quorum: this.#address! },
      supporters: acked,
      outstanding: this.#broadcast.behind(zxid).map(({ acks }) => acks),
    });
  }

  /** Commits no more. Its followers leave by themselves once they have heard of it. */
  #giveUpTo(leader: number): void {
    const { trace, timing } = this.#options;
    trace(`Server ${leader} leads from now on: this one is not to any more`);
    this.#successor = leader;
    this.#stops.push(
      this.#options.host.clock.after(timing.tickMs, () => this.#handOver()),
    );
  }

  #handOver(): void {
    this.stop(
      new Handover(this.#successor!, `server ${this.#successor} leads now`),
    );
  }

  #requestedConfig(request: ReconfigWrite, zxid: bigint): string {
    const { configs, isAloneEnough } = this.#options;
    const inStep = [...this.#links.values()].filter((
      { isFollower, isSynced },
    ) => isFollower && isSynced);
    const next = requestedConfig(request, configs, {
      version: zxid,
      voterCountMin: isAloneEnough === true ? 1 : 2,
      inStep: [this.serverId, ...inStep.map(({ id }) => id)],
    });
    return next.toText();
  }

  #serve(epoch: bigint): void {
    const { host, timing, store, serving, containerCheckMs } = this.#options;
    this.#order = new RequestOrder({
      clock: host.clock,
      tree: store.tree,
      tickMs: timing.tickMs,
      selfId: this.serverId,
      lastZxid: epochStart(epoch),
      lastCounter: this.#options.lastCounter,
      rules: this.#options.rules,
      reconfigure: (request, zxid) => this.#requestedConfig(request, zxid),
      expire: (sessionId) => this.#closeSession(sessionId),
      exhausted: () =>
        this.stop(new TermEnd("the epoch's numbers are used up")),
    });
    this.#stops.push(goneByThemselves({
      clock: host.clock,
      tree: store.tree,
      intervalMs: containerCheckMs,
      remove: (path) => this.#broadcastOwn(path),
    }));
    this.#stops.push(
      repeatEvery(host.clock, timing.tickMs / 2, () => this.#ping()),
    );
    serving(this, epoch);
  }

  #handle(link: LearnerLink, packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.ack:
        return this.#broadcast.ack(link.id, packet.zxid);
      case PacketType.ping:
        for (const [sessionId, timeoutMs] of decodeSessions(packet.data)) {
          this.#order?.renew(sessionId, timeoutMs);
        }
        return;
      case PacketType.revalidate: {
        const [[sessionId, timeoutMs]] = decodeSessions(packet.data);
        const isAlive = this.#order?.take(sessionId, timeoutMs, link.id) ??
          false;
        return link.send(
          PacketType.revalidate,
          packet.zxid,
          encodeRevalidated(sessionId, isAlive),
        );
      }
      case PacketType.request: {
        const request = decodeRequest(packet);
        if (request.opCode !== OpCode.sync) {
          return this.#propose(request, link.id, null);
        }
        return this.#broadcast.afterAll(() => link.send(PacketType.sync, 0n));
      }
      default:
        throw unexpected(packet, "ACK, PING, REVALIDATE or REQUEST");
    }
  }

  #propose(
    request: ClientRequest,
    serverId: number,
    done: ((outcome: Outcome) => void) | null,
  ): void {
    const proposal = this.#order?.decide(request, serverId) ?? null;
    if (proposal === null) return;
    if (done !== null) this.#dones.set(proposal.context.zxid, done);
    this.#send(proposal);
  }

  #closeSession(sessionId: bigint): void {
    const body = new Uint8Array(0);
    const opCode = OpCode.closeSession;
    this.#propose(
      { sessionId, cxid: 0, opCode, body, identities: [] },
      this.serverId,
      null,
    );
  }

  #broadcastOwn(path: string): void {
    const proposal = this.#order?.decideRemoval(path) ?? null;
    if (proposal !== null) this.#send(proposal);
  }

  #send(proposal: Proposal): void {
    const { zxid } = proposal.context;
    const { configs } = this.#options;
    let seen: Promise<void> | null = null;
    if (proposal.txn.kind === "reconfig") {
      seen = configs.see(
        QuorumConfig.parse(decodeUtf8(proposal.txn.data!)),
      );
    }
    this.#broadcast.propose(proposal, configs.required());
    for (const link of this.#links.values()) {
      if (link.isForwarded && link.isFollower) {
        link.send(PacketType.proposal, zxid, proposal.bytes);
      }
    }
    const ack = () => {
      if (!this.#isEnded) this.#broadcast.ack(this.serverId, zxid);
    };
    const logged = seen === null
      ? ack
      : () => void seen.then(ack).catch((error) => this.stop(error));
    this.#options.store.log(proposal, logged, (error) => this.stop(error));
  }

  /** @returns Whether this server leads on. */
  #commit({ proposal, acks }: Outstanding): boolean {
    const { context, txn } = proposal;
    const { zxid } = context;
    if (txn.kind === "reconfig" && this.#options.configs.isChangeable) {
      this.#activate(proposal, acks);
    } else {
      for (const link of this.#links.values()) link.tellCommitted(proposal);
    }
    const applied = this.#options.store.apply(proposal);
    this.#order?.applied(zxid);
    this.#options.events.applied(context, txn, applied);
    const done = this.#dones.get(zxid);
    if (done !== undefined) {
      this.#dones.delete(zxid);
      const errorCode = txn.kind === "error" ? txn.err : 0;
      done({ zxid, errorCode, txn, applied });
    }
    return this.#successor === null;
  }

  /** Puts a committed configuration in force, here and at all that follow. */
  #activate(proposal: Proposal, acks: ReadonlySet<number>): void {
    const { configs } = this.#options;
    configs.activate(configs.lastSeen);
    const leader = this.#designate(proposal.context.zxid, acks);
    for (const link of this.#links.values()) {
      link.tellActivated(proposal, leader);
    }
    if (leader !== this.serverId) this.#giveUpTo(leader);
  }

  #ping(): void {
    const { host, timing, configs } = this.#options;
    const nowMs = host.clock.monotonicMs();
    const limitMs = syncLimitMs(timing);
    const heard = [this.serverId];
    for (const link of this.#links.values()) {
      if (!link.isSynced) continue;
      if (nowMs - link.heardMs > limitMs) link.close();
      else {
        heard.push(link.id);
        link.send(PacketType.ping, this.tree.lastZxid);
      }
    }
    if (!configs.isQuorum(heard) && this.#successor === null) {
      this.stop(new TermEnd("too few servers follow"));
    }
  }
}
