// What members of a group have printed, and whether that is what they should:
// every record once at least, and again only what was not committed when one of
// them was killed.
//
// A line is `partition offset number`; the records of a partition carry the
// numbers `offset * partitions + partition`.

/** What was known when a member was killed. */
export interface Checkpoint {
  /** Committed offsets by partition, asked for after the kill. */
  readonly committed: readonly number[];
  /** How much each file held when that was answered; 0 for files made later. */
  readonly sizes: ReadonlyMap<string, number>;
}

export interface Verdict {
  /** Records that nobody printed. */
  readonly lostCount: number;
  /** Records printed more than once, each time after the first. */
  readonly repeatedCount: number;
  /** Records printed anew although they had been committed. */
  readonly committedAgainCount: number;
  /** Lines that are not what was produced. */
  readonly wrongCount: number;
  /** Lines that a kill has cut. */
  readonly cutCount: number;
  /** One of each kind, for a message. */
  readonly examples: readonly string[];
}

/** Judges the files of all members, by name. */
export function judge(
  files: ReadonlyMap<string, Uint8Array>,
  checkpoints: readonly Checkpoint[],
  { recordCount, partitionCount }: {
    readonly recordCount: number;
    readonly partitionCount: number;
  },
): Verdict {
  const seen = new Uint8Array(recordCount);
  const counts = { repeated: 0, committedAgain: 0, wrong: 0, cut: 0 };
  const examples = new Map<string, string>();
  for (const [name, bytes] of files) {
    const reached = [...checkpoints].sort((a, b) =>
      (a.sizes.get(name) ?? 0) - (b.sizes.get(name) ?? 0)
    );
    const floor = new Array<number>(partitionCount).fill(0);
    let next = 0;
    for (const { position, numbers } of linesOf(bytes)) {
      while (
        next < reached.length &&
        (reached[next].sizes.get(name) ?? 0) <= position
      ) {
        reached[next++].committed.forEach((offset, partition) => {
          floor[partition] = Math.max(floor[partition], offset);
        });
      }
      if (numbers === null) {
        counts.cut++;
        continue;
      }
      const [partition, offset, value] = numbers;
      const place = `${name}: ${numbers.join(" ")}`;
      if (
        value !== offset * partitionCount + partition || !(value in seen)
      ) {
        counts.wrong++;
        examples.set("wrong", place);
        continue;
      }
      if (seen[value] === 1) counts.repeated++;
      seen[value] = 1;
      if (offset < floor[partition]) {
        counts.committedAgain++;
        examples.set(
          "committed",
          `${place}, where ${floor[partition]} was committed`,
        );
      }
    }
  }
  const lostCount = seen.reduce((count, each) => count + 1 - each, 0);
  if (lostCount > 0) examples.set("lost", `lost: ${seen.indexOf(0)}`);
  return {
    lostCount,
    repeatedCount: counts.repeated,
    committedAgainCount: counts.committedAgain,
    wrongCount: counts.wrong,
    cutCount: counts.cut,
    examples: [...examples.values()],
  };
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const ZERO = 0x30;

/** Lines of three numbers, with their positions; `null` for a last one without end. */
function* linesOf(bytes: Uint8Array): Iterable<{
  readonly position: number;
  readonly numbers: readonly [number, number, number] | null;
}> {
  let position = 0;
  let numbers = [0];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === SPACE) numbers.push(0);
    else if (byte === NEWLINE) {
      const [partition = NaN, offset = NaN, value = NaN] = numbers;
      yield { position, numbers: [partition, offset, value] };
      position = i + 1;
      numbers = [0];
    } else {
      const digit = byte - ZERO;
      const isDigit = digit >= 0 && digit <= 9;
      const last = numbers.length - 1;
      numbers[last] = isDigit ? numbers[last] * 10 + digit : NaN;
    }
  }
  if (position < bytes.length) yield { position, numbers: null };
}
