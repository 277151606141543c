// What Apache Kafka's cleaner kept: logs of all formats, codecs and kinds of
// producer, some drawn from a seed and one written by Kafka's own producers,
// cleaned in stages. scripts/conformance/run --record makes the file.

import { ok, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { decodeBase64 } from "../../base/bytes.ts";
import { sleep } from "../../host/host.ts";
import {
  type CompactionFacts,
  compactionFacts,
  factsDifference,
} from "../../testing/compaction_facts.ts";
import { cleanNow } from "../../testing/compaction_model.ts";
import { openTestLogs, testTopicConfig } from "../../testing/log_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";

interface RecordedLog {
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  readonly segments: readonly {
    readonly baseOffset: number;
    readonly bytes: string;
    readonly modifiedMs: number;
  }[];
  /** Numbers of segments that are there in each stage; the last one is active. */
  readonly stages: readonly number[];
  readonly kept: readonly (CompactionFacts & {
    readonly cleanedOffset: number;
  })[];
}

const recorded: RecordedLog[] = JSON.parse(new TextDecoder().decode(
  gunzipSync(Deno.readFileSync(
    new URL("../../../testdata/log/kafka-compacted.json.gz", import.meta.url),
  )),
));
const DIRECTORY = "/data/logs";

for (const log of recorded) {
  Deno.test(`${log.topic} is cleaned as by Apache Kafka`, async () => {
    const sim = simHost(1);
    await sim.run(async () => {
      const last = log.segments[log.segments.length - 1];
      const { clock } = sim.host;
      sim.clock.jumpWall(last.modifiedMs + 60_000 - clock.wallMs());
      for (const stage of log.stages.keys()) {
        await cleanStage(sim, log, stage);
        await sleep(clock, 1000);
      }
    });
  });
}

async function cleanStage(
  sim: SimHost,
  log: RecordedLog,
  stage: number,
): Promise<void> {
  const { host } = sim;
  const folder = `${DIRECTORY}/${log.topic}-0`;
  place(sim, log, stage);
  const config = testTopicConfig(log.config);
  const dirs = await openTestLogs(host, {
    directories: DIRECTORY,
    topicConfig: config,
  });
  const opened = dirs.log(log.topic, 0)!;
  opened.highWatermark = opened.logEndOffset;
  const result = await cleanNow(host, opened, { mapBytes: 24 * 10_000 });
  ok(result?.isDone);
  strictEqual(result.endOffset, log.kept[stage].cleanedOffset);
  await sleep(host.clock, 1000);
  const facts = compactionFacts(host.disk, folder);
  strictEqual(factsDifference(facts, log.kept[stage]), null);
  await dirs.close();
}

/** Puts the segments of a stage in place, without what is made of them. */
function place({ host }: SimHost, log: RecordedLog, stage: number): void {
  const { disk } = host;
  const folder = `${DIRECTORY}/${log.topic}-0`;
  const before = stage === 0 ? 0 : log.stages[stage - 1];
  disk.makeDirectory(folder);
  for (const name of disk.list(folder)) {
    if (!/\.log$/.test(name)) disk.remove(`${folder}/${name}`);
  }
  for (const segment of log.segments.slice(before, log.stages[stage])) {
    const path = `${folder}/${
      String(segment.baseOffset).padStart(20, "0")
    }.log`;
    const file = disk.open(path, "create");
    file.writeAt(decodeBase64(segment.bytes), 0);
    file.close();
    disk.setModified(path, segment.modifiedMs);
  }
  for (const name of disk.list(DIRECTORY)) {
    const isState = /^(recovery-point|replication)-offset-checkpoint$/;
    const isMark = name === ".kafka_cleanshutdown";
    if (isMark || isState.test(name)) disk.remove(`${DIRECTORY}/${name}`);
  }
}
