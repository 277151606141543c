// Why compressed bytes cannot be had back: damaged, or larger than allowed.

/** `corrupt`: not what the codec writes. `tooLarge`: inflates past the caller's limit. */
export type CompressErrorKind = "corrupt" | "tooLarge";

/** Thrown by decompression only; the message names the codec. */
export class CompressError extends Error {
  override readonly name = "CompressError";
  constructor(
    readonly kind: CompressErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A `tooLarge` in one form for all codecs. */
export function tooLarge(codec: string, maxBytes: number): CompressError {
  return new CompressError(
    "tooLarge",
    `Cannot decompress ${codec}: more than ${maxBytes} bytes inside`,
  );
}

/** A `corrupt` in one form for all codecs. */
export function corrupt(codec: string, reason: string): CompressError {
  return new CompressError("corrupt", `Cannot decompress ${codec}: ${reason}`);
}
