// The assignors that the coordinator has, and how configuration names them.

import { rangeAssignor } from "./range.ts";
import type { ServerAssignor } from "./server_assignor.ts";
import { uniformAssignor } from "./uniform.ts";

const assignors = [
  { assignor: uniformAssignor, className: "UniformAssignor" },
  { assignor: rangeAssignor, className: "RangeAssignor" },
];

const PACKAGE = "org.apache.kafka.coordinator.group.assignor.";

/**
 * The assignors of a group coordinator, the default first.
 *
 * @param configured `group.consumer.assignors`: names, or the classes by which
 * Kafka 3.9 knows them. What kq does not know is left out; where nothing is
 * left, all are there.
 */
export function serverAssignors(
  configured: readonly string[],
): readonly ServerAssignor[] {
  const found = configured.flatMap((name) => {
    const row = assignors.find(({ assignor, className }) =>
      name === assignor.name || name === PACKAGE + className
    );
    return row === undefined ? [] : [row.assignor];
  });
  return found.length > 0 ? found : assignors.map(({ assignor }) => assignor);
}
