// Cases of the disk, for every host.

import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import { type Disk, HostError, type HostErrorKind } from "../host/host.ts";
import type { RegisterCase } from "./host_suite.ts";

const text = (value: string) => new TextEncoder().encode(value);

function readAll(disk: Disk, path: string): string {
  const file = disk.open(path, "read");
  const bytes = new Uint8Array(file.size());
  strictEqual(file.readAt(bytes, 0), bytes.length);
  file.close();
  return new TextDecoder().decode(bytes);
}

function write(disk: Disk, path: string, value: string): void {
  const file = disk.open(path, "create");
  file.writeAt(text(value), 0);
  file.close();
}

/** A refusal of this kind, whose one line names the path. */
function refuses(kind: HostErrorKind, path: string, run: () => unknown): void {
  throws(run, (error: unknown) => {
    ok(error instanceof HostError, String(error));
    strictEqual(error.kind, kind, error.message);
    ok(error.message.includes(path), error.message);
    ok(!error.message.includes("\n"), error.message);
    return true;
  });
}

export function diskSuite(test: RegisterCase): void {
  fileCases(test);
  nameCases(test);

  test("lock() has one holder at a time, who is named", ({ disk }, root) => {
    const path = `${root}/.lock`;
    const lock = disk.lock(path);
    refuses("locked", path, () => disk.lock(path));
    throws(() => disk.lock(path), /process \d+ holds it/);
    lock.release();
    lock.release();
    const again = disk.lock(path);
    ok(disk.stat(path) !== null);
    refuses("locked", path, () => disk.lock(path));
    again.release();
  });

  test("cacheId() tells directories apart, and stays", ({ disk }, root) => {
    disk.makeDirectory(`${root}/a`);
    disk.makeDirectory(`${root}/b`);
    const id = disk.cacheId(`${root}/a`);
    if (id === null) return; // Not every system tells.
    ok(id.length > 0);
    ok(disk.cacheId(`${root}/b`) !== id);
    disk.rename(`${root}/b`, `${root}/c`);
    strictEqual(disk.cacheId(`${root}/a`), id);
    strictEqual(disk.cacheId(`${root}/missing`), null);
  });

  test("space() knows what is free", ({ disk }, root) => {
    const { totalBytes, freeBytes } = disk.space(root);
    ok(totalBytes > 0 && freeBytes > 0 && freeBytes <= totalBytes);
  });
}

function fileCases(test: RegisterCase): void {
  test("a file gives back what was written, wherever", ({ disk }, root) => {
    const file = disk.open(`${root}/a`, "create");
    strictEqual(file.path, `${root}/a`);
    strictEqual(file.size(), 0);
    file.writeAt(text("hello"), 0);
    file.writeAt(text("HE"), 0);
    file.writeAt(text("!"), 5);
    strictEqual(file.size(), 6);
    const target = new Uint8Array(4);
    strictEqual(file.readAt(target, 2), 4);
    deepStrictEqual(target, text("llo!"));
    // After a read elsewhere, an append goes where it is told to.
    file.writeAt(text("?"), 6);
    file.writeAt(text("."), 7);
    file.close();
    strictEqual(readAll(disk, `${root}/a`), "HEllo!?.");
  });

  test("readAt() gives less only at the end", ({ disk }, root) => {
    write(disk, `${root}/a`, "abc");
    const file = disk.open(`${root}/a`, "read");
    const target = new Uint8Array(10).fill(7);
    strictEqual(file.readAt(target, 1), 2);
    deepStrictEqual(target.subarray(0, 3), new Uint8Array([98, 99, 7]));
    strictEqual(file.readAt(target, 3), 0);
    strictEqual(file.readAt(target, 1000), 0);
    strictEqual(file.readAt(new Uint8Array(0), 0), 0);
    file.close();
  });

  test("a hole reads as zeroes", ({ disk }, root) => {
    const file = disk.open(`${root}/a`, "create");
    file.writeAt(text("z"), 10_000);
    const target = new Uint8Array(3).fill(7);
    strictEqual(file.readAt(target, 9_998), 3);
    deepStrictEqual(target, new Uint8Array([0, 0, 122]));
    file.close();
  });

  test("truncate() cuts, and grows with zeroes", ({ disk }, root) => {
    const file = disk.open(`${root}/a`, "create");
    file.writeAt(text("abcdef"), 0);
    file.truncate(2);
    strictEqual(file.size(), 2);
    file.truncate(4);
    const target = new Uint8Array(9);
    strictEqual(file.readAt(target, 0), 4);
    deepStrictEqual(target.subarray(0, 4), new Uint8Array([97, 98, 0, 0]));
    file.writeAt(text("x"), 4);
    file.close();
    strictEqual(readAll(disk, `${root}/a`), "ab\0\0x");
  });

  test("a large write arrives whole", ({ disk }, root) => {
    const bytes = new Uint8Array(3_000_001).map((_, i) => i * 31 + (i >> 9));
    const file = disk.open(`${root}/a`, "create");
    file.writeAt(bytes, 7);
    const target = new Uint8Array(bytes.length);
    strictEqual(file.readAt(target, 7), bytes.length);
    strictEqual(target.findIndex((byte, i) => byte !== bytes[i]), -1);
    file.close();
  });

  test("two handles of a file see each other's writes", ({ disk }, root) => {
    const writer = disk.open(`${root}/a`, "create");
    const reader = disk.open(`${root}/a`, "read");
    const target = new Uint8Array(3);
    for (const word of ["one", "two"]) {
      writer.writeAt(text(word), 0);
      strictEqual(reader.readAt(target, 0), 3);
      deepStrictEqual(target, text(word));
    }
    disk.remove(`${root}/a`);
    strictEqual(reader.readAt(target, 0), 3, "a removed file lives on");
    writer.close();
    reader.close();
  });

  test("sync() leaves a file usable meanwhile", async ({ disk }, root) => {
    const file = disk.open(`${root}/a`, "create");
    file.writeAt(new Uint8Array(100_000).fill(1), 0);
    const first = file.sync();
    file.writeAt(text("abc"), 100_000);
    const target = new Uint8Array(3);
    strictEqual(file.readAt(target, 100_000), 3);
    const second = file.sync();
    await Promise.all([first, second]);
    await file.sync();
    strictEqual(file.size(), 100_003);
    file.close();
  });

  test("open() tells modes apart", ({ disk }, root) => {
    const path = `${root}/a`;
    refuses("notFound", path, () => disk.open(path, "read"));
    refuses("notFound", path, () => disk.open(path, "write"));
    refuses("notFound", `${path}/b`, () => disk.open(`${path}/b`, "create"));
    disk.open(path, "create").close();
    disk.open(path, "create").close();
    disk.open(path, "write").close();
    refuses("other", root, () => disk.open(root, "read"));
    refuses("other", root, () => disk.open(root, "create"));
  });

  test("a file opened for reading refuses writes", ({ disk }, root) => {
    write(disk, `${root}/a`, "abc");
    const file = disk.open(`${root}/a`, "read");
    throws(() => file.writeAt(text("x"), 0), HostError);
    throws(() => file.truncate(0), HostError);
    file.close();
    strictEqual(readAll(disk, `${root}/a`), "abc");
  });

  test("a closed file refuses everything", async ({ disk }, root) => {
    const path = `${root}/a`;
    const file = disk.open(path, "create");
    file.close();
    file.close();
    refuses("closed", path, () => file.size());
    refuses("closed", path, () => file.readAt(new Uint8Array(1), 0));
    refuses("closed", path, () => file.writeAt(text("x"), 0));
    refuses("closed", path, () => file.truncate(0));
    await rejects(() => file.sync(), { kind: "closed" });
  });
}

function nameCases(test: RegisterCase): void {
  test("stat() tells files, directories and nothing", ({ disk }, root) => {
    write(disk, `${root}/a`, "abc");
    const file = disk.stat(`${root}/a`);
    strictEqual(file?.sizeBytes, 3);
    strictEqual(file?.isDirectory, false);
    ok((file?.modifiedMs ?? 0) > Date.UTC(2020, 0));
    strictEqual(disk.stat(root)?.isDirectory, true);
    strictEqual(disk.stat(`${root}/b`), null);
    strictEqual(disk.stat(`${root}/a/b`), null);
  });

  test("setModified() stays through a rename", ({ disk }, root) => {
    write(disk, `${root}/a`, "abc");
    disk.setModified(`${root}/a`, 1_600_000_000_123);
    disk.rename(`${root}/a`, `${root}/b`);
    strictEqual(disk.stat(`${root}/b`)?.modifiedMs, 1_600_000_000_123);
    refuses("notFound", `${root}/c`, () => disk.setModified(`${root}/c`, 1));
  });

  test("rename() replaces what is there", ({ disk }, root) => {
    write(disk, `${root}/a`, "new");
    write(disk, `${root}/b`, "older");
    disk.rename(`${root}/a`, `${root}/b`);
    deepStrictEqual(disk.list(root), ["b"]);
    strictEqual(readAll(disk, `${root}/b`), "new");
    disk.rename(`${root}/b`, `${root}/b`);
    strictEqual(readAll(disk, `${root}/b`), "new");
    refuses(
      "notFound",
      `${root}/x`,
      () => disk.rename(`${root}/x`, `${root}/y`),
    );
  });

  test("rename() moves directories with what is in them", ({ disk }, root) => {
    disk.makeDirectory(`${root}/d/e`);
    write(disk, `${root}/d/e/f`, "deep");
    disk.rename(`${root}/d`, `${root}/moved`);
    strictEqual(readAll(disk, `${root}/moved/e/f`), "deep");
    strictEqual(disk.stat(`${root}/d`), null);
  });

  test("list() is sorted and of one level", ({ disk }, root) => {
    for (const name of ["b", "a", "c.log", "0"]) {
      write(disk, `${root}/${name}`, name);
    }
    disk.makeDirectory(`${root}/Z/inner`);
    deepStrictEqual(disk.list(root), ["0", "Z", "a", "b", "c.log"]);
    refuses("notFound", `${root}/none`, () => disk.list(`${root}/none`));
  });

  test("remove() takes files and empty directories", ({ disk }, root) => {
    disk.makeDirectory(`${root}/d`);
    write(disk, `${root}/d/a`, "abc");
    refuses("other", `${root}/d`, () => disk.remove(`${root}/d`));
    disk.remove(`${root}/d/a`);
    disk.remove(`${root}/d`);
    deepStrictEqual(disk.list(root), []);
    refuses("notFound", `${root}/d`, () => disk.remove(`${root}/d`));
  });

  test("removeTree() takes all, and nothing is fine", ({ disk }, root) => {
    disk.makeDirectory(`${root}/d/e/f`);
    write(disk, `${root}/d/e/a`, "abc");
    disk.removeTree(`${root}/d`);
    disk.removeTree(`${root}/d`);
    write(disk, `${root}/file`, "abc");
    disk.removeTree(`${root}/file`);
    deepStrictEqual(disk.list(root), []);
  });

  test("makeDirectory() makes parents, and there is fine", ({ disk }, root) => {
    disk.makeDirectory(`${root}/d/e/f`);
    disk.makeDirectory(`${root}/d/e/f`);
    deepStrictEqual(disk.list(`${root}/d`), ["e"]);
    write(disk, `${root}/a`, "abc");
    throws(() => disk.makeDirectory(`${root}/a/b`), HostError);
  });

  test("syncDirectory() wants a directory", async ({ disk }, root) => {
    write(disk, `${root}/a`, "abc");
    await disk.syncDirectory(root);
    const path = `${root}/none`;
    await rejects(() => disk.syncDirectory(path), { kind: "notFound" });
  });
}
