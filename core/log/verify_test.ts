import { match, ok, strictEqual } from "node:assert/strict";
import {
  appendTest,
  openTestLogs,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { canDump } from "./dump.ts";
import { verifyPartition } from "./verify.ts";

const FOLDER = "/data/logs/t-0";
const BASE = `${FOLDER}/${"0".repeat(20)}`;

async function closedLog(): Promise<SimHost> {
  const sim = simHost(1);
  const config = testTopicConfig({
    "index.interval.bytes": 0,
    "segment.bytes": 1000,
  });
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config,
    });
    for (let i = 0; i < 20; i++) {
      appendTest(log, ["some value"], { timestampMs: 1000 + i });
    }
    await dirs.close();
  });
  return sim;
}

/** Sets four bytes of a file. */
function patch(sim: SimHost, path: string, position: number, value: number) {
  const bytes = sim.disk.readFile(path);
  new DataView(bytes.buffer).setInt32(position, value);
  sim.disk.writeFile(path, bytes);
}

Deno.test("verifyPartition() finds each kind of damage, and names the file", async () => {
  const cases: [damage: (sim: SimHost) => void, file: RegExp, text: RegExp][] =
    [
      [
        (sim) => sim.disk.flipBit(`${BASE}.log`, 70),
        /0\.log$/,
        /wrong checksum/,
      ],
      [(sim) => patch(sim, `${BASE}.log`, 4, 900), /0\.log$/, /do not follow/],
      [
        (sim) => sim.disk.writeFile(`${BASE}.log`, new Uint8Array(40)),
        /0\.log$/,
        /size is 12 bytes, need at least 26/,
      ],
      [
        (sim) => patch(sim, `${BASE}.index`, 4, 5),
        /\.index$/,
        /no batch starts/,
      ],
      [(sim) => patch(sim, `${BASE}.index`, 8, 0), /\.index$/, /does not rise/],
      [
        (sim) => patch(sim, `${BASE}.timeindex`, 4, 5),
        /\.timeindex$/,
        /the largest timestamp up to there is/,
      ],
      [
        (sim) => patch(sim, `${BASE}.timeindex`, 16, 5),
        /\.timeindex$/,
        /does not rise/,
      ],
      [
        (sim) => sim.host.disk.remove(`${BASE}.index`),
        /\.index$/,
        /is missing/,
      ],
      [
        (sim) => sim.disk.writeFile(`${BASE}.txnindex`, new Uint8Array(34)),
        /\.txnindex$/,
        /no abort of producer 0/,
      ],
      [
        (sim) =>
          sim.disk.writeFile(
            `${FOLDER}/${"9".padStart(20, "0")}.index`,
            new Uint8Array(0),
          ),
        /\.index$/,
        /no \.log beside it/,
      ],
      [
        (sim) => sim.disk.writeFile(`${FOLDER}/x.swap`, new Uint8Array(0)),
        /x\.swap$/,
        /left over/,
      ],
      [
        (sim) =>
          sim.disk.writeFile(
            `${FOLDER}/leader-epoch-checkpoint`,
            new TextEncoder().encode("0\n1\n3 0\n"),
          ),
        /leader-epoch-checkpoint$/,
        /offset 0 is of epoch 3, its batch says 0/,
      ],
      [
        (sim) =>
          sim.disk.writeFile(
            `${FOLDER}/partition.metadata`,
            new TextEncoder().encode("x"),
          ),
        /partition\.metadata$/,
        /version: 0/,
      ],
    ];
  for (const [damage, file, text] of cases) {
    const sim = await closedLog();
    strictEqual(verifyPartition(sim.host.disk, FOLDER).length, 0);
    damage(sim);
    const findings = verifyPartition(sim.host.disk, FOLDER);
    ok(findings.length > 0, String(text));
    match(findings[0].path, file);
    match(findings[0].text, text);
  }
});

Deno.test("canDump() knows the files of a log by their names", () => {
  const names: [name: string, isKnown: boolean][] = [
    ["00000000000000000000.log", true],
    ["/d/t-0/00000000000000000130.index", true],
    ["00000000000000000130.timeindex", true],
    ["00000000000000000130.txnindex", true],
    ["00000000000000000130.snapshot", true],
    ["leader-epoch-checkpoint", true],
    ["recovery-point-offset-checkpoint", true],
    ["partition.metadata", true],
    ["meta.properties", false],
    ["130.log", false],
    ["00000000000000000130.log.deleted", false],
  ];
  for (const [name, isKnown] of names) {
    strictEqual(canDump(name), isKnown, name);
  }
});
