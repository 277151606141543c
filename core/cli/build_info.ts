// How this program was built. A bundle sets `globalThis.KQ_BUILD` before its
// first line; without it, the program runs from source.

/** The release that this source is on the way to, or is. */
export const VERSION = "0.1.0";

export interface BuildInfo {
  readonly version: string;
  /** `source`, or as the build names it: `deno compile`, `self-extracting file`. */
  readonly kind: string;
  /** `""` where it is not known. */
  readonly commit: string;
}

/** What `kq version` prints. */
export function buildInfo(): BuildInfo {
  const build = (globalThis as { KQ_BUILD?: Partial<BuildInfo> }).KQ_BUILD;
  return {
    version: VERSION,
    kind: build?.kind ?? "source",
    commit: build?.commit ?? "",
  };
}
