// A request and the response that belongs to it, as one value to send.

import type { MessageSchema } from "../wire/kafka/schema.ts";

/** The two messages of one API. */
export interface Exchange<
  Q extends MessageSchema = MessageSchema,
  R extends MessageSchema = MessageSchema,
> {
  readonly key: number;
  /** Kafka's name of the API, such as `Metadata`. */
  readonly name: string;
  readonly request: Q;
  readonly response: R;
}

/** Pairs the two schemas of one API. */
export function exchange<Q extends MessageSchema, R extends MessageSchema>(
  request: Q,
  response: R,
): Exchange<Q, R> {
  const name = request.name.replace(/Request$/, "");
  return { key: request.key ?? -1, name, request, response };
}
