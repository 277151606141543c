// Which broker coordinates one group or transactional id, as long as no error
// says otherwise.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { Cluster } from "./cluster.ts";
import {
  findCoordinators,
  isCoordinatorFailure,
  KeyType,
} from "./coordinator_calls.ts";

/** The coordinator of one key, looked for when it is first asked for. */
export class CoordinatorNode {
  readonly #cluster: Cluster;
  readonly #key: string;
  readonly #keyType: KeyType;
  #nodeId: number | null = null;

  constructor(
    cluster: Cluster,
    key: string,
    keyType: KeyType = KeyType.group,
  ) {
    this.#cluster = cluster;
    this.#key = key;
    this.#keyType = keyType;
  }

  /**
   * @throws {KafkaError} Where there is none for now.
   * @throws {ClusterUnreachableError} Where no broker answers.
   */
  async find(deadlineMs: number): Promise<number> {
    if (this.#nodeId !== null) return this.#nodeId;
    const found = await findCoordinators(this.#cluster, [this.#key], {
      deadlineMs,
      keyType: this.#keyType,
    });
    const node = found.get(this.#key)!;
    if (typeof node !== "number") throw node;
    this.#nodeId = node;
    return node;
  }

  /** Has it looked for again where an error says so. */
  noteFailure(error: unknown): void {
    const isMoved = isCoordinatorFailure(error) &&
      !(error instanceof KafkaError &&
        (error.errorName === "COORDINATOR_LOAD_IN_PROGRESS" ||
          error.errorName === "UNSTABLE_OFFSET_COMMIT"));
    if (isMoved) this.forget();
  }

  /** Has it looked for again. */
  forget(): void {
    this.#nodeId = null;
  }
}
