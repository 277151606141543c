// A term as follower or observer: joins the leader, gets in step with its history,
// then logs and acknowledges what it proposes, and applies what it commits.
//
//   FOLLOWERINFO → LEADERINFO → ACKEPOCH → DIFF | TRUNC | SNAP, PROPOSAL, COMMIT …
//   → NEWLEADER → ACK → UPTODATE → serving
//
// Before NEWLEADER is acknowledged all of the leader's history is durable here, and
// after it the epoch is: log, then epoch, then ACK. Nothing is applied that is not
// durable here, whatever the leader has committed.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast";
// observed between ZooKeeper 3.8 servers.

import type { ClientRequest, Outcome, Replica } from "../server/replica.ts";
import { decodeProposal, type Proposal } from "../proposal.ts";
import type { ZnodeTree } from "../znode_tree.ts";
import { putConfigZnode } from "../config_znode.ts";
import { OwnRequests } from "./own_requests.ts";
import {
  decodeLong,
  decodeRevalidated,
  encodeInt,
  encodeLearnerInfo,
  encodeRequest,
  encodeSessions,
  PROTOCOL_VERSION,
  unexpected,
} from "./packet_data.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
} from "./packet_stream.ts";
import { reachLeader } from "./reach_leader.ts";
import { type Member, QuorumConfig } from "./quorum_config.ts";
import { receiveSnapshot } from "./snapshot_transfer.ts";
import {
  epochStart,
  Handover,
  initLimitMs,
  syncLimitMs,
  TermEnd,
  type TermOptions,
} from "./term.ts";

const NO_ZXID = -1n;

/** Proposed by the leader, and not applied yet. */
interface Proposed {
  readonly proposal: Proposal;
  isDurable: boolean;
}

/** See the file's header. */
export class LearnerTerm implements Replica {
  readonly role: "follower" | "observer";
  readonly serverId: number;
  readonly #options: TermOptions;
  readonly #leader: Member;
  readonly #patienceMs: number;
  readonly #own = new OwnRequests();
  /** Oldest first; of these the first `#committedCount` are committed. */
  readonly #proposed: Proposed[] = [];
  readonly #syncs: ((outcome: Outcome) => void)[] = [];
  readonly #afterApplied: {
    readonly zxid: bigint;
    readonly run: () => void;
  }[] = [];
  readonly #touched = new Map<bigint, number>();
  readonly #revalidating = new Map<bigint, ((isAlive: boolean) => void)[]>();
  #stream: PacketStream | null = null;
  #committedCount = 0;
  #committedZxid: bigint;
  #proposedZxid: bigint;
  #isAcknowledging = false;
  #isServing = false;
  #heardMs = 0;
  #isEnded = false;
  #failure: unknown = null;
  #cancelWatch: () => void = () => {};

  /** @param patienceMs How long the leader may take to listen. */
  constructor(options: TermOptions, leader: Member, patienceMs: number) {
    this.#options = options;
    this.#leader = leader;
    this.#patienceMs = patienceMs;
    this.serverId = options.selfId;
    this.role = options.configs.isObserver ? "observer" : "follower";
    this.#committedZxid = options.store.tree.lastZxid;
    this.#proposedZxid = options.store.lastLoggedZxid;
  }

  /** The server that is followed. */
  get leaderId(): number {
    return this.#leader.id;
  }

  get tree(): ZnodeTree {
    return this.#options.store.tree;
  }

  /**
   * Follows until that is over.
   *
   * @throws {TermEnd} Where the leader, or this server, cannot go on.
   * @throws {HostError} Where the leader is out of reach, or the own disk has failed.
   * @throws {DecodeError} Where the leader sends what makes no sense.
   */
  async run(): Promise<void> {
    try {
      const { clock } = this.#options.host;
      this.#heardMs = clock.monotonicMs();
      this.#watchLeader(initLimitMs(this.#options.timing));
      const stream = new PacketStream(
        await reachLeader({
          host: this.#options.host,
          leader: this.#leader,
          deadlineMs: this.#heardMs + this.#patienceMs,
          isOver: () => this.#isEnded,
        }),
      );
      this.#stream = stream;
      if (this.#isEnded) throw new TermEnd("the server is stopping");
      const epoch = await this.#register(stream);
      await this.#getInStep(stream, epoch);
      this.#serve(epoch);
      for (;;) this.#handle(await this.#receive(stream));
    } catch (error) {
      throw this.#failure ?? error;
    } finally {
      this.#isEnded = true;
      this.#cancelWatch();
      this.#stream?.close();
    }
  }

  /** Ends the term. */
  stop(reason: unknown = new TermEnd("the server is stopping")): void {
    this.#failure ??= reason;
    this.#isEnded = true;
    this.#stream?.close();
  }

  /**
   * Applies what is durable, committed or not: it is the history that this server
   * brings to the next leader.
   */
  async settle(): Promise<void> {
    await this.#options.store.settled();
    for (const { proposal } of this.#proposed.splice(0)) {
      this.#options.store.apply(proposal);
    }
  }

  submit(request: ClientRequest, done: (outcome: Outcome) => void): void {
    this.#own.add(request, done);
    this.#forward(request);
  }

  sync(request: ClientRequest, done: (outcome: Outcome) => void): void {
    this.#syncs.push(done);
    this.#forward(request);
  }

  touch(sessionId: bigint, timeoutMs: number): void {
    this.#touched.set(sessionId, timeoutMs);
  }

  revalidate(sessionId: bigint, timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = this.#revalidating.get(sessionId);
    if (waiting === undefined) this.#revalidating.set(sessionId, [resolve]);
    else waiting.push(resolve);
    this.#stream?.send(
      PacketType.revalidate,
      NO_ZXID,
      encodeSessions([[sessionId, timeoutMs]]),
    );
    return promise;
  }

  /** @returns The leader's epoch, promised durably. */
  async #register(stream: PacketStream): Promise<bigint> {
    const { epochs, selfId, store, configs } = this.#options;
    stream.send(
      this.role === "follower"
        ? PacketType.followerInfo
        : PacketType.observerInfo,
      epochStart(epochs.accepted),
      encodeLearnerInfo({
        serverId: selfId,
        protocolVersion: PROTOCOL_VERSION,
        configVersion: configs.active.version,
      }),
    );
    const info = await this.#receive(stream);
    if (info.type !== PacketType.leaderInfo) {
      throw unexpected(info, "LEADERINFO");
    }
    const epoch = info.zxid >> 32n;
    if (epoch < epochs.accepted) {
      throw new TermEnd(
        `server ${this.#leader.id} leads in epoch ${epoch}, but epoch ${epochs.accepted} is promised to another`,
      );
    }
    // One that was in this epoch before does not count as new to it.
    const current = epoch > epochs.accepted ? Number(epochs.current) : -1;
    if (epoch > epochs.accepted) await epochs.accept(epoch);
    // What nobody has had makes the leader send its whole tree.
    const zxid = store.needsTree || this.#options.isMute()
      ? NO_ZXID
      : store.lastLoggedZxid;
    stream.send(PacketType.ackEpoch, zxid, encodeInt(current));
    return epoch;
  }

  async #getInStep(stream: PacketStream, epoch: bigint): Promise<void> {
    const { store, epochs, configs } = this.#options;
    const first = await this.#receive(stream);
    this.#tellStep(first);
    switch (first.type) {
      case PacketType.diff:
        break;
      case PacketType.trunc:
        await store.truncateTo(first.zxid);
        break;
      case PacketType.snap:
        await store.replaceTree(await receiveSnapshot(stream, first.zxid));
        break;
      default:
        throw unexpected(first, "DIFF, TRUNC or SNAP");
    }
    this.#committedZxid = store.tree.lastZxid;
    this.#proposedZxid = store.lastLoggedZxid;
    this.#putConfig();
    let agreed: QuorumConfig | null = null;
    for (;;) {
      const packet = await this.#receive(stream);
      if (packet.type === PacketType.newLeader) {
        agreed = QuorumConfig.read(packet.data);
        if (agreed !== null) await configs.see(agreed);
        await store.settled();
        await epochs.enter(epoch);
        stream.send(PacketType.ack, packet.zxid);
        this.#acknowledge(stream);
      } else if (packet.type === PacketType.upToDate) {
        if (epochs.current !== epoch) throw unexpected(packet, "NEWLEADER");
        if (agreed !== null) this.#adopt(agreed);
        stream.send(PacketType.ack, epochStart(epoch));
        // A tree that was sent while changes went on has some of them already:
        // nobody may see it before all of them are applied.
        await store.durable();
        return;
      } else this.#handle(packet);
    }
  }

  #tellStep({ type, zxid }: QuorumPacket): void {
    const { trace, store } = this.#options;
    const name = Object.entries(PacketType).find(([, each]) => each === type);
    trace(
      `Gets into step with server ${this.#leader.id}: ${
        name?.[0].toUpperCase()
      } at 0x${zxid.toString(16)}, having 0x${
        store.lastLoggedZxid.toString(16)
      }`,
    );
  }

  /** From here on the leader counts on what is durable here. */
  #acknowledge(stream: PacketStream): void {
    this.#isAcknowledging = this.role === "follower";
    if (!this.#isAcknowledging) return;
    for (const { proposal, isDurable } of this.#proposed) {
      if (isDurable) stream.send(PacketType.ack, proposal.context.zxid);
    }
  }

  #serve(epoch: bigint): void {
    const { store, timing, serving } = this.#options;
    this.#cancelWatch();
    this.#watchLeader(syncLimitMs(timing));
    // Clients may have seen the new epoch at another server.
    if (
      store.tree.lastZxid < epochStart(epoch) && this.#proposed.length === 0
    ) {
      store.tree.restoreZxid(epochStart(epoch));
    }
    this.#isServing = true;
    serving(this, epoch);
  }

  #handle(packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.proposal:
        return this.#propose(decodeProposal(packet.data!));
      case PacketType.commit:
        return this.#commit(packet.zxid);
      case PacketType.inform: {
        const proposal = decodeProposal(packet.data!);
        this.#propose(proposal);
        return this.#commit(proposal.context.zxid);
      }
      case PacketType.commitAndActivate:
        return this.#activate(packet.zxid, decodeLong(packet.data).value);
      case PacketType.informAndActivate: {
        const { value, rest } = decodeLong(packet.data);
        const proposal = decodeProposal(rest);
        this.#propose(proposal);
        return this.#activate(proposal.context.zxid, value);
      }
      case PacketType.ping:
        return this.#answerPing(packet);
      case PacketType.sync:
        return this.#synced();
      case PacketType.revalidate: {
        const { sessionId, isAlive } = decodeRevalidated(packet.data);
        const waiting = this.#revalidating.get(sessionId) ?? [];
        waiting.shift()?.(isAlive);
        if (waiting.length === 0) this.#revalidating.delete(sessionId);
        return;
      }
      default:
        throw unexpected(packet, "PROPOSAL, COMMIT, INFORM, PING or SYNC");
    }
  }

  #propose(proposal: Proposal): void {
    const { zxid } = proposal.context;
    const isFirst = (zxid & 0xffffffffn) === 1n &&
      (zxid >> 32n) > (this.#proposedZxid >> 32n);
    const isNext = isFirst || zxid === this.#proposedZxid + 1n;
    if (!isNext) {
      throw new TermEnd(
        `the leader proposes 0x${zxid.toString(16)} after 0x${
          this.#proposedZxid.toString(16)
        }`,
      );
    }
    this.#proposedZxid = zxid;
    const config = proposal.txn.kind === "reconfig"
      ? QuorumConfig.read(proposal.txn.data)
      : null;
    const seen = config === null ? null : this.#options.configs.see(config);
    const proposed: Proposed = { proposal, isDurable: false };
    this.#proposed.push(proposed);
    const durable = () => {
      proposed.isDurable = true;
      if (this.#isEnded) return;
      if (this.#isAcknowledging) this.#stream?.send(PacketType.ack, zxid);
      this.#applyReady();
    };
    const logged = seen === null
      ? durable
      : () => void seen.then(durable).catch((error) => this.stop(error));
    this.#options.store.log(proposal, logged, (error) => this.stop(error));
  }

  #commit(zxid: bigint): void {
    const next = this.#proposed.at(this.#committedCount);
    if (next?.proposal.context.zxid !== zxid) {
      throw new TermEnd(
        `the leader commits 0x${
          zxid.toString(16)
        }, which is not the next that it proposed`,
      );
    }
    this.#committedCount++;
    this.#committedZxid = zxid;
    this.#applyReady();
  }

  /** Commits a change of the ensemble, and puts it in force. */
  #activate(zxid: bigint, leaderId: bigint): void {
    const { configs } = this.#options;
    const txn = this.#proposed.at(this.#committedCount)?.proposal.txn;
    this.#commit(zxid);
    const config = txn?.kind === "reconfig"
      ? QuorumConfig.read(txn.data)
      : null;
    if (config === null || !configs.activate(config)) return;
    const leader = Number(leaderId);
    if (leader === this.#leader.id && !this.#hasOtherRole()) return;
    throw new Handover(
      leader,
      leader === this.#leader.id
        ? "the part of this server in the ensemble is another now"
        : `server ${leader} leads now`,
    );
  }

  /** Takes the configuration that a quorum has agreed on with this term. */
  #adopt(config: QuorumConfig): void {
    const { configs } = this.#options;
    const before = configs.active.members.get(this.#leader.id)?.quorum;
    const isChanged = configs.activate(config);
    this.#putConfig();
    if (!isChanged) return;
    const after = configs.active.members.get(this.#leader.id);
    const stays = after?.type === "participant" &&
      before?.host === after.quorum.host && before.port === after.quorum.port;
    if (stays && !this.#hasOtherRole()) return;
    throw new TermEnd("the ensemble has other members than this server knew");
  }

  #hasOtherRole(): boolean {
    return (this.role === "observer") !== this.#options.configs.isObserver;
  }

  #putConfig(): void {
    const { store, configs, host } = this.#options;
    putConfigZnode(store.tree, configs.active, host.clock.wallMs());
  }

  #applyReady(): void {
    let count = 0;
    while (count < this.#committedCount && this.#proposed[count].isDurable) {
      this.#apply(this.#proposed[count++].proposal);
    }
    if (count === 0) return;
    this.#proposed.splice(0, count);
    this.#committedCount -= count;
    while (
      this.#afterApplied.length > 0 &&
      this.#afterApplied[0].zxid <= this.tree.lastZxid
    ) this.#afterApplied.shift()!.run();
  }

  #apply(proposal: Proposal): void {
    const { context, txn } = proposal;
    const applied = this.#options.store.apply(proposal);
    if (!this.#isServing) return;
    this.#options.events.applied(context, txn, applied);
    const done = this.#own.take(context, txn);
    const errorCode = txn.kind === "error" ? txn.err : 0;
    done?.({ zxid: context.zxid, errorCode, txn, applied });
  }

  /** All that was committed before the leader's answer has to be applied here first. */
  #synced(): void {
    const done = this.#syncs.shift();
    if (done === undefined) return;
    const zxid = this.#committedZxid;
    const run = () =>
      done({
        zxid: this.tree.lastZxid,
        errorCode: 0,
        txn: null,
        applied: null,
      });
    if (zxid <= this.tree.lastZxid) run();
    else this.#afterApplied.push({ zxid, run });
  }

  #answerPing({ zxid }: QuorumPacket): void {
    this.#stream?.send(PacketType.ping, zxid, encodeSessions(this.#touched));
    this.#touched.clear();
  }

  #forward(request: ClientRequest): void {
    this.#stream?.send(
      PacketType.request,
      NO_ZXID,
      encodeRequest(request),
      request.identities,
    );
  }

  async #receive(stream: PacketStream): Promise<QuorumPacket> {
    const packet = stream.takeNow() ?? await stream.receive();
    this.#heardMs = this.#options.host.clock.monotonicMs();
    if (this.#isEnded) throw this.#failure;
    return packet;
  }

  /** Ends the term when the leader has been silent for too long. */
  #watchLeader(limitMs: number): void {
    const { clock } = this.#options.host;
    const look = () => {
      const silentMs = clock.monotonicMs() - this.#heardMs;
      if (silentMs >= limitMs) {
        return this.stop(
          new TermEnd(
            `server ${this.#leader.id}, the leader, has been silent for ${
              Math.round(silentMs)
            } ms`,
          ),
        );
      }
      this.#cancelWatch = clock.after(Math.max(1, limitMs - silentMs), () => {
        // What has come meanwhile, and was not looked at yet, counts.
        clock.afterOthers(() => {
          if (!this.#isEnded) look();
        });
      });
    };
    look();
  }
}
