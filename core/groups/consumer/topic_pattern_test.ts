import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseTopicPattern } from "./topic_pattern.ts";

function matches(pattern: string, name: string): boolean {
  const parsed = parseTopicPattern(pattern);
  ok(parsed.kind === "pattern", `${pattern} is refused`);
  return parsed.pattern.matches(name);
}

Deno.test("a pattern matches names as a whole", () => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ["a.*", ["a", "ab"], ["ba", "b"]],
    ["orders|payments", ["orders", "payments"], ["order", "orderspayments"]],
    ["(a|b)+c?", ["a", "abab", "bc"], ["", "c", "abcc"]],
    ["x{2,3}", ["xx", "xxx"], ["x", "xxxx"]],
    ["x{2}y{1,}", ["xxy", "xxyyy"], ["xy", "xx"]],
    ["[a-c_]+", ["abc_"], ["d", "a-"]],
    ["[^0-9]+\\d", ["ab1"], ["1", "ab"]],
    ["[]a-]+", ["a-]"], ["b"]],
    ["[[:digit:]x]+", ["1x2"], ["y"]],
    ["(?i)abc", ["ABC", "aBc"], ["abd"]],
    ["a(?i:b)c", ["abc", "aBc"], ["Abc", "abC"]],
    ["(?P<n>a)\\.b", ["a.b"], ["axb"]],
    ["\\Qa.b\\E+", ["a.b", "a.bb"], ["axb"]],
    ["^a$", ["a"], ["ab"]],
    ["\\Aa\\z", ["a"], ["aa"]],
    ["a\\b.*", ["a", "a.b"], ["ab", "a_"]],
    ["\\p{Lu}+\\PL", ["AB1"], ["ab1", "AB"]],
    ["\\x61\\x{62}", ["ab"], ["a"]],
    ["", [""], ["a"]],
    ["a{,2}", ["a{,2}"], ["a", "aa"]],
  ];
  for (const [pattern, matching, others] of cases) {
    for (const name of matching) {
      ok(matches(pattern, name), `${pattern}: ${name}`);
    }
    for (const name of others) {
      ok(!matches(pattern, name), `${pattern}: ${name}`);
    }
  }
});

Deno.test("what is not of RE2's language is refused", () => {
  const bad = [
    "(",
    ")",
    "[",
    "[z-a]",
    "*a",
    "a**",
    "a{2}{3}",
    "a{3,2}",
    "a{1001}",
    "(a)\\1",
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "\\",
    "\\y",
    "\\p{Nothing}",
    "[[:what:]]",
    "((a{1000}){1000}){1000}",
    "(".repeat(200) + ")".repeat(200),
    "a".repeat(5000),
  ];
  for (const pattern of bad) {
    strictEqual(parseTopicPattern(pattern).kind, "bad", pattern.slice(0, 30));
  }
});

Deno.test("a pattern that makes backtracking explode is done in a moment", () => {
  strictEqual(matches("(a*)*b", "a".repeat(249)), false);
  strictEqual(matches("(a|aa)+$", "a".repeat(248) + "!"), false);
  strictEqual(matches("(.*)(.*)(.*)(.*)x", "a".repeat(249)), false);
});

Deno.test("patterns mean what JavaScript means by them, where both have them", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "\\.");
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: "small" },
      atom,
      fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => a + b),
      fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(${a}|${b})`),
      fc.tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{1,2}"))
        .map(([a, times]) => `(?:${a})${times}`),
    ),
  }));
  const name = fc.string({
    unit: fc.constantFrom("a", "b", ".", "-"),
    maxLength: 6,
  });
  fc.assert(fc.property(pattern, name, (text, topic) => {
    strictEqual(matches(text, topic), new RegExp(`^(?:${text})$`).test(topic));
  }));
});
