// A leader's side of one learner: packets out in order, held back while a whole
// tree goes over the same connection.

import type { ZnodeTree } from "../znode_tree.ts";
import { concatBytes } from "../../base/bytes.ts";
import type { Proposal } from "../proposal.ts";
import type { ZnodeStore } from "../znode_store.ts";
import type { Configurations } from "./configurations.ts";
import { encodeLong, type LearnerInfo } from "./packet_data.ts";
import {
  type PacketStream,
  PacketType,
  type QuorumPacket,
} from "./packet_stream.ts";
import { sendSnapshot } from "./snapshot_transfer.ts";

interface HeldPacket {
  readonly type: number;
  readonly zxid: bigint;
  readonly data: Uint8Array | null;
}

/** See the file's header. */
export class LearnerLink {
  readonly id: number;
  /** It logs what is proposed; an observer only hears what is committed. */
  readonly isFollower: boolean;
  readonly stream: PacketStream;
  /** When the learner was heard of last. */
  heardMs: number;
  /** It gets what is proposed and committed. */
  isForwarded = false;
  /** It has acknowledged the term's history. */
  isSynced = false;
  #held: HeldPacket[] | null = null;

  constructor(
    id: number,
    isFollower: boolean,
    stream: PacketStream,
    heardMs: number,
  ) {
    this.id = id;
    this.isFollower = isFollower;
    this.stream = stream;
    this.heardMs = heardMs;
  }

  send(type: number, zxid: bigint, data: Uint8Array | null = null): void {
    if (this.#held === null) this.stream.send(type, zxid, data);
    else this.#held.push({ type, zxid, data });
  }

  receive(): QuorumPacket | Promise<QuorumPacket> {
    return this.stream.takeNow() ?? this.stream.receive();
  }

  /** Sends a tree; packets that are sent meanwhile follow it. */
  async sendTree(tree: ZnodeTree): Promise<void> {
    this.#held = [];
    await sendSnapshot(this.stream, tree);
    const held = this.#held;
    this.#held = null;
    for (const { type, zxid, data } of held) this.stream.send(type, zxid, data);
  }

  /** Sends what the learner lacks of what is committed; takes back what only it has. */
  sendHistory({ history, tree }: ZnodeStore, zxid: bigint): void {
    const missing = history.since(zxid);
    const isEpochStart = (zxid & 0xffffffffn) === 0n;
    if (missing === null) {
      this.send(PacketType.snap, tree.lastZxid);
      this.sendTree(tree).catch(() => this.close());
      return;
    }
    // No transaction has the number at which an epoch starts.
    if (missing.commonZxid === zxid || isEpochStart) {
      this.send(PacketType.diff, zxid);
    } else this.send(PacketType.trunc, missing.commonZxid);
    for (const { context, bytes } of missing.proposals) {
      if (this.isFollower) {
        this.send(PacketType.proposal, context.zxid, bytes);
        this.send(PacketType.commit, context.zxid);
      } else this.send(PacketType.inform, context.zxid, bytes);
    }
  }

  /** A change that was proposed is committed now. */
  tellCommitted({ context: { zxid }, bytes }: Proposal): void {
    if (!this.isForwarded) return;
    if (this.isFollower) this.send(PacketType.commit, zxid);
    else this.send(PacketType.inform, zxid, bytes);
  }

  /** A configuration that was proposed is in force now, with its leader. */
  tellActivated({ context: { zxid }, bytes }: Proposal, leader: number): void {
    if (!this.isForwarded) return;
    const leaderId = encodeLong(BigInt(leader));
    if (this.isFollower) {
      this.send(PacketType.commitAndActivate, zxid, leaderId);
    } else {
      const data = concatBytes([leaderId, bytes]);
      this.send(PacketType.informAndActivate, zxid, data);
    }
  }

  close(): void {
    this.stream.close();
  }
}

/** Why a server may not follow; `null` where it may. */
export function problemOf(
  { serverId, configVersion }: LearnerInfo,
  packetType: number,
  configs: Configurations,
  selfId: number,
): string | null {
  const isInfo = packetType === PacketType.followerInfo ||
    packetType === PacketType.observerInfo;
  // One that is about to join follows first, without a voice.
  const isKnown = serverId !== selfId &&
    (configs.isChangeable || configs.member(serverId) !== null);
  if (!isKnown || !isInfo) {
    return `it calls itself server ${serverId}, which is not in the configuration`;
  }
  if (configs.isChangeable && configVersion > configs.active.version) {
    return `server ${serverId} knows a newer configuration, ${
      configVersion.toString(16)
    }`;
  }
  return null;
}
