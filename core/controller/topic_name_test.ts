import { deepEqual, equal } from "node:assert/strict";
import {
  collidingNames,
  isInternalTopic,
  topicNameProblem,
} from "./topic_name.ts";

Deno.test("topicNameProblem() accepts what Kafka accepts and says what is wrong", () => {
  for (const name of ["a", "A-b_c.9", "...", "__x", "x".repeat(249)]) {
    equal(topicNameProblem(name), null, name);
  }
  const cases: [string, RegExp][] = [
    ["", /the empty string is not allowed/],
    [".", /'\.' is not allowed/],
    ["..", /'\.\.' is not allowed/],
    ["x".repeat(250), /longer than the max allowed length 249/],
    ["a b", /'a b' contains one or more characters other than/],
    ["größe", /contains/],
    ["a\n", /contains/],
    ["a/b", /contains/],
  ];
  for (const [name, problem] of cases) {
    equal(problem.test(topicNameProblem(name) ?? ""), true, name);
  }
});

Deno.test("collidingNames() takes . and _ for the same", () => {
  const existing = ["a.b", "a_b_c", "x", "a-b"];
  deepEqual(collidingNames("a_b", existing), ["a.b"]);
  deepEqual(collidingNames("a.b", existing), [], "itself does not collide");
  deepEqual(collidingNames("a.b.c", existing), ["a_b_c"]);
  deepEqual(collidingNames("x", existing), []);
});

Deno.test("isInternalTopic() knows the brokers' own topics", () => {
  equal(isInternalTopic("__consumer_offsets"), true);
  equal(isInternalTopic("__transaction_state"), true);
  equal(isInternalTopic("__mine"), false);
});
