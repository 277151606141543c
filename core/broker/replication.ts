// What brokers keep of each other's partitions: nothing yet, so that each owns
// those whose only replica it holds, and a broker that ends takes them along
// until it is back.

/** The most replicas that a partition may have. */
export const REPLICATION_FACTOR_MAX = 1;
