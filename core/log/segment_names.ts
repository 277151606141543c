// Names of the files of a segment: the base offset as 20 digits, and a suffix for
// each kind and state.

export const LOG_SUFFIX = ".log";
export const OFFSET_INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const TRANSACTION_INDEX_SUFFIX = ".txnindex";
/** Of what stands beside a `.log`, and is made from it. */
export const INDEX_SUFFIXES: readonly string[] = [
  OFFSET_INDEX_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
];
export const SNAPSHOT_SUFFIX = ".snapshot";
/** Of files that wait to be unlinked. */
export const DELETED_SUFFIX = ".deleted";
/** Of files that a compaction is writing. */
export const CLEANED_SUFFIX = ".cleaned";
/** Of files that a compaction has written, and that take the place of others. */
export const SWAP_SUFFIX = ".swap";

/** A file's name without its suffix: the base offset as 20 digits. */
export function offsetName(offset: number): string {
  return String(offset).padStart(20, "0");
}
