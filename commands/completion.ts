// kq completion

import { command } from "../core/cli/command.ts";
import { completionScript, SHELLS } from "../core/cli/completion.ts";
import { UsageError } from "../core/cli/usage_error.ts";

export default command({
  details: "Completes commands, flags, their values, and names of topics.",
  args: [{ name: "SHELL", doc: SHELLS.join(", ") }],
  flags: {},
  examples: [
    "source <(kq completion bash)",
    "source <(kq completion zsh)",
    "kq completion fish | source",
  ],
  run: async ({ out, table }, { args }) => {
    const shell = SHELLS.find((name) => name === args[0]);
    if (shell === undefined) {
      throw new UsageError(
        `expected ${SHELLS.join(", ")}, got ${JSON.stringify(args[0])}`,
      );
    }
    await out.text(await completionScript(shell, table));
  },
});
