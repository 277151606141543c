import { deepEqual } from "node:assert/strict";
import { parseJunit } from "./junit.ts";

Deno.test("parseJunit() names what passed, failed and was skipped", () => {
  const outcomes = parseJunit(`<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="kazoo.tests.test_a.TestA" name="test_one" time="0.1" />
<testcase classname="kazoo.tests.test_a.TestA" name="test_two" time="0.1"><failure message="a &lt; b&#10;more">text</failure></testcase>
<testcase classname="kazoo.tests.test_a.TestA" name="test_three" time="0"><skipped type="pytest.skip" message="not here">x</skipped></testcase>
<testcase classname="kazoo.tests.test_b" name="test[x/y]" time="0"><error message="broke">x</error></testcase>
</testsuite></testsuites>`);
  deepEqual([...outcomes], [
    ["test_a.TestA.test_one", { kind: "pass", text: "" }],
    ["test_a.TestA.test_two", { kind: "fail", text: "a < b" }],
    ["test_a.TestA.test_three", { kind: "skip", text: "not here" }],
    ["test_b.test[x/y]", { kind: "fail", text: "broke" }],
  ]);
});

Deno.test("parseJunit() counts a test that fails as it is taken down", () => {
  const outcomes = parseJunit(
    `<testcase classname="t.tests.test_a.A" name="x" /><testcase classname="t.tests.test_a.A" name="x"><error message="late">y</error></testcase>`,
  );
  deepEqual(outcomes.get("test_a.A.x"), { kind: "fail", text: "late" });
});
