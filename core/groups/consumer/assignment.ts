// Which partitions a member has or shall have: by topic id, ascending. Values
// never change; operations give new ones.

/** Partitions by topic id; each list ascending and not empty. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** The form that messages and records share. */
export interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** No partitions at all. */
export const NOTHING: Assignment = new Map();

/**
 * Reads an assignment from a message or record.
 *
 * Repeated topics and partitions are taken once; order does not matter.
 */
export function assignmentOf(topics: Iterable<TopicPartitions>): Assignment {
  const sets = new Map<string, Set<number>>();
  for (const { topicId, partitions } of topics) {
    let set = sets.get(topicId);
    if (set === undefined) sets.set(topicId, set = new Set());
    for (const partition of partitions) set.add(partition);
  }
  const assignment = new Map<string, number[]>();
  for (const [topicId, set] of sets) {
    if (set.size > 0) assignment.set(topicId, [...set].sort(ascending));
  }
  return assignment;
}

/** The form for messages and records; the lists are the assignment's own. */
export function topicPartitionsOf(
  assignment: Assignment,
): { topicId: string; partitions: number[] }[] {
  return Array.from(assignment, ([topicId, partitions]) => ({
    topicId,
    partitions: partitions as number[],
  }));
}

/** How many partitions there are. */
export function partitionCount(assignment: Assignment): number {
  let count = 0;
  for (const partitions of assignment.values()) count += partitions.length;
  return count;
}

/** Whether both have the same partitions. */
export function isSame(a: Assignment, b: Assignment): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (
      others === undefined || others.length !== partitions.length ||
      partitions.some((partition, index) => others[index] !== partition)
    ) return false;
  }
  return true;
}

/** Those of the first that the second has too. */
export function common(a: Assignment, b: Assignment): Assignment {
  return filter(a, (topicId, partition) => includes(b, topicId, partition));
}

/** Those of the first that the second has not. */
export function without(a: Assignment, b: Assignment): Assignment {
  if (b.size === 0) return a;
  return filter(a, (topicId, partition) => !includes(b, topicId, partition));
}

/** Those of either. */
export function together(a: Assignment, b: Assignment): Assignment {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  return assignmentOf([...topicPartitionsOf(a), ...topicPartitionsOf(b)]);
}

/** Whether the second has all of the first. */
export function isWithin(a: Assignment, b: Assignment): boolean {
  return without(a, b).size === 0;
}

/** Whether some partition is in both. */
export function overlaps(a: Assignment, b: Assignment): boolean {
  return common(a, b).size > 0;
}

/** Those partitions for which `keep` is true. */
export function filter(
  assignment: Assignment,
  keep: (topicId: string, partition: number) => boolean,
): Assignment {
  const kept = new Map<string, readonly number[]>();
  for (const [topicId, partitions] of assignment) {
    const left = partitions.filter((partition) => keep(topicId, partition));
    if (left.length > 0) kept.set(topicId, left);
  }
  return kept;
}

function includes(
  assignment: Assignment,
  topicId: string,
  partition: number,
): boolean {
  const partitions = assignment.get(topicId);
  if (partitions === undefined) return false;
  // Invariant: the list is ascending.
  let low = 0;
  let high = partitions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (partitions[middle] < partition) low = middle + 1;
    else high = middle;
  }
  return partitions[low] === partition;
}

function ascending(a: number, b: number): number {
  return a - b;
}
