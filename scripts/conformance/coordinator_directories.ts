// Data directories of the coordinator, handed from one kind of server to the other:
// kq must serve what Apache ZooKeeper has left behind, and ZooKeeper what kq has,
// to the last field of every Stat, alone and as a member of an ensemble.

import { OpCode } from "../../core/wire/zookeeper/records.ts";
import { utf8Size, type Writer } from "../../core/wire/writer.ts";
import {
  EnsembleProcesses,
  type ServerKind,
  ServerProcess,
  zookeeperClassPath,
} from "../kills/ensemble_process.ts";
import { differences, dumpTree } from "../kills/znode_dump.ts";
import type { Tree } from "../kills/znode_load.ts";
import { CreateMode, ZnodeSession } from "../kills/znode_session.ts";
import type { Cell } from "./suite.ts";

export const DIRECTORIES = "coordinator directories";

const GOLDEN = new URL("../../testdata/quorum/", import.meta.url).pathname;
const LIMIT_MS = 60_000;
/** Long enough for sessions to outlive the server that began them. */
const SESSION_MS = 40_000;
const SETTINGS = {
  tickTime: 2000,
  initLimit: 10,
  syncLimit: 5,
  // ZooKeeper's for znodes with a time to live.
  extendedTypesEnabled: "true",
  // So that the directories have snapshots of changes, and logs after them.
  snapCount: 150,
};

export interface DirectoriesOptions {
  /** An empty directory. */
  readonly work: string;
  readonly progress: (text: string) => void;
}

/** Runs all of them; each is a cell. */
export async function runDirectories(
  { work, progress }: DirectoriesOptions,
): Promise<Cell[]> {
  progress(`== ${DIRECTORIES}`);
  const cells: Cell[] = [];
  const add = (feature: string, outcome: Cell["outcome"], reason = "") => {
    cells.push({ client: DIRECTORIES, feature, outcome, reason });
    if (outcome !== "pass") progress(`  ${outcome} ${feature}: ${reason}`);
  };
  const classPath = await zookeeperClassPath().catch(() => null);
  let number = 0;
  const check = async (
    feature: string,
    run: (directory: string, classPath: string) => Promise<void>,
  ) => {
    if (classPath === null) return add(feature, "skip", "needs ZooKeeper");
    try {
      await run(`${work}/${number++}`, classPath);
      add(feature, "pass");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      add(feature, "fail", reason);
    }
  };
  for (const archive of ["data-1", "data-3"]) {
    await check(
      `kq serves the kept directory ${archive} as ZooKeeper does`,
      (directory, path) => servesKept(archive, directory, path),
    );
  }
  for (
    const [from, to] of [["zookeeper", "kq"], ["kq", "zookeeper"]] as const
  ) {
    await check(
      `${to} alone goes on with what ${from} has left, and gives it back`,
      (directory, path) => passesOn(from, to, directory, path),
    );
    await check(
      `${to} takes the place of ${from} in an ensemble`,
      (directory) => replaces(from, to, directory),
    );
  }
  return cells;
}

/** Both kinds on the same copy of a directory that is part of the project. */
async function servesKept(
  archive: string,
  directory: string,
  classPath: string,
): Promise<void> {
  const trees: Tree[] = [];
  for (const kind of ["zookeeper", "kq"] as const) {
    const server = new ServerProcess(
      1,
      kind,
      `${directory}-${kind}`,
      classPath,
    );
    server.configure(SETTINGS, []);
    await extract(`${GOLDEN}${archive}.tar.gz`, server.dataDirectory);
    trees.push(await served(server));
  }
  expectSame(trees[0], trees[1]);
}

/** One server alone, killed, and the other on its files; then back again. */
async function passesOn(
  from: ServerKind,
  to: ServerKind,
  directory: string,
  classPath: string,
): Promise<void> {
  const server = new ServerProcess(1, from, directory, classPath);
  server.configure(SETTINGS, []);
  let left = await served(server, () => fill(server.clientPort, "first"));
  for (const kind of [to, from]) {
    server.kind = kind;
    let before: Tree = new Map();
    const after = await served(server, async () => {
      before = await dumpTree(server.clientPort);
      await fill(server.clientPort, `by-${kind}`);
    });
    expectSame(left, before);
    left = after;
  }
}

/** A member is killed, misses changes, and comes back as the other kind. */
async function replaces(
  from: ServerKind,
  to: ServerKind,
  directory: string,
): Promise<void> {
  const ensemble = await EnsembleProcesses.make(
    [from, from, from],
    directory,
    SETTINGS,
    to,
  );
  try {
    await ensemble.start();
    const [first, ...others] = ensemble.servers;
    await fill(others[0].clientPort, "first");
    await first.end("SIGKILL");
    await fill(others[1].clientPort, "missed");
    first.kind = to;
    await ensemble.start();
    await fill(first.clientPort, "after");
    // The one that leads changes, too, and what it leads goes on without it.
    const leader = await ensemble.leader();
    await leader.end("SIGKILL");
    await fill(
      ensemble.servers.find((each) => each !== leader)!.clientPort,
      "without",
    );
    leader.kind = to;
    await ensemble.start();
    const trees: Tree[] = [];
    for (const { clientPort } of ensemble.servers) {
      trees.push(await dumpTree(clientPort));
    }
    for (const tree of trees) expectSame(trees[0], tree);
  } finally {
    await ensemble.end();
  }
}

/** What a server has at the end of `work`, after which it is killed. */
async function served(
  server: ServerProcess,
  work: () => Promise<void> = () => Promise.resolve(),
): Promise<Tree> {
  try {
    server.spawn();
    await server.untilServes(LIMIT_MS);
    await work();
    return await dumpTree(server.clientPort);
  } finally {
    await server.end("SIGKILL");
  }
}

/** Znodes of all kinds under a path of their own, some of a session that stays. */
async function fill(port: number, name: string): Promise<void> {
  const session = new ZnodeSession({
    ports: [port],
    timeoutMs: SESSION_MS,
    problem: (text) => {
      throw new Error(text);
    },
  });
  const root = `/${name}`;
  await session.create(root, `${name} ñandú 水`);
  for (let index = 0; index < 60; index++) {
    await session.create(`${root}/n${index}`, "x".repeat(index * 7));
    if (index % 3 === 0) await session.delete(`${root}/n${index}`);
    if (index % 3 === 1) await session.set(`${root}/n${index}`, "set", 0);
    await session.create(`${root}/s-`, `${index}`, CreateMode.sequential);
    await session.create(
      `${root}/es-`,
      "",
      CreateMode.ephemeralSequential,
    );
  }
  await session.create(`${root}/large`, "y".repeat(900_000));
  await session.createAll([`${root}/m1`, `${root}/m1/below`], "multi");
  await createContainer(session, `${root}/container`);
  await session.create(`${root}/container/child`, "");
  await createTtl(session, `${root}/ttl`, 3_600_000);
  await restrict(session, `${root}/n2`);
  // Refused, which has a place in the log, too.
  await session.create(root, "").catch(() => {});
  await session.abandon();
}

function createContainer(
  session: ZnodeSession,
  path: string,
): Promise<unknown> {
  return session.request(`container ${path}`, OpCode.createContainer, (out) => {
    writeZnode(out, path);
    out.int32(4);
  });
}

function createTtl(
  session: ZnodeSession,
  path: string,
  ttlMs: number,
): Promise<unknown> {
  return session.request(`ttl ${path}`, OpCode.createTtl, (out) => {
    writeZnode(out, path);
    out.int32(5);
    out.bigInt64(BigInt(ttlMs));
  });
}

/** Lets everybody read, and nobody of this name write. */
function restrict(session: ZnodeSession, path: string): Promise<unknown> {
  return session.request(`acl ${path}`, OpCode.setAcl, (out) => {
    writeText(out, path);
    out.int32(2);
    writeAcl(out, 1, "world", "anyone");
    writeAcl(out, 31, "digest", "kq:CVKsPCYsyJTvhZ9YLTX0zDzPYPs=");
    out.int32(-1);
  });
}

function writeZnode(out: Writer, path: string): void {
  writeText(out, path);
  writeText(out, path);
  out.int32(1);
  writeAcl(out, 31, "world", "anyone");
}

function writeAcl(
  out: Writer,
  permissions: number,
  scheme: string,
  id: string,
): void {
  out.int32(permissions);
  writeText(out, scheme);
  writeText(out, id);
}

function writeText(out: Writer, text: string): void {
  const size = utf8Size(text);
  out.int32(size);
  out.text(text, size);
}

/** @throws With the first differences. */
function expectSame(wanted: Tree, got: Tree): void {
  const lines = differences(wanted, got);
  if (lines.length === 0) return;
  throw new Error(
    `${lines.length} of ${wanted.size} znodes differ: ${
      lines.slice(0, 3).join("; ").slice(0, 800)
    }`,
  );
}

/** Puts what is below the archive's one folder into a directory. */
async function extract(archive: string, directory: string): Promise<void> {
  const { success } = await new Deno.Command("tar", {
    args: ["xzf", archive, "-C", directory, "--strip-components=1"],
  }).output();
  if (!success) throw new Error(`cannot extract ${archive}`);
}
