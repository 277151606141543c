import { hostSuite } from "../testing/host_suite.ts";
import { denoHost } from "./deno_host.ts";

hostSuite("denoHost()", async (run) => {
  const directory = await Deno.makeTempDir();
  try {
    await run(denoHost(), directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
