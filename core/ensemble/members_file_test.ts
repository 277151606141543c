import { deepEqual, equal, throws } from "node:assert/strict";
import { coordinatorConfig } from "../config/coordinator_config.ts";
import { readConfig } from "../config/table.ts";
import { simHost } from "../testing/sim_host.ts";
import { MembersFile } from "./members_file.ts";
import { QuorumConfig } from "./quorum/quorum_config.ts";

const lines = (version: string, ...ids: number[]) =>
  QuorumConfig.parse(
    [...ids.map((id) => `server.${id}=zk${id}:1:2`), `version=${version}`]
      .join("\n"),
  );

function fileOn(disk: ReturnType<typeof simHost>["host"]["disk"]) {
  const config = readConfig(coordinatorConfig, new Map([["dataDir", "/data"]]));
  return new MembersFile(disk, config, () => {});
}

Deno.test("MembersFile keeps what is in force, and what is proposed beyond it", () => {
  const { disk } = simHost(1).host;
  const file = fileOn(disk);
  deepEqual(file.read(), { active: null, lastSeen: null });
  file.keepSeen(lines("100000005", 1, 2, 3, 4));
  equal(file.read().active, null);
  equal(fileOn(disk).read().lastSeen?.version, 0x100000005n);
  file.keepActive(lines("100000005", 1, 2, 3, 4));
  deepEqual(
    [...fileOn(disk).read().active?.members.keys() ?? []],
    [1, 2, 3, 4],
  );
  equal(file.read().lastSeen, null, "it is in force now");
  file.keepSeen(lines("100000009", 1, 2, 3));
  const kept = fileOn(disk).read();
  deepEqual(
    [kept.active?.version, kept.lastSeen?.version],
    [0x100000005n, 0x100000009n],
  );
});

Deno.test("MembersFile names a file that makes no sense", () => {
  const { disk } = simHost(2).host;
  disk.makeDirectory("/data");
  const opened = disk.open("/data/zoo.cfg.dynamic", "create");
  opened.writeAt(new TextEncoder().encode("server.1=nonsense\n"), 0);
  opened.close();
  throws(
    () => fileOn(disk).read(),
    /\/data\/zoo\.cfg\.dynamic server\.1=nonsense: expected host:port:port/,
  );
});
