// A directory that is nearly full: when records are refused and taken again.

import { match, ok, strictEqual, throws } from "node:assert/strict";
import { MIB } from "../base/units.ts";
import type { Disk } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { DiskRoom } from "./disk_room.ts";

const TOTAL_MIB = 100;

/** A directory on a disk of 100 MiB, of which some are used. */
function world(minFreeBytes: number | null) {
  const { host } = simHost(1);
  const used = { mib: 0, lookCount: 0 };
  const disk = {
    space: () => {
      used.lookCount++;
      return {
        totalBytes: TOTAL_MIB * MIB,
        freeBytes: (TOTAL_MIB - used.mib) * MIB,
      };
    },
  } as unknown as Disk;
  const lines: string[] = [];
  const room = new DiskRoom({
    host: { ...host, disk },
    path: "/data",
    minFreeBytes,
    report: (line) => lines.push(line),
  });
  const use = (mib: number) => {
    used.mib = mib;
    room.look();
  };
  return { room, used, use, lines };
}

Deno.test("records are refused below the limit, and taken again a little above", () => {
  const { room, use, lines } = world(20 * MIB);
  use(80);
  room.assertEnough();
  use(81);
  throws(
    () => room.assertEnough(),
    /"\/data" is nearly full: 19922944 bytes are free, and log.dirs.min.free.bytes keeps 20971520/,
  );
  use(79);
  ok(room.isLow, "not yet enough to go on for a while");
  use(70);
  room.assertEnough();
  strictEqual(lines.length, 2);
  match(lines[1], /takes records again/);
});

Deno.test("the default keeps a twentieth of a small disk, and 0 keeps nothing", () => {
  const small = world(null);
  small.use(95);
  strictEqual(small.room.isLow, false);
  small.use(96);
  strictEqual(small.room.isLow, true);
  const free = world(0);
  free.use(100);
  strictEqual(free.room.isLow, false);
  strictEqual(free.used.lookCount, 0);
});

Deno.test("what is appended has it looked at before the limit is far passed, and seldom else", () => {
  const { room, used } = world(20 * MIB);
  const appendBytes = MIB / 16;
  for (used.mib = 0; !room.isLow; used.mib += appendBytes / MIB) {
    room.appended(appendBytes);
  }
  ok(used.mib > 80 && used.mib < 82, `${used.mib} MiB were let through`);
  ok(used.lookCount < 12, `${used.lookCount} looks`);
});
