import { equal } from "node:assert/strict";
import { FakeProcess } from "../testing/fake_process.ts";
import { OUTPUT_FORMATS, type OutputFormat } from "./flags.ts";
import { Output } from "./output.ts";
import { printDocument, printRows, type Row } from "./rows.ts";

const SHAPE = {
  columns: [
    { field: "name" },
    { field: "partitionCount" },
    { field: "topicId", wide: true as const },
  ],
  nameField: "name",
};

async function printed(format: OutputFormat, rows: Row[]): Promise<string> {
  const process = new FakeProcess();
  const out = new Output(process);
  await printRows(out, format, { ...SHAPE, rows });
  await out.flush();
  return process.stdout;
}

const ROWS: Row[] = [
  { name: "a", partitionCount: 12, topicId: "x,y", replicas: [1, 2] },
  { name: "long-name", partitionCount: 1, topicId: null, error: 'say "no"' },
];

Deno.test("printRows() prints each format", async () => {
  equal(
    await printed("table", ROWS),
    "NAME       PARTITION COUNT\na          12\nlong-name  1\n",
  );
  equal(
    await printed("wide", ROWS),
    "NAME       PARTITION COUNT  TOPIC ID\n" +
      "a          12               x,y\nlong-name  1                -\n",
  );
  equal(
    await printed("csv", ROWS),
    'name,partitionCount,topicId\na,12,"x,y"\nlong-name,1,\n',
  );
  equal(await printed("name", ROWS), "a\nlong-name\n");
  equal(
    await printed("yaml", ROWS.slice(0, 1)),
    "- name: a\n  partitionCount: 12\n  topicId: x,y\n  replicas:\n    - 1\n    - 2\n",
  );
  equal(
    JSON.stringify(JSON.parse(await printed("json", ROWS))),
    JSON.stringify(ROWS),
  );
  const lines = (await printed("ndjson", ROWS)).trim().split("\n");
  equal(
    lines.map((line) => JSON.stringify(JSON.parse(line))).join(),
    ROWS.map((row) => JSON.stringify(row)).join(),
  );
});

Deno.test("printRows() prints a valid document for no rows", async () => {
  const expected: { [F in OutputFormat]: string } = {
    table: "",
    wide: "",
    json: "[]\n",
    ndjson: "",
    yaml: "[]\n",
    csv: "name,partitionCount,topicId\n",
    name: "",
  };
  for (const format of OUTPUT_FORMATS) {
    equal(await printed(format, []), expected[format], format);
  }
});

Deno.test("a table cannot move the cursor", async () => {
  const row = { name: "a\x1b[2Jb\nc", partitionCount: 1, topicId: null };
  equal(
    await printed("table", [row]),
    "NAME            PARTITION COUNT\na\\u001b[2Jb\\nc  1\n",
  );
});

Deno.test("printDocument() prints a field a line", async () => {
  const process = new FakeProcess();
  const out = new Output(process);
  await printDocument(out, "table", { clusterId: "abc", controllerId: null });
  await out.flush();
  equal(process.stdout, "CLUSTER ID     abc\nCONTROLLER ID  -\n");
});
