// The records that every client sends and every client must read, and how what
// was read is compared.

import type { ReadRecord, TextRecord } from "./client.ts";

/** Compressions, as clients call them. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** How far a client's clock may be from the run's. */
const CLOCK_SLACK_MS = 30 * 60_000;

/** Forty records; one is large enough for several blocks of every codec. */
export const plainRecords: readonly TextRecord[] = Array.from(
  { length: 40 },
  (_, i) => ({
    key: `key-${i % 7}`,
    value: i === 20
      ? Array.from({ length: 9000 }, (_, j) => `row ${j * 7919 % 1013};`).join(
        "",
      )
      : `{"id":${i},"name":"customer-${i * 31 % 17}","note":"${
        "lorem ipsum ".repeat(i % 9)
      }"}`,
    headers: [],
  }),
);

/** What records can be like. */
export const shapedRecords: readonly TextRecord[] = [
  { key: "plain", value: "value", headers: [] },
  { key: null, value: "no key", headers: [] },
  { key: "tombstone", value: null, headers: [] },
  { key: "empty value", value: "", headers: [] },
  { key: "ключ-鍵-🔑", value: "значение-値-🎉-\u00e9", headers: [] },
  {
    key: "with headers",
    value: "value",
    headers: [["first", "1"], ["first", "again"], ["näme-名", "wért-値"]],
  },
  { key: "last", value: "the end", headers: [] },
];

/** One record with a value of 10 MiB. */
export const largeRecords: readonly TextRecord[] = [{
  key: "large",
  value: "0123456789abcdef".repeat(10 * 1024 * 1024 / 16),
  headers: [],
}];

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}… (${text.length})` : text;
}

/** What differs between what was read and what was sent, or `null`. */
export function difference(
  read: readonly ReadRecord[],
  sent: readonly TextRecord[],
  firstOffset = 0,
): string | null {
  if (read.length !== sent.length) {
    return `${read.length} records, expected ${sent.length}`;
  }
  for (const [i, record] of read.entries()) {
    const { key, value, headers } = record;
    const got = JSON.stringify({ key, value, headers });
    const wanted = JSON.stringify({
      key: sent[i].key,
      value: sent[i].value,
      headers: sent[i].headers,
    });
    if (got !== wanted) {
      return `record ${i} is ${shorten(got)}, expected ${shorten(wanted)}`;
    }
    if (record.offset !== firstOffset + i) {
      return `record ${i} has offset ${record.offset}`;
    }
    if (Math.abs(record.timestampMs - Date.now()) > CLOCK_SLACK_MS) {
      return `record ${i} has timestamp ${record.timestampMs}`;
    }
  }
  return null;
}
