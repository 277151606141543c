// Copies of a coordinator's files: taken while it runs, verified, put back.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type Disk, HostError } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { backUp, readBackup, restore } from "./backup_files.ts";
import { openEmbeddedCoordinator } from "./embedded.ts";
import { verifyFiles } from "./verify_files.ts";

const FILES = "/data/zk/version-2";

/** Writes so many znodes, with a snapshot every ten, and ends as a crash would or in order. */
async function withZnodes(
  count: number,
  use: (sim: ReturnType<typeof simHost>) => Promise<void>,
): Promise<void> {
  const sim = simHost(11);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, "/data/zk", {
      snapshotTxnCount: 10,
    });
    const znodes = await coordinator.connect();
    for (let index = 0; index < count; index++) {
      await znodes.create(`/n${index}`, new Uint8Array(20), "persistent");
    }
    await use(sim);
    await coordinator.close();
  });
}

function damage(disk: Disk, path: string, position: number): void {
  const file = disk.open(path, "write");
  const byte = new Uint8Array(1);
  file.readAt(byte, position);
  byte[0] ^= 0xff;
  file.writeAt(byte, position);
  file.close();
}

function namesOf(disk: Disk, prefix: string): string[] {
  return disk.list(FILES).filter((name) => name.startsWith(prefix));
}

Deno.test("verifyFiles() finds nothing wrong with what a server wrote", () =>
  withZnodes(35, ({ host: { disk } }) => {
    const { files, faults, state } = verifyFiles(disk, FILES);
    deepEqual(faults, []);
    ok(files.every((file) => file.state === "good" && file.fault === ""));
    deepEqual(
      [
        files.filter(({ kind }) => kind === "snapshot").length,
        state?.nodeCount,
      ],
      [3, 35 + 4],
    );
    equal(state?.lastZxid, 36n, "a session and 35 znodes");
    return Promise.resolve();
  }));

Deno.test("verifyFiles() finds any byte of a snapshot or a log that is not as it was", () =>
  withZnodes(35, ({ host: { disk } }) => {
    for (const prefix of ["snapshot.", "log."]) {
      for (const name of namesOf(disk, prefix)) {
        const path = `${FILES}/${name}`;
        const sizeBytes = disk.stat(path)!.sizeBytes;
        const used = prefix === "log." ? Math.min(sizeBytes, 500) : sizeBytes;
        for (let position = 16; position < used; position += 37) {
          damage(disk, path, position);
          const checked = verifyFiles(disk, FILES);
          const file = checked.files.find((each) => each.name === name);
          ok(
            file?.state !== "good" || file.fault !== "",
            `${name} at ${position}`,
          );
          damage(disk, path, position);
        }
      }
    }
    deepEqual(verifyFiles(disk, FILES).faults, []);
    return Promise.resolve();
  }));

Deno.test("verifyFiles() misses a log that is gone, and an epoch that makes no sense", () =>
  withZnodes(35, ({ host: { disk } }) => {
    // What a snapshot holds nobody misses in a log.
    disk.rename(`${FILES}/log.15`, "/data/aside");
    deepEqual(verifyFiles(disk, FILES).faults, []);
    for (const name of ["snapshot.14", "snapshot.1e"]) {
      disk.remove(`${FILES}/${name}`);
    }
    match(
      verifyFiles(disk, FILES).faults.join(),
      /log\.1f: transactions between 0x14 and 0x1f are missing/,
    );
    disk.rename("/data/aside", `${FILES}/log.15`);
    deepEqual(verifyFiles(disk, FILES).faults, []);
    const file = disk.open(`${FILES}/currentEpoch`, "create");
    file.writeAt(new TextEncoder().encode("one"), 0);
    file.close();
    match(verifyFiles(disk, FILES).faults.join(), /currentEpoch" holds "one"/);
    return Promise.resolve();
  }));

Deno.test("backUp() takes the state of one moment while the server writes on", async () => {
  const sim = simHost(12);
  await sim.run(async () => {
    const { host } = sim;
    const coordinator = await openEmbeddedCoordinator(host, "/data/zk", {
      snapshotTxnCount: 5,
    });
    const znodes = await coordinator.connect();
    await znodes.create("/n", null, "persistent");
    let isRunning = true;
    const writing = (async () => {
      for (let index = 0; isRunning; index++) {
        await znodes.create(`/n/${index}`, new Uint8Array(99), "persistent");
      }
    })();
    for (let round = 1; round <= 5; round++) {
      const before = coordinator.lastZxid;
      const facts = await backUp(host, FILES, `/backup/${round}`);
      ok(BigInt(facts.zxid) >= before, "all that was acknowledged before");
      equal(facts.znodes, Number(BigInt(facts.zxid)) - 1 + 4);
      deepEqual(readBackup(host.disk, `/backup/${round}`), facts);
    }
    isRunning = false;
    await writing;
    await coordinator.close();
  });
});

Deno.test("restore() puts a backup where no server runs, and keeps what was there", () =>
  withZnodes(12, async (sim) => {
    const { host } = sim;
    const { disk } = host;
    const facts = await backUp(host, FILES, "/backup");
    const into = { directory: "/data/other", replacedName: null };
    await restore(disk, "/backup", into);
    const other = await openEmbeddedCoordinator(host, "/data/other");
    const znodes = await other.connect();
    equal((await znodes.children("/")).names.length, 13);
    await rejects(
      restore(disk, "/backup", into),
      (error) => error instanceof HostError && error.kind === "locked",
    );
    await other.close();
    await rejects(
      restore(disk, "/backup", into),
      (error) => error instanceof HostError && error.kind === "exists",
    );
    await restore(disk, "/backup", { ...into, replacedName: "old" });
    ok(disk.list("/data/other/old").length > 0);
    const { state } = verifyFiles(disk, "/data/other/version-2");
    equal(state?.digest.toString(), facts.digest);
  }));

Deno.test("restore() puts the logs where dataLogDir says", () =>
  withZnodes(12, async ({ host }) => {
    const { disk } = host;
    const facts = await backUp(host, FILES, "/backup");
    await restore(disk, "/backup", {
      directory: "/data/other",
      logDirectory: "/data/other-logs",
      replacedName: null,
    });
    const { state, faults } = verifyFiles(
      disk,
      "/data/other/version-2",
      "/data/other-logs/version-2",
    );
    deepEqual(faults, []);
    equal(state?.digest.toString(), facts.digest);
    const again = await backUp(
      host,
      "/data/other/version-2",
      "/backup2",
      "/data/other-logs/version-2",
    );
    equal(again.digest, facts.digest);
  }));

Deno.test("restore() refuses a backup that is not what it says", () =>
  withZnodes(12, async ({ host }) => {
    const { disk } = host;
    const into = { directory: "/data/other", replacedName: null };
    await rejects(
      restore(disk, "/backup", into),
      /"\/backup" is no backup: it has no backup\.json/,
    );
    await backUp(host, FILES, "/backup");
    await rejects(backUp(host, FILES, "/backup"), /"\/backup" is not empty/);
    const log = disk.list("/backup/version-2").findLast((name) =>
      name.startsWith("log.")
    );
    disk.remove(`/backup/version-2/${log}`);
    await rejects(
      restore(disk, "/backup", into),
      /"\/backup" is damaged: its zxid is 0x\w+, backup\.json says 0x\w+/,
    );
    equal(disk.stat("/data/other"), null, "nothing was touched");
  }));
