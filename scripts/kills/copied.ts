// What a copier makes of its input, and whether its output is that: every number
// once, in the order of its partition, and nothing that was to be aborted.
//
// Output values are `NUMBER:CHECK TRANSACTION`; `!` in front marks what its
// copier means to abort.

/** What a copier makes of a number of its input. */
export function copyOf(number: number, transaction: string): string {
  return `${number}:${checkOf(number)} ${transaction}`;
}

function checkOf(number: number): number {
  return number * 7919 % 1_000_003;
}

export interface CopyScale {
  readonly recordCount: number;
  readonly inputPartitionCount: number;
}

/** What was found in all of the output. */
export interface CopyVerdict {
  readonly missingCount: number;
  readonly repeatedCount: number;
  /** Values that no copier should have left behind. */
  readonly wrongCount: number;
  /** Numbers that came after a later one of the same input partition. */
  readonly misplacedCount: number;
  readonly examples: readonly string[];
}

/** Judges the values of each output partition, in order. */
export function judgeCopy(
  partitions: readonly (readonly string[])[],
  { recordCount, inputPartitionCount }: CopyScale,
): CopyVerdict {
  const seen = new Uint8Array(recordCount);
  const counts = { repeated: 0, wrong: 0, misplaced: 0 };
  const examples = new Map<string, string>();
  for (const [partition, values] of partitions.entries()) {
    const lasts = new Array<number>(inputPartitionCount).fill(-1);
    for (const value of values) {
      const [, number, check] = /^(\d+):(\d+) /.exec(value)?.map(Number) ?? [];
      const note = (kind: keyof typeof counts) => {
        counts[kind]++;
        examples.set(
          kind,
          `${kind}: ${value} in output partition ${partition}`,
        );
      };
      if (number === undefined || check !== checkOf(number)) {
        note("wrong");
        continue;
      }
      if (!(number in seen)) note("wrong");
      else if (seen[number] === 1) note("repeated");
      seen[number] = 1;
      const from = number % inputPartitionCount;
      if (number < lasts[from]) note("misplaced");
      lasts[from] = number;
    }
  }
  const missingCount = seen.reduce((count, each) => count + 1 - each, 0);
  if (missingCount > 0) examples.set("missing", `missing: ${seen.indexOf(0)}`);
  return {
    missingCount,
    repeatedCount: counts.repeated,
    wrongCount: counts.wrong,
    misplacedCount: counts.misplaced,
    examples: [...examples.values()],
  };
}
