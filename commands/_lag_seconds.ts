// How old the oldest record is that a group has not read yet, and how fast it
// comes nearer to the end.

import type { Host } from "../core/host/host.ts";
import { sleep } from "../core/host/host.ts";
import type { Admin } from "../core/client/admin.ts";
import { configMap, type ConfigTexts } from "../core/client/client_settings.ts";
import { createConsumer } from "../core/client/consumer.ts";
import { partitionKey } from "../core/client/metadata.ts";
import { boundsOf, type GroupLag, type PartitionLag } from "./_groups.ts";

/** The longest that the records of all partitions are waited for. */
const FETCH_MS = 3000;
/** One record is wanted of each partition; brokers give a whole batch at least. */
const FETCH_BYTES = "1024";

/**
 * Ages of the first unread records, in milliseconds by `partitionKey`; those that
 * did not come in time, or have no timestamp, are left out.
 */
export async function unreadAges(
  host: Host,
  config: ConfigTexts,
  partitions: readonly PartitionLag[],
): Promise<Map<string, number>> {
  const ages = new Map<string, number>();
  const behind = partitions.filter(({ lag }) => lag !== null && lag > 0);
  if (behind.length === 0) return ages;
  const texts = new Map(configMap(config));
  texts.set("auto.offset.reset", "none");
  texts.set("max.partition.fetch.bytes", FETCH_BYTES);
  texts.set("fetch.max.wait.ms", "100");
  texts.delete("group.id");
  const consumer = createConsumer(host, texts);
  try {
    const open = new Map(behind.map((place) => [partitionKey(place), place]));
    consumer.assign(behind);
    for (const place of behind) {
      consumer.seek(place, Math.max(place.committed!, place.start ?? 0));
    }
    const deadlineMs = host.clock.monotonicMs() + FETCH_MS;
    for (;;) {
      const leftMs = deadlineMs - host.clock.monotonicMs();
      if (leftMs <= 0 || open.size === 0) break;
      const chunks = await consumer.poll(leftMs);
      const nowMs = host.clock.wallMs();
      for (const chunk of chunks) {
        if (!open.delete(partitionKey(chunk))) continue;
        const { timestampMs } = chunk.records[0];
        if (timestampMs >= 0) {
          ages.set(partitionKey(chunk), Math.max(nowMs - timestampMs, 0));
        }
      }
      consumer.assign([...open.values()]);
    }
  } finally {
    consumer.close();
  }
  return ages;
}

/** Records a second, over a sample. */
export interface GroupRate {
  readonly consumedPerSecond: number;
  readonly producedPerSecond: number;
  /** Until the lag is gone; `null` where it does not shrink. */
  readonly drainSeconds: number | null;
}

/** Looks at the groups a second time, after a while, and compares. */
export async function groupRates(
  host: Host,
  admin: Admin,
  before: readonly GroupLag[],
  sampleMs: number,
): Promise<Map<string, GroupRate>> {
  const startMs = host.clock.monotonicMs();
  await sleep(host.clock, sampleMs);
  const places = before.flatMap(({ partitions }) => partitions);
  const [offsets, bounds] = await Promise.all([
    admin.listGroupOffsets(before.map(({ group, partitions }) => ({
      group: group.group,
      partitions,
    }))),
    boundsOf(admin, [
      ...new Map(places.map((place) => [partitionKey(place), place])).values(),
    ]),
  ]);
  const seconds = (host.clock.monotonicMs() - startMs) / 1000;
  const rates = new Map<string, GroupRate>();
  before.forEach(({ group, partitions }, index) => {
    const now = new Map(
      (offsets[index].value ?? []).map((
        row,
      ) => [partitionKey(row), row.offset]),
    );
    let consumed = 0, produced = 0, lag = 0;
    for (const row of partitions) {
      const { end } = bounds.get(partitionKey(row))!;
      const offset = now.get(partitionKey(row)) ?? -1;
      if (row.committed === null || row.end === null) continue;
      if (end === null || offset < 0) continue;
      consumed += offset - row.committed;
      produced += end - row.end;
      lag += Math.max(end - offset, 0);
    }
    const gain = (consumed - produced) / seconds;
    rates.set(group.group, {
      consumedPerSecond: consumed / seconds,
      producedPerSecond: produced / seconds,
      drainSeconds: lag === 0 ? 0 : gain > 0 ? lag / gain : null,
    });
  });
  return rates;
}
