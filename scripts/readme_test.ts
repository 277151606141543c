import { ok } from "node:assert/strict";
import { mapOf } from "./layers.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Table rows without the padding that the formatter adds. */
function rows(markdown: string): string[] {
  return markdown.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.replace(/ +/g, " ").replace(/-+/g, "---"));
}

Deno.test("README's map is what scripts/layers.ts prints", () => {
  const readme = rows(Deno.readTextFileSync(`${ROOT}README.md`)).join("\n");
  for (const row of rows(mapOf(ROOT))) {
    ok(readme.includes(row), `README lacks the row: ${row}`);
  }
});
