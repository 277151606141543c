// The tables that the benchmarks print: kq beside Apache Kafka, or Apache
// ZooKeeper, with what is wanted of the two.

export interface Row {
  readonly figure: string;
  readonly kq: number;
  /** The other's; `null` where there is nothing to compare with. */
  readonly kafka: number | null;
  /** What the ratio kq/kafka should be: at most, or at least. */
  readonly bound?: readonly ["<=" | ">=", number];
  /** What kq's own figure should be at most, whatever Apache Kafka's is. */
  readonly most?: number;
}

/** The middle of an odd count of figures. */
export function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Three digits or all before the point. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function wanted({ kq, kafka, bound, most }: Row): string {
  const verdict = (isMet: boolean) => isMet ? "met" : "**not met**";
  if (most !== undefined) return `kq at most ${most}: ${verdict(kq <= most)}`;
  if (bound === undefined || kafka === null) return "";
  // As it is printed: what differs less than that is the same.
  const ratio = Number((kq / kafka).toFixed(2));
  const [way, limit] = bound;
  const isMet = way === "<=" ? ratio <= limit : ratio >= limit;
  const words = way === "<=" ? "at most" : "at least";
  return `${words} ${limit} x: ${verdict(isMet)}`;
}

/** Prints rows as a table in Markdown. */
export function printTable(
  rows: readonly Row[],
  other = "Apache Kafka",
): void {
  const short = other.split(" ").at(-1);
  console.log(`| figure | kq | ${other} | kq / ${short} | wanted |`);
  console.log("| --- | ---: | ---: | ---: | --- |");
  for (const row of rows) {
    const { figure, kq, kafka } = row;
    const cells = kafka === null
      ? [digits(kq), "", ""]
      : [digits(kq), digits(kafka), (kq / kafka).toFixed(2)];
    console.log(`| ${[figure, ...cells, wanted(row)].join(" | ")} |`);
  }
}
