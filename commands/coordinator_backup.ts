// kq coordinator backup

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printDocument } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { backUp } from "../core/ensemble/backup_files.ts";
import { filesFolder } from "../core/ensemble/verify_files.ts";
import { HostError } from "../core/host/host.ts";

export default command({
  details:
    "Copies the state of a coordinator, kq's or ZooKeeper's, from its files; run it where\n" +
    "they are. The server may run: the copy is the state at one moment. It is replayed\n" +
    "before it counts as a backup; with a copy of one server that is in step, the whole\n" +
    "ensemble can be restored.",
  args: [
    { name: "DIR", doc: "The server's data directory" },
    { name: "BACKUP", doc: "A folder to make" },
  ],
  flags: {
    logs: {
      kind: "text",
      value: "DIR",
      doc: "Its dataLogDir, where that is another",
    },
    ...outputFlags,
  },
  examples: [
    "kq coordinator backup /var/lib/zookeeper /backup/zk-monday",
  ],
  run: async ({ host, out, note }, { flags, args: [directory, target] }) => {
    const files = filesFolder(host.disk, directory);
    const logs = flags.logs === undefined
      ? files
      : filesFolder(host.disk, flags.logs);
    if (files === null || logs === null) {
      throw new ExitError(
        ExitCode.NOT_FOUND,
        `${
          files === null ? directory : flags.logs
        } has no files of a coordinator`,
      );
    }
    try {
      const facts = await backUp(host, files, target, logs);
      await printDocument(out, flags.output, {
        backup: target,
        zxid: facts.zxid,
        znodes: facts.znodes,
        digest: facts.digest,
        files: facts.files.map(({ name }) => name),
        bytes: facts.files.reduce((sum, { bytes }) => sum + bytes, 0),
      });
    } catch (error) {
      if (!(error instanceof HostError && error.kind === "exists")) throw error;
      throw new ExitError(
        ExitCode.REFUSED,
        `${error.message}: name a folder that is not there yet`,
      );
    }
    note("verified by replaying it");
  },
});
