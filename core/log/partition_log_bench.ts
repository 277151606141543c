// What an append and a read cost on this machine's own disk, beside their parts:
// the checksum of a batch, and a bare write of it.

import { crc32c } from "../base/crc32c.ts";
import { denoHost } from "../host/deno_host.ts";
import { setBaseOffset } from "../record/batch_header.ts";
import {
  openTestLogs,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";

const host = denoHost();
// A bench has no end at which to tidy up: the next one does.
const directory = "/tmp/kq-log-bench";
host.disk.removeTree(directory);
host.disk.makeDirectory(directory);

const config = testTopicConfig({
  "segment.bytes": 64 * 1024 * 1024,
  "segment.index.bytes": 10 * 1024 * 1024,
});
const dirs = await openTestLogs(host, {
  directories: `${directory}/logs`,
  topicConfig: config,
});
const log = dirs.createLog({
  topic: "bench",
  partition: 0,
  topicId: TOPIC_ID,
  config,
});
const batch = testBatch(Array(146).fill("x".repeat(100)));
const large = testBatch(Array(120).fill("x".repeat(1024)));
const options = { leaderEpoch: 0, nowMs: 1_000_000, origin: "client" } as const;
/** As a producer sends it: the log stamped its own offset into the bytes. */
function append(bytes: Uint8Array): void {
  setBaseOffset(bytes, 0, 0);
  log.append(bytes, options);
  if (log.segments.count <= 2) return;
  log.highWatermark = log.logEndOffset;
  log.deleteRecordsBefore(log.segments.active.baseOffset);
}
for (let i = 0; i < 2000; i++) append(batch);

Deno.bench("checksum of 16 KiB", { group: "16 KiB" }, () => {
  crc32c(batch, 0, 21);
});

const plain = host.disk.open(`${directory}/plain`, "create");
let position = 0;
Deno.bench("bare write of 16 KiB", { group: "16 KiB" }, () => {
  plain.writeAt(batch, position);
  position += batch.length;
  if (position > 64 * 1024 * 1024) position = 0;
});

Deno.bench("append of 16 KiB", { group: "16 KiB", baseline: true }, () => {
  append(batch);
});

Deno.bench("append of 128 KiB", () => {
  append(large);
});

const target = new Uint8Array(1024 * 1024);
let offset = log.logStartOffset;
Deno.bench("read of 1 MiB", () => {
  const read = log.read(offset, {
    maxBytes: target.length,
    minOneBatch: true,
    upToOffset: log.logEndOffset,
  });
  read.source.readInto(target.subarray(0, read.source.sizeBytes));
  offset = read.baseOffset + 146 * 60;
  if (offset >= log.logEndOffset) offset = log.logStartOffset;
});

Deno.bench("look-up of a timestamp", () => {
  log.offsetForTimestamp(1_000_500);
});
