import { rejects, strictEqual, throws } from "node:assert/strict";
import { simHost } from "../../testing/sim_host.ts";
import { Epochs } from "./epochs.ts";

const DIRECTORY = "/data";

Deno.test("epochs are there again after a power cut, once they were promised", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const epochs = Epochs.open(sim.host.disk, DIRECTORY, 0n);
    await epochs.accept(7n);
    await epochs.enter(6n);
  });
  sim.crash("power", "lost");
  sim.restart();
  const { accepted, current } = Epochs.open(sim.host.disk, DIRECTORY, 0n);
  strictEqual(accepted, 7n);
  strictEqual(current, 6n);
});

Deno.test("a server that logged an epoch's first transactions is in that epoch", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const epochs = Epochs.open(sim.host.disk, DIRECTORY, 0n);
    await epochs.accept(3n);
    await epochs.enter(2n);
  });
  const { current } = Epochs.open(sim.host.disk, DIRECTORY, (3n << 32n) + 4n);
  strictEqual(current, 3n);
  throws(
    () => Epochs.open(sim.host.disk, DIRECTORY, (4n << 32n) + 1n),
    { kind: "io", message: /acceptedEpoch" says 3, less than currentEpoch 4/ },
  );
});

Deno.test("an epoch that could not be written is not written again", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const epochs = Epochs.open(sim.host.disk, DIRECTORY, 0n);
    await epochs.accept(3n);
    sim.disk.failNthCall(1, "io", ({ action }) => action === "sync");
    await rejects(() => epochs.accept(4n), { kind: "io" });
    await rejects(() => epochs.accept(4n), { kind: "io" });
    strictEqual(epochs.accepted, 3n);
    strictEqual(epochs.failure instanceof Error, true);
  });
});
