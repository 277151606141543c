import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { ClientConnection } from "./context.ts";
import { Turnstile } from "./turnstile.ts";

const connection = {} as ClientConnection;
const other = {} as ClientConnection;

/** A promise, and how it is settled. */
function held<T>() {
  let settle: { done: (value: T) => void; fail: (error: Error) => void };
  const promise = new Promise<T>((done, fail) => settle = { done, fail });
  return { promise, done: settle!.done, fail: settle!.fail };
}

Deno.test("requests work at once where nobody waits", () => {
  const turnstile = new Turnstile();
  strictEqual(turnstile.pass(connection, () => 2, (given) => given + 1), 3);
});

Deno.test("no request of a connection overtakes one that waits", async () => {
  const turnstile = new Turnstile();
  const order: string[] = [];
  const slow = held<string>();
  const pass = (from: ClientConnection, name: string, wait?: Promise<string>) =>
    turnstile.pass(
      from,
      () => {
        order.push(`${name} prepares`);
        return wait ?? name;
      },
      (given) => {
        order.push(`${given} works`);
        return given;
      },
    );
  const slower = held<string>();
  const answers = [
    pass(connection, "a", slow.promise),
    pass(connection, "b"),
    pass(connection, "c", slower.promise),
    pass(connection, "d"),
  ];
  strictEqual(pass(other, "x"), "x");
  deepStrictEqual(order, ["a prepares", "x prepares", "x works"]);
  order.length = 0;
  slow.done("a");
  slower.done("c");
  deepStrictEqual(await Promise.all(answers), ["a", "b", "c", "d"]);
  deepStrictEqual(order, [
    "a works",
    "b prepares",
    "b works",
    "c prepares",
    "c works",
    "d prepares",
    "d works",
  ]);
  strictEqual(pass(connection, "e"), "e", "nobody waits any more");
});

Deno.test("one that fails lets the next through", async () => {
  const turnstile = new Turnstile();
  const failing = held<number>();
  const refused = turnstile.pass(connection, () => failing.promise, () => 1);
  const next = turnstile.pass(connection, () => {
    throw new Error("its own");
  }, () => 2);
  const last = turnstile.pass(connection, () => 3, (given) => given);
  failing.fail(new Error("no answer"));
  await rejects(Promise.resolve(refused), /no answer/);
  await rejects(Promise.resolve(next), /its own/);
  strictEqual(await last, 3);
});
