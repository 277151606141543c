import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { simHost } from "../testing/sim_host.ts";
import { readTar } from "../testing/tar.ts";
import { encodeSnapshot } from "./snapshot.ts";
import { concatBytes } from "../base/bytes.ts";
import { Writer } from "../wire/writer.ts";
import { encodeEntry, encodePayload, readLog } from "./txn_log.ts";
import { recover } from "./recovery.ts";
import type { ZnodeTree } from "./znode_tree.ts";
import { decodeSnapshot } from "./snapshot.ts";

const DIRECTORY = "/data/version-2";

/** Files of a server of an ensemble, by name. */
function golden(server: number): Map<string, Uint8Array> {
  const name = `../../testdata/quorum/data-${server}.tar.gz`;
  const archive = gunzipSync(readFileSync(new URL(name, import.meta.url)));
  return new Map(
    readTar(archive).map(({ path, bytes }): [string, Uint8Array] => [
      path.slice(path.lastIndexOf("/") + 1),
      bytes,
    ]),
  );
}

/** A machine that has the files of a server, but those that `without` names. */
function machineWith(
  files: ReadonlyMap<string, Uint8Array>,
  without: (name: string) => boolean = () => false,
) {
  const sim = simHost(1);
  sim.host.disk.makeDirectory(DIRECTORY);
  for (const [name, bytes] of files) {
    if (!without(name)) sim.disk.writeFile(`${DIRECTORY}/${name}`, bytes);
  }
  return sim;
}

function contentsOf(tree: ZnodeTree): unknown[][] {
  const rows: unknown[][] = [];
  const walk = (path: string) => {
    const node = tree.get(path);
    rows.push([path, tree.stat(path), node?.data && [...node.data]]);
    for (const name of [...node?.children ?? []].sort()) {
      walk(path === "/" ? `/${name}` : `${path}/${name}`);
    }
  };
  walk("/");
  return rows;
}

Deno.test("recover() reads what two ZooKeepers of an ensemble wrote, to the same state", () => {
  const [one, three] = [1, 3].map((server) =>
    recover(machineWith(golden(server)).host.disk, DIRECTORY)
  );
  ok(one.tree.nodeCount > 100);
  equal(one.tree.lastZxid, three.tree.lastZxid);
  equal(one.tree.digest, three.tree.digest);
  // Each server writes the ensemble's configuration itself, at its own time.
  const shared = (tree: ZnodeTree) =>
    contentsOf(tree).filter(([path]) => path !== "/zookeeper/config");
  deepEqual(shared(one.tree), shared(three.tree));
  deepEqual([...one.tree.sessions], [...three.tree.sessions]);
});

Deno.test("recover() replays every log over the first snapshot, each digest as ZooKeeper wrote it", () => {
  const files = golden(3);
  const whole = recover(machineWith(files).host.disk, DIRECTORY);
  const early = (name: string) =>
    name.startsWith("snapshot.") && name !== "snapshot.0";
  const replayed = recover(machineWith(files, early).host.disk, DIRECTORY);
  ok(replayed.replayedCount > 150);
  equal(replayed.tree.digest, whole.tree.digest);
  deepEqual(contentsOf(replayed.tree), contentsOf(whole.tree));
  // `recover` compares digests only from a snapshot that has one: do it here from the start.
  const tree = decodeSnapshot(files.get("snapshot.0")!, 0n).tree;
  let compared = 0;
  for (const name of [...files.keys()].sort()) {
    if (!name.startsWith("log.")) continue;
    for (const { context, txn, digest } of readLog(files.get(name)!).entries) {
      tree.apply(context, txn);
      equal(tree.digest, digest?.treeDigest, `0x${context.zxid.toString(16)}`);
      compared++;
    }
  }
  ok(compared > 150);
});

Deno.test("every transaction that ZooKeeper logged encodes to the same bytes", () => {
  for (const server of [1, 3]) {
    for (const [name, bytes] of golden(server)) {
      if (!name.startsWith("log.")) continue;
      const { entries, endPosition, tail } = readLog(bytes);
      equal(tail, "clean");
      const writer = new Writer();
      for (const entry of entries) encodeEntry(writer, encodePayload(entry));
      deepEqual(writer.written(), bytes.subarray(16, endPosition), name);
    }
  }
});

Deno.test("a snapshot gives back the state that it was made of", () => {
  for (const [name, bytes] of golden(3)) {
    if (!name.startsWith("snapshot.")) continue;
    const zxid = BigInt(`0x${name.slice("snapshot.".length)}`);
    const { tree, digest } = decodeSnapshot(bytes, zxid);
    // Some were finished after a further transaction: what is in them is newer.
    if (digest !== null) tree.restoreZxid(digest.zxid);
    if (zxid > 0n) equal(digest?.digest, tree.digest);
    const again = concatBytes([...encodeSnapshot(tree)]);
    equal(again.length, bytes.length, name);
    const copy = decodeSnapshot(again, zxid).tree;
    deepEqual(contentsOf(copy), contentsOf(tree));
    equal(copy.digest, tree.digest);
    deepEqual([...copy.acls.entries()], [...tree.acls.entries()]);
  }
});

Deno.test("recover() falls back to an older snapshot where the newest is damaged", () => {
  const files = golden(3);
  const sim = machineWith(files);
  const newest = [...files.keys()].filter((name) => name.startsWith("snap"))
    .sort().at(-1)!;
  sim.disk.flipBit(`${DIRECTORY}/${newest}`, 2000, 3);
  const found = recover(sim.host.disk, DIRECTORY);
  const wanted = recover(machineWith(files).host.disk, DIRECTORY);
  deepEqual(contentsOf(found.tree), contentsOf(wanted.tree));
});

Deno.test("recover() refuses what would lose acknowledged changes", () => {
  const files = golden(3);
  const logs = [...files.keys()].filter((name) => name.startsWith("log."))
    .sort();
  const cases: [
    why: RegExp,
    break_: (sim: ReturnType<typeof simHost>) => void,
  ][] = [
    [/no snapshot/, (sim) => {
      for (const name of files.keys()) {
        if (name.startsWith("snap")) {
          sim.host.disk.remove(`${DIRECTORY}/${name}`);
        }
      }
    }],
    [/no snapshot is intact/, (sim) => {
      for (const name of files.keys()) {
        if (name.startsWith("snap")) {
          sim.disk.flipBit(`${DIRECTORY}/${name}`, 90, 1);
        }
      }
    }],
    [/are missing/, (sim) => {
      removeLateSnapshots(sim, files);
      sim.host.disk.remove(`${DIRECTORY}/${logs[1]}`);
    }],
    [/is damaged and newer ones follow/, (sim) => {
      removeLateSnapshots(sim, files);
      sim.disk.flipBit(`${DIRECTORY}/${logs[0]}`, 300, 1);
    }],
  ];
  for (const [why, break_] of cases) {
    const sim = machineWith(files);
    break_(sim);
    throws(() => recover(sim.host.disk, DIRECTORY), why);
  }
});

function removeLateSnapshots(
  sim: ReturnType<typeof simHost>,
  files: ReadonlyMap<string, Uint8Array>,
): void {
  for (const name of files.keys()) {
    if (name.startsWith("snapshot.") && name !== "snapshot.0") {
      sim.host.disk.remove(`${DIRECTORY}/${name}`);
    }
  }
}

Deno.test("recover() cuts an entry that was torn at the end of the last log", () => {
  const files = golden(3);
  const last = [...files.keys()].filter((name) => name.startsWith("log."))
    .sort().at(-1)!;
  const { entries, endPosition } = readLog(files.get(last)!);
  const torn = files.get(last)!.slice();
  torn.fill(0, endPosition - 20);
  const sim = machineWith(new Map([...files, [last, torn]]));
  const { tree, log } = recover(sim.host.disk, DIRECTORY);
  equal(tree.lastZxid, entries.at(-2)!.context.zxid);
  equal(log?.isTorn, true);
});
