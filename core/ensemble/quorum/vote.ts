// Votes of the leader election, and their bytes on the election port.
//
//   size: int; then
//   state: int; leader, zxid, electionEpoch, peerEpoch: long; version: int = 2;
//   configSize: int; config: text of the sender's configuration
//
// A server looking for a leader proposes one; one that has a leader says which.
//
// Source: observed between ZooKeeper 3.8 servers; testdata/quorum/.

import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";

export type PeerState = "looking" | "following" | "leading" | "observing";

const STATES: readonly PeerState[] = [
  "looking",
  "following",
  "leading",
  "observing",
];

/** Whom somebody would have as leader, and why. */
export interface Vote {
  readonly leader: number;
  /** The last transaction that the leader has logged. */
  readonly zxid: bigint;
  /** The epoch that the leader was last in. */
  readonly peerEpoch: bigint;
}

/** What servers tell each other. */
export interface Notification extends Vote {
  readonly state: PeerState;
  /** The election, by the sender's count. */
  readonly electionEpoch: bigint;
  /** The text of the sender's configuration; empty in older versions. */
  readonly config: string;
}

const MESSAGE_VERSION = 2;
/** Fields before the configuration, in bytes. */
const FIXED_BYTES = 40;
/** A vote has no more than the text of a configuration. */
export const NOTIFICATION_BYTES_MAX = 512 * 1024;

/** Whether one vote is better: by epoch, then by zxid, then by id. */
export function isBetter(vote: Vote, than: Vote): boolean {
  if (vote.peerEpoch !== than.peerEpoch) {
    return vote.peerEpoch > than.peerEpoch;
  }
  if (vote.zxid !== than.zxid) return vote.zxid > than.zxid;
  return vote.leader > than.leader;
}

/** The frame, size included. */
export function encodeNotification(notification: Notification): Uint8Array {
  const config = encodeUtf8(notification.config);
  const writer = new Writer();
  writer.int32(FIXED_BYTES + 4 + config.length);
  writer.int32(STATES.indexOf(notification.state));
  writer.bigInt64(BigInt(notification.leader));
  writer.bigInt64(notification.zxid);
  writer.bigInt64(notification.electionEpoch);
  writer.bigInt64(notification.peerEpoch);
  writer.int32(MESSAGE_VERSION);
  writer.int32(config.length);
  writer.raw(config);
  return writer.written();
}

/**
 * Reads a frame without its size.
 *
 * @throws {DecodeError} Where it is no notification.
 */
export function decodeNotification(bytes: Uint8Array): Notification {
  const reader = new Reader(bytes);
  const state = STATES[reader.int32()];
  if (state === undefined) throw new DecodeError("unknown state", 0);
  const leader = reader.bigInt64();
  const zxid = reader.bigInt64();
  const electionEpoch = reader.bigInt64();
  const peerEpoch = reader.bigInt64();
  let config = "";
  if (reader.remaining >= 8) {
    reader.int32();
    const size = reader.int32();
    config = decodeUtf8(reader.view(size));
  }
  return {
    state,
    leader: Number(leader),
    zxid,
    electionEpoch,
    peerEpoch,
    config,
  };
}
