import { hostSuite } from "./host_suite.ts";
import { simHost } from "./sim_host.ts";

for (const seed of [1, 2, 3]) {
  hostSuite(`simHost(${seed})`, async (run) => {
    const sim = simHost(seed, { disk: { syncDelayMs: [0, 20] } });
    await sim.run(() => run(sim.host, "/data"));
  });
}
