// DeleteTopics (key 20): deletes topics, by name, and since v6 by id as well.
//
// Source: Kafka protocol guide; KIP-516 (topic ids); observed: what is named
// twice, by whatever name, is refused.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type DeleteTopicsRequest,
  deleteTopicsRequest,
  deleteTopicsResponse,
} from "../../wire/kafka/messages/delete_topics.ts";
import { type InferInput, ZERO_UUID } from "../../wire/kafka/schema.ts";
import { repeated } from "../config_changes.ts";
import { type Failure, type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type Response = InferInput<typeof deleteTopicsResponse>;
type TopicResponse = Response["responses"][number];

/** What a request names: by name, by id, wrongly by both or by neither. */
interface Wanted {
  readonly name: string | null;
  readonly topicId: string;
}

const IDS_SINCE = 6;
/** Clients before do not know the error. */
const DELETION_DISABLED_SINCE = 3;

export const deleteTopics = serve(deleteTopicsRequest, deleteTopicsResponse, {
  handle: async (request, context) => {
    refuseWhereDisabled(context);
    const all = wantedOf(request, context.apiVersion);
    const names = all.map((each) => nameOf(each, context));
    const twice = repeated(names.filter((name) => name !== null));
    const timeoutMs = Math.max(0, request.timeoutMs);
    const responses = await Promise.all(
      all.map((each) => deleteOne(each, { context, twice, timeoutMs })),
    );
    return { responses };
  },
  failure: (failure, request, { apiVersion }) =>
    request === null ? null : {
      responses: wantedOf(request, apiVersion).map((wanted) =>
        refused(wanted, failure)
      ),
    },
});

/** @throws {KafkaError} TOPIC_DELETION_DISABLED, or INVALID_REQUEST for older clients. */
function refuseWhereDisabled({ broker, apiVersion }: RequestContext): void {
  if (broker.config["delete.topic.enable"]) return;
  throw new KafkaError(
    apiVersion < DELETION_DISABLED_SINCE
      ? "INVALID_REQUEST"
      : "TOPIC_DELETION_DISABLED",
    "Topics cannot be deleted: delete.topic.enable is false.",
  );
}

function wantedOf(request: DeleteTopicsRequest, apiVersion: number): Wanted[] {
  return apiVersion >= IDS_SINCE
    ? request.topics
    : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}

/** The name of what is wanted, where it is known. */
function nameOf({ name, topicId }: Wanted, { broker }: RequestContext) {
  return name ?? broker.cluster.image.topicsById.get(topicId)?.name ?? null;
}

function refused({ name, topicId }: Wanted, failure: Failure): TopicResponse {
  return { name, topicId, ...failure };
}

interface Call {
  readonly context: RequestContext;
  readonly twice: ReadonlySet<string>;
  readonly timeoutMs: number;
}

async function deleteOne(
  wanted: Wanted,
  { context, twice, timeoutMs }: Call,
): Promise<TopicResponse> {
  const { broker } = context;
  const name = nameOf(wanted, context);
  try {
    checkWanted(wanted);
    if (name !== null && twice.has(name)) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Each topic may be named once only.",
      );
    }
    await broker.cluster.deleteTopic(
      wanted.name === null
        ? { topicId: wanted.topicId }
        : { name: wanted.name },
      { timeoutMs },
    );
    // As it was named: who deletes by name does not learn the id.
    const { topicId } = wanted;
    return { name, topicId, errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    return refused(
      wanted,
      refusalOf(error, broker, `delete the topic "${name}"`),
    );
  }
}

/** @throws {KafkaError} INVALID_REQUEST where it is not named in exactly one way. */
function checkWanted({ name, topicId }: Wanted): void {
  const byId = topicId !== ZERO_UUID;
  if (name !== null && byId) {
    throw new KafkaError(
      "INVALID_REQUEST",
      "A topic is named by its name or by its id, not by both.",
    );
  }
  if (name === null && !byId) {
    throw new KafkaError(
      "INVALID_REQUEST",
      "A topic is named by its name or by its id; this request has neither.",
    );
  }
}
