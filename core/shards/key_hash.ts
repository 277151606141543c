// Which partition of an internal topic looks after a key: a group id, or a
// transactional id.

const INT32_MIN = -0x8000_0000;

/** Java's `String.hashCode`. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  }
  return hash;
}

/** The partition of a key, as every broker of the cluster finds it. */
export function partitionOfKey(key: string, partitionCount: number): number {
  const hash = javaHash(key);
  return (hash === INT32_MIN ? 0 : Math.abs(hash)) % partitionCount;
}
