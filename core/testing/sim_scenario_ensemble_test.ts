import { ok, strictEqual } from "node:assert/strict";
import type { Clock } from "../host/host.ts";
import type { Epochs } from "../ensemble/quorum/epochs.ts";
import { runScenario } from "./sim_scenario.ts";
import { ensembleScenario, runEnsemble } from "./sim_scenario_ensemble.ts";
import type { Plant } from "./sim_scenario_ensemble_server.ts";

const SEED_COUNT = 500;
/** A fault that is built in shows within so many seeds. */
const PLANT_SEEDS_MAX = 150;

Deno.test(`an ensemble keeps one history, whatever befalls it (${SEED_COUNT} seeds)`, async () => {
  const failures: string[] = [];
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const { failure } = await runScenario(ensembleScenario, seed);
    if (failure !== null) {
      failures.push(`deno task sim ${seed} ensemble: ${String(failure)}`);
    }
  }
  strictEqual(failures.length, 0, failures.join("\n"));
});

/** Seeds are tried until one fails; it must do so for the expected reason. */
function finds(name: string, plant: () => Plant, reason: RegExp): void {
  Deno.test(`an ensemble is seen to fail where ${name}`, async () => {
    for (let seed = 1; seed <= PLANT_SEEDS_MAX; seed++) {
      const { failure } = await runScenario({
        ...ensembleScenario,
        run: (run) => runEnsemble(run, plant()),
      }, seed);
      if (failure === null) continue;
      ok(reason.test(String(failure)), `seed ${seed}: ${String(failure)}`);
      return;
    }
    ok(false, `${PLANT_SEEDS_MAX} seeds have not shown it`);
  });
}

finds(
  "changes are acknowledged before they are durable",
  () => ({
    store: (store) => {
      const { log } = store;
      store.log = (proposal, durable, fail) => {
        log.call(store, proposal, () => {}, fail);
        queueMicrotask(durable);
      };
    },
  }),
  /had .* on its disk/,
);

finds(
  "epochs are promised and entered before that is durable",
  () => ({ epochs: forgetfulEpochs }),
  /comes back with \d+ accepted|have both led/,
);

finds(
  "a leader commits without a quorum",
  () => ({ isQuorum: (ids) => [...ids].length > 0 }),
  /have both led|does not go on from|others behind|something else/,
);

finds(
  "a follower keeps what it should take back",
  () => ({ store: (store) => void (store.truncateTo = async () => {}) }),
  /another tree|after|not had/,
);

finds(
  "a history is acknowledged before it is durable",
  () => ({ store: (store) => void (store.settled = async () => {}) }),
  /enters epoch .* is on its disk/,
);

finds(
  "a leader that was held up ends sessions at once",
  () => ({ host: (host) => ({ ...host, clock: impatientClock(host.clock) }) }),
  /'s session .* ends at .* calm/,
);

finds(
  "a server keeps to itself which clients it hears of",
  () => ({ serving: (replica) => void (replica.touch = () => {}) }),
  /'s session .* ends at .* calm/,
);

finds(
  "a server says of living sessions that they are over",
  () => ({
    serving: (replica) => {
      replica.revalidate = () => Promise.resolve(false);
    },
  }),
  /has not ended/,
);

finds(
  "watches are told late",
  () => ({
    clients: (clients, { clock }) => {
      const { applied } = clients;
      clients.applied = (...args) =>
        void clock.after(3, () => applied.apply(clients, args));
    },
  }),
  /before the event/,
);

finds(
  "a client is let in that has seen more than the server",
  () => ({
    clients: (clients) => {
      const { connect } = clients;
      clients.connect = (connection, request) =>
        connect.call(clients, connection, { ...request, lastZxidSeen: 0n });
    },
    serving: (replica) => {
      replica.revalidate = () => Promise.resolve(true);
    },
  }),
  /is shown .* after/,
);

finds(
  "a transaction is left out by one server in a while",
  () => {
    let count = 0;
    return {
      store: (store) => {
        const { apply } = store;
        store.apply = (proposal) => {
          const { context } = proposal;
          return ++count % 500 === 0
            ? apply.call(store, {
              ...proposal,
              txn: { kind: "error", err: -1 },
            })
            : apply.call(store, { ...proposal, context });
        };
      },
    };
  },
  /another tree|reads .* where it is/,
);

/** Says at once that an epoch is written; the disk never hears of it. */
function forgetfulEpochs(epochs: Epochs): Epochs {
  let { accepted, current } = epochs;
  return {
    failure: null,
    get accepted() {
      return accepted;
    },
    get current() {
      return current;
    },
    accept: (epoch: bigint) => {
      accepted = epoch;
      return Promise.resolve();
    },
    enter: (epoch: bigint) => {
      current = epoch;
      return Promise.resolve();
    },
  } as Partial<Epochs> as Epochs;
}

/** Timers that are late believe that they are not, and let nobody else go first. */
function impatientClock(clock: Clock): Clock {
  let believedMs: number | null = null;
  return {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => believedMs ?? clock.monotonicMs(),
    afterOthers: (run) => {
      believedMs = null;
      run();
    },
    after: (delayMs, run) => {
      const dueMs = clock.monotonicMs() + delayMs;
      return clock.after(delayMs, () => {
        believedMs = dueMs;
        try {
          run();
        } finally {
          believedMs = null;
        }
      });
    },
  };
}
