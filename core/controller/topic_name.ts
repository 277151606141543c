// Which names topics may have.
//
// Names end up in file names and in metric names; in the latter `.` and `_` are
// the same, so two topics may not differ in these alone.
//
// Source: Kafka documentation, "Topic Configs"; refusals worded as Kafka's.

/** Longest name, so that `<topic>-<partition>.<uuid>-delete` fits a file name. */
export const TOPIC_NAME_LENGTH_MAX = 249;

const INTERNAL_TOPICS = new Set(["__consumer_offsets", "__transaction_state"]);

/** Whether a topic is the brokers' own. */
export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.has(name);
}

/** What is wrong with a name, as a sentence for its user; null where it is fine. */
export function topicNameProblem(name: string): string | null {
  const problem = detectProblem(name);
  return problem === null ? null : `Topic name is invalid: ${problem}`;
}

function detectProblem(name: string): string | null {
  if (name === "") return "the empty string is not allowed";
  if (name === "." || name === "..") return `'${name}' is not allowed`;
  if (name.length > TOPIC_NAME_LENGTH_MAX) {
    return `the length of '${name}' is longer than the max allowed length ` +
      TOPIC_NAME_LENGTH_MAX;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `'${name}' contains one or more characters other than ASCII ` +
      "alphanumerics, '.', '_' and '-'";
  }
  return null;
}

/** Whether a name has characters that make it collide with others. */
export function mayCollide(name: string): boolean {
  return name.includes(".") || name.includes("_");
}

/** Names that differ from one only in `.` and `_`. */
export function collidingNames(
  name: string,
  existing: Iterable<string>,
): string[] {
  if (!mayCollide(name)) return [];
  const key = name.replaceAll(".", "_");
  return [...existing].filter((other) =>
    other !== name && other.replaceAll(".", "_") === key
  );
}
