import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import {
  type FetchRequest,
  fetchRequest,
} from "../wire/kafka/messages/fetch.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import {
  EVICTION_MS,
  type FetchPlan,
  FetchSessions,
  type WantedPartition,
} from "./fetch_sessions.ts";

type Names = Record<string, Record<number, number>>;

/** A request as it comes off the wire; `topics` is offset by partition by topic. */
function request(
  sessionId: number,
  sessionEpoch: number,
  topics: Names = {},
  forgotten: Record<string, number[]> = {},
): FetchRequest {
  const codec = codecFor(fetchRequest, 12);
  const writer = new Writer();
  codec.encode(writer, {
    maxWaitMs: 500,
    minBytes: 1,
    sessionId,
    sessionEpoch,
    topics: Object.entries(topics).map(([topic, offsets]) => ({
      topic,
      partitions: Object.entries(offsets).map(([partition, fetchOffset]) => ({
        partition: Number(partition),
        fetchOffset,
        partitionMaxBytes: 1000,
      })),
    })),
    forgottenTopicsData: Object.entries(forgotten).map(
      ([topic, partitions]) => ({ topic, partitions }),
    ),
  });
  return codec.decode(new Reader(writer.written()));
}

function sessions(slotCount = 2): FetchSessions {
  let next = 1;
  return new FetchSessions({
    slotCount,
    randomBytes: () => Uint8Array.of(0, 0, 0, next++),
  });
}

function wanted(plan: FetchPlan): string[] {
  return [...plan.wanted].map((w) =>
    `${w.topicKey}-${w.partition}@${w.fetchOffset}`
  );
}

const QUIET = {
  errorCode: 0,
  highWatermark: 7,
  logStartOffset: 0,
  recordBytes: 0,
  hasDivergingEpoch: false,
};

/** Answers all partitions alike; gives those that go into the answer. */
function answer(plan: FetchPlan, answered = QUIET): string[] {
  return [...plan.wanted]
    .filter((w: WantedPartition) => plan.includes(w, answered))
    .map((w) => `${w.topicKey}-${w.partition}`);
}

Deno.test("FetchSessions names only what changed after the first answer", () => {
  const fetches = sessions();
  const full = fetches.plan(request(0, 0, { a: { 0: 5, 1: 6 } }), false, 0);
  strictEqual(full.errorCode, 0);
  notStrictEqual(full.sessionId, 0);
  deepStrictEqual(wanted(full), ["a-0@5", "a-1@6"]);
  deepStrictEqual(answer(full), ["a-0", "a-1"], "a full answer names all");

  const quiet = fetches.plan(request(full.sessionId, 1), false, 1);
  deepStrictEqual(wanted(quiet), ["a-0@5", "a-1@6"], "all are read");
  deepStrictEqual(answer(quiet), [], "nothing changed");

  const moved = fetches.plan(
    request(full.sessionId, 2, { a: { 1: 8 }, b: { 0: 0 } }, { a: [0] }),
    false,
    2,
  );
  deepStrictEqual(wanted(moved), ["a-1@8", "b-0@0"]);
  deepStrictEqual(answer(moved), ["b-0"], "a new partition is news");
  const risen = fetches.plan(request(full.sessionId, 3), false, 3);
  deepStrictEqual(answer(risen, { ...QUIET, highWatermark: 9 }), [
    "a-1",
    "b-0",
  ]);
});

Deno.test("FetchSessions tells an error until it is over, and then the recovery", () => {
  const fetches = sessions();
  const full = fetches.plan(request(0, 0, { a: { 0: 5 } }), false, 0);
  answer(full);
  const failed = { ...QUIET, errorCode: 6, highWatermark: -1 };
  let epoch = 1;
  const next = () =>
    fetches.plan(request(full.sessionId, epoch++), false, epoch);
  deepStrictEqual(answer(next(), failed), ["a-0"]);
  deepStrictEqual(answer(next(), failed), ["a-0"]);
  deepStrictEqual(answer(next(), QUIET), ["a-0"]);
  deepStrictEqual(answer(next(), QUIET), []);
});

Deno.test("FetchSessions lets those with records go to the end of the line", () => {
  const fetches = sessions();
  const full = fetches.plan(
    request(0, 0, { a: { 0: 0, 1: 0, 2: 0 } }),
    false,
    0,
  );
  const [first] = full.wanted;
  full.includes(first, { ...QUIET, recordBytes: 100 });
  const next = fetches.plan(request(full.sessionId, 1), false, 1);
  deepStrictEqual(wanted(next), ["a-0@0", "a-1@0", "a-2@0"], "the first: no");
  const [again] = next.wanted;
  next.includes(again, { ...QUIET, recordBytes: 100 });
  const last = fetches.plan(request(full.sessionId, 2), false, 2);
  deepStrictEqual(wanted(last), ["a-1@0", "a-2@0", "a-0@0"]);
});

Deno.test("FetchSessions reads a partition that is named twice once, as named last", () => {
  const fetches = sessions();
  const plan = fetches.plan(
    {
      ...request(0, -1),
      topics: [0, 4, 8].flatMap((offset) =>
        request(0, -1, { a: { [offset % 8]: offset } }).topics
      ),
    },
    false,
    0,
  );
  deepStrictEqual(wanted(plan), ["a-0@8", "a-4@4"]);
});

Deno.test("FetchSessions refuses what does not fit the session", () => {
  const fetches = sessions();
  const { sessionId } = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 0);
  const cases: [id: number, epoch: number, usesIds: boolean, code: number][] = [
    [0, 1, false, ErrorCode.FETCH_SESSION_ID_NOT_FOUND],
    [999, 1, false, ErrorCode.FETCH_SESSION_ID_NOT_FOUND],
    [sessionId, 7, false, ErrorCode.INVALID_FETCH_SESSION_EPOCH],
    [sessionId, 1, true, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR],
    [sessionId, 1, false, ErrorCode.NONE],
    [sessionId, 1, false, ErrorCode.INVALID_FETCH_SESSION_EPOCH],
  ];
  for (const [id, epoch, usesIds, code] of cases) {
    strictEqual(
      fetches.plan(request(id, epoch), usesIds, 1).errorCode,
      code,
      `${id} ${epoch}`,
    );
  }
});

Deno.test("FetchSessions has no session for epoch -1, and ends the one named", () => {
  const fetches = sessions();
  const { sessionId } = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 0);
  const last = fetches.plan(request(sessionId, -1, { a: { 0: 3 } }), false, 1);
  strictEqual(last.sessionId, 0);
  deepStrictEqual(wanted(last), ["a-0@3"]);
  deepStrictEqual(answer(last), ["a-0"]);
  strictEqual(fetches.size, 0);
});

Deno.test("FetchSessions keeps no more sessions than slots, and gives up idle ones first", () => {
  const fetches = sessions(2);
  const first = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 0);
  const second = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 10);
  const third = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 20);
  strictEqual(third.sessionId, 0, "no slot, no session");
  fetches.plan(request(first.sessionId, 1), false, 30);
  const later = fetches.plan(
    request(0, 0, { a: { 0: 0 } }),
    false,
    10 + EVICTION_MS,
  );
  ok(later.sessionId > 0);
  strictEqual(
    fetches.plan(request(second.sessionId, 1), false, EVICTION_MS).errorCode,
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    "the least recently used has gone",
  );
  strictEqual(
    fetches.plan(request(first.sessionId, 2), false, EVICTION_MS).errorCode,
    ErrorCode.NONE,
  );
});

Deno.test("FetchSessions closes a session that has no partition left", () => {
  const fetches = sessions();
  const { sessionId } = fetches.plan(request(0, 0, { a: { 0: 0 } }), false, 0);
  const empty = fetches.plan(request(sessionId, 1, {}, { a: [0] }), false, 1);
  strictEqual(empty.errorCode, ErrorCode.NONE);
  strictEqual(empty.sessionId, 0);
  strictEqual(fetches.size, 0);
});
