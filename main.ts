// kq: from the words that somebody typed to an exit code. The only place that
// builds the real host, and the only one that ends the process.

import { commands } from "./commands/mod.ts";
import { run } from "./core/cli/run.ts";
import { denoHost } from "./core/host/deno_host.ts";
import { denoProcess } from "./core/host/deno_process.ts";

const exitCode = await run(Deno.args, {
  host: denoHost(),
  process: denoProcess(),
  table: commands,
});
Deno.exit(exitCode);
