// Which brokers hold the replicas of new partitions.
//
// First replicas go round the brokers from a random one. The further replicas of
// a partition follow at a distance that grows with each round, so that the
// partitions a broker leads have their followers spread over all others. Where
// every broker has a rack, brokers are taken alternately from the racks, and a
// partition gets a second replica in a rack only when each rack has one.
//
// Source: Kafka documentation, "Balancing Replicas Across Racks"; the same
// choices as Kafka's tools make from the same random numbers.

/** A broker that may be given replicas. */
export interface Candidate {
  readonly id: number;
  readonly rack: string | null;
}

/** Where to begin; both below the number of brokers. */
export interface AssignmentStart {
  /** Index of the first partition's first broker. */
  readonly brokerIndex: number;
  /** Distance of the second replica in the first round. */
  readonly shift: number;
  /** Number of the first partition that is assigned. */
  readonly partitionIndex: number;
}

/** A start drawn at random. */
export function randomStart(
  brokerCount: number,
  random: () => number,
): AssignmentStart {
  return {
    brokerIndex: Math.floor(random() * brokerCount),
    shift: Math.floor(random() * brokerCount),
    partitionIndex: 0,
  };
}

/**
 * Chooses the replicas of partitions.
 *
 * @param wanted `replicationFactor` is at least 1 and at most the number of brokers.
 * @returns Broker ids by partition, the preferred leader first.
 */
export function assignReplicas(
  brokers: readonly Candidate[],
  wanted: {
    readonly partitionCount: number;
    readonly replicationFactor: number;
  },
  start: AssignmentStart,
): number[][] {
  const racks = new Map(brokers.map((each) => [each.id, each.rack]));
  // With only some racks known, none is taken into account.
  const isRackAware = brokers.every((each) => each.rack !== null);
  const order = isRackAware
    ? alternateRacks(brokers)
    : brokers.map((each) => each.id).sort((a, b) => a - b);
  const rackCount = isRackAware ? new Set(racks.values()).size : 1;
  const assignments: number[][] = [];
  let shift = start.shift;
  for (let added = 0; added < wanted.partitionCount; added++) {
    const partition = start.partitionIndex + added;
    if (partition > 0 && partition % order.length === 0) shift++;
    const first = (partition + start.brokerIndex) % order.length;
    assignments.push(
      isRackAware
        ? spreadOverRacks(order, racks, {
          first,
          shift: shift * rackCount,
          count: wanted.replicationFactor,
          rackCount,
        })
        : spread(order, { first, shift, count: wanted.replicationFactor }),
    );
  }
  return assignments;
}

/** The place of a partition's further replica. */
function placeOf(
  first: number,
  shift: number,
  replica: number,
  brokerCount: number,
): number {
  if (brokerCount === 1) return first;
  const distance = 1 + (shift + replica) % (brokerCount - 1);
  return (first + distance) % brokerCount;
}

function spread(
  order: readonly number[],
  { first, shift, count }: { first: number; shift: number; count: number },
): number[] {
  const replicas = [order[first]];
  for (let replica = 0; replicas.length < count; replica++) {
    replicas.push(order[placeOf(first, shift, replica, order.length)]);
  }
  return replicas;
}

function spreadOverRacks(
  order: readonly number[],
  racks: ReadonlyMap<number, string | null>,
  { first, shift, count, rackCount }: {
    first: number;
    shift: number;
    count: number;
    rackCount: number;
  },
): number[] {
  const replicas = [order[first]];
  const usedRacks = new Set([racks.get(order[first])]);
  for (let step = 0; replicas.length < count; step++) {
    const broker = order[placeOf(first, shift, step, order.length)];
    const rack = racks.get(broker);
    const isRackFree = !usedRacks.has(rack) || usedRacks.size === rackCount;
    if (!isRackFree || replicas.includes(broker)) continue;
    replicas.push(broker);
    usedRacks.add(rack);
  }
  return replicas;
}

/** Brokers one rack after the other, until all are there. */
function alternateRacks(brokers: readonly Candidate[]): number[] {
  const byRack = new Map<string, number[]>();
  for (const { id, rack } of [...brokers].sort((a, b) => a.id - b.id)) {
    const key = rack ?? "";
    byRack.set(key, [...byRack.get(key) ?? [], id]);
  }
  const columns = [...byRack.keys()].sort().map((rack) => byRack.get(rack)!);
  const order: number[] = [];
  for (let row = 0; order.length < brokers.length; row++) {
    for (const column of columns) {
      if (row < column.length) order.push(column[row]);
    }
  }
  return order;
}
