// A leader's side of one learner: packets out in order, held back while a whole
// tree goes over the same connection.

import type { ZnodeTree } from "../znode_tree.ts";
import type { PacketStream, QuorumPacket } from "./packet_stream.ts";
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

  close(): void {
    this.stream.close();
  }
}
