// kq coordinator restore

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { restore } from "../core/ensemble/backup_files.ts";
import { noteMyid } from "../core/ensemble/membership.ts";
import { HostError } from "../core/host/host.ts";

export default command({
  details:
    "Puts a backup into a data directory on which no server runs. Stop all servers of\n" +
    "the ensemble first, and restore all of them, each with its own --id: a server that\n" +
    "keeps newer data would give it to the others.",
  args: [
    { name: "BACKUP", doc: "A folder that kq coordinator backup made" },
    { name: "DIR", doc: "The server's data directory" },
  ],
  flags: {
    id: {
      kind: "whole",
      min: 0,
      max: 255,
      value: "N",
      doc: "Write this server's number into myid, where there is none",
    },
    logs: {
      kind: "text",
      value: "DIR",
      doc: "The server's dataLogDir, where that is another",
    },
    replace: {
      kind: "switch",
      doc: "Set aside what is in DIR, instead of refusing",
    },
  },
  examples: [
    "kq coordinator restore /backup/zk-monday /var/lib/zookeeper --id 1",
    "kq coordinator restore /backup/zk-monday kq-coordinator --replace",
  ],
  run: async ({ host, note }, { flags, args: [backup, directory] }) => {
    const { disk, clock } = host;
    const aside = `version-2.before-${clock.wallMs()}`;
    try {
      const facts = await restore(disk, backup, {
        directory,
        logDirectory: flags.logs,
        replacedName: flags.replace ? aside : null,
      });
      if (flags.id !== undefined) await noteMyid(disk, directory, flags.id);
      if (disk.stat(`${directory}/${aside}`) !== null) {
        note(`what was there is in ${directory}/${aside}`);
      }
      note(
        `${directory} restored to zxid ${facts.zxid}, ${facts.znodes} znodes`,
      );
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      throw refusal(error);
    }
  },
});

function refusal(error: HostError): Error {
  switch (error.kind) {
    case "locked":
      return new ExitError(
        ExitCode.REFUSED,
        `${error.message}; stop the server before its files are replaced`,
      );
    case "exists":
      return new ExitError(
        ExitCode.REFUSED,
        `${error.message}; --replace sets it aside`,
      );
    case "notFound":
      return new ExitError(ExitCode.NOT_FOUND, error.message);
    default:
      return error;
  }
}
