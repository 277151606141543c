// The topics in which Kafka keeps its own state.

const INTERNAL_TOPICS = ["__consumer_offsets", "__transaction_state"];

/** Whether a topic is for brokers, not for clients. */
export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.includes(name);
}
