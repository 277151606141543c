import { equal, ok } from "node:assert/strict";
import { SimRandom } from "../../testing/sim_random.ts";
import { ServerChoice } from "./server_choice.ts";

const SERVERS = [1, 2, 3].map((port) => ({ host: "a", port }));

function choice(seed: number): ServerChoice {
  const random = new SimRandom(seed);
  return new ServerChoice(SERVERS, () => random.next());
}

Deno.test("servers are tried in turn, the first round at once, later ones ever slower", () => {
  const servers = choice(1);
  let longestMs = 0;
  for (let round = 0; round < 12; round++) {
    const tried = SERVERS.map(() => servers.next());
    equal(new Set(tried.map(({ address }) => address.port)).size, 3);
    for (const { delayMs } of tried) {
      if (round === 0) equal(delayMs, 0);
      else ok(delayMs >= 25 && delayMs <= 1000, `${delayMs}`);
      longestMs = Math.max(longestMs, delayMs);
    }
  }
  ok(longestMs > 500);
});

Deno.test("a session that was held begins the rounds anew, a short one does not", () => {
  const servers = choice(2);
  for (let count = 0; count < 9; count++) servers.next();
  servers.held(100);
  ok(servers.next().delayMs > 0);
  servers.held(5000);
  equal(servers.next().delayMs, 0);
});

Deno.test("clients do not all begin with the same server", () => {
  const first = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    first.add(choice(seed).next().address.port);
  }
  equal(first.size, 3);
});
