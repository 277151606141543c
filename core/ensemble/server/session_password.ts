// The password of a session: 16 bytes that follow from its id, so that every
// server of an ensemble knows it without asking, kq's and ZooKeeper's alike.
//
// They are those of Java's linear congruential generator, seeded with the id and
// a constant. Whoever knows an id knows the password: it keeps clients from
// taking another's session by accident, not on purpose.
//
// Source: observed on ZooKeeper 3.8; Java documentation, `java.util.Random`.

/** Size of a password, in bytes. */
export const PASSWORD_BYTES = 16;

const SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const INCREMENT = 0xbn;
const STATE_MASK = (1n << 48n) - 1n;

/** The password of a session. */
export function sessionPassword(sessionId: bigint): Uint8Array {
  const bytes = new Uint8Array(PASSWORD_BYTES);
  const view = new DataView(bytes.buffer);
  let state = (BigInt.asUintN(64, sessionId ^ SECRET) ^ MULTIPLIER) &
    STATE_MASK;
  for (let at = 0; at < PASSWORD_BYTES; at += 4) {
    state = (state * MULTIPLIER + INCREMENT) & STATE_MASK;
    view.setUint32(at, Number(state >> 16n), true);
  }
  return bytes;
}
