// kq version

import { buildInfo } from "../core/cli/build_info.ts";
import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";

export default command({
  args: [],
  flags: outputFlags,
  examples: ["kq version", "kq version -o json"],
  run: async ({ out }, { flags }) => {
    const { version, kind, commit } = buildInfo();
    if (flags.output !== "table" && flags.output !== "wide") {
      const { printDocument } = await import("../core/cli/rows.ts");
      return await printDocument(out, flags.output, { version, kind, commit });
    }
    const origin = commit === "" ? kind : `${kind}, commit ${commit}`;
    await out.line(`kq ${version} (${origin})`);
  },
});
