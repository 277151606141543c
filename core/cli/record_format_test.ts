import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import fc from "fast-check";
import { scannerOf } from "./byte_scanner.ts";
import { ByteScanner } from "./byte_scanner.ts";
import type { InputRecord, PrintedRecord } from "./printed_record.ts";
import { recordFromJson, recordToJson } from "./record_json.ts";
import { parseRecordFormat } from "./record_format.ts";
import { RecordReader } from "./record_reader.ts";
import { recordWriter } from "./record_writer.ts";
import { UsageError } from "./usage_error.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (from: Uint8Array) => new TextDecoder().decode(from);

const RECORD: PrintedRecord = {
  topic: "orders",
  partition: 2,
  offset: 255,
  timestampMs: Date.UTC(2024, 4, 1, 15, 4, 5, 60),
  timestampType: "CreateTime",
  leaderEpoch: 7,
  key: bytes("k1"),
  value: bytes('v"1'),
  headers: [{ key: "a", value: bytes("x") }, { key: "a", value: null }],
};

async function readAll(format: string, input: string | Uint8Array) {
  const source = typeof input === "string" ? bytes(input) : input;
  const reader = new RecordReader(format, scannerOf(source));
  const records: InputRecord[] = [];
  for (let record = await reader.next(); record; record = await reader.next()) {
    records.push(record);
  }
  return records;
}

async function pairs(format: string, input: string) {
  return (await readAll(format, input)).map(({ key, value }) => [
    key && text(key),
    value && text(value),
  ]);
}

Deno.test("recordWriter() prints every field and modifier", () => {
  const cases: [format: string, expected: string][] = [
    ["%v\\n", 'v"1\n'],
    ["%t:%p@%o %e", "orders:2@255 7"],
    ["%k=%v%%", 'k1=v"1%'],
    ["%K %V %T %H", "2 3 6 2"],
    ["%h{%k=%v;}", "a=x;a=;"],
    ["%h{%K:%V }", "1:1 1:-1 "],
    ["%d", "1714575845060"],
    ["%d{strftime[%F %T]}", "2024-05-01 15:04:05"],
    [
      "%d{strftime[%a %e %b %Y %I:%M:%S.%L %p %j]}",
      "Wed  1 May 2024 03:04:05.060 PM 122",
    ],
    ["%k{hex} %k{base64} %v{json}", '6b31 azE= "v\\"1"'],
    ["%o{hex}", "ff"],
    ["%o{big32}", "\0\0\0\u{ff}"],
    ["%o{little16}", "\u{ff}\0"],
    ["\\t\\x41\\\\%{%}", "\tA\\{}"],
    ["é%k", "ék1"],
  ];
  for (const [format, expected] of cases) {
    const printed = recordWriter(format)(RECORD);
    const isBinary = /big|little/.test(format);
    equal(
      isBinary ? String.fromCharCode(...printed) : text(printed),
      expected,
      format,
    );
  }
  equal(text(recordWriter("%k|%K")({ ...RECORD, key: null })), "|-1");
  equal(text(recordWriter("%k{json}")({ ...RECORD, key: null })), "null");
});

Deno.test("parseRecordFormat() says where it does not understand", () => {
  const cases: [format: string, reason: RegExp][] = [
    ["%q", /character 1: %q means nothing here/],
    ["ab%", /character 3: % means nothing here/],
    ["%h", /%h needs a format for each header/],
    ["%h{%k", /%h\{ has no end/],
    ["%h{%o}", /%o means nothing here/],
    ["%k{hex", /a modifier without end/],
    ["%k{big32}", /\{big32\} is no modifier of bytes/],
    ["%o{base64}", /\{base64\} is no modifier of numbers/],
    ["%d{strftime[%Q]}", /strftime: %Q means nothing/],
    ["a\\q", /character 2: an unknown escape/],
  ];
  for (const [format, reason] of cases) {
    throws(
      () => parseRecordFormat(format),
      (error: Error) =>
        error instanceof UsageError && reason.test(error.message),
    );
  }
});

Deno.test("RecordReader reads lines, with or without a key", async () => {
  deepEqual(await pairs("%v\\n", "a\n\nb"), [[null, "a"], [null, ""], [
    null,
    "b",
  ]]);
  deepEqual(await pairs("%v\\n", ""), []);
  deepEqual(await pairs("%k:%v\\n", "a:1\nb:x:y\n"), [["a", "1"], [
    "b",
    "x:y",
  ]]);
  deepEqual(await pairs("%k\\t%v\\n", "a\t1"), [["a", "1"]]);
  deepEqual(await pairs("%v", "all\nof it"), [[null, "all\nof it"]]);
  deepEqual(await pairs("%k\\n%v\\n", "a\n1\nb\n2\n"), [["a", "1"], [
    "b",
    "2",
  ]]);
});

Deno.test("RecordReader names the line that has no separator", async () => {
  await rejects(readAll("%k:%v\\n", "a:1\nb\nc:3\n"), {
    name: "UsageError",
    message: 'line 2: expected ":" after "b"',
  });
});

Deno.test("RecordReader reads sizes, numbers and headers", async () => {
  const [record] = await readAll(
    "%t %p %d %K{big32}%k%V{big16}%v%H %h{%k=%v;}\\n",
    "a 3 99 \0\0\0\x02k\n\0\x03v=;1 h=x;\n",
  );
  deepEqual(
    [record.topic, record.partition, record.timestampMs],
    ["a", 3, 99],
  );
  deepEqual([text(record.key!), text(record.value!)], ["k\n", "v=;"]);
  deepEqual(record.headers, [{ key: "h", value: bytes("x") }]);
});

Deno.test("RecordReader reads JSON, hex and base64", async () => {
  deepEqual(
    await pairs("%k{json} %v{json}\\n", '"a\\n" {"x": [1, "}"]}\nnull 5\n'),
    [["a\n", '{"x": [1, "}"]}'], [null, "5"]],
  );
  deepEqual(await pairs("%k{hex} %v{base64}\\n", "6b31 djE=\n"), [[
    "k1",
    "v1",
  ]]);
  await rejects(
    readAll("%v{hex}\\n", "6b3\n"),
    /line 1: expected hex, got "6b3"/,
  );
  await rejects(readAll("%v{json}\\n", '{"a"'), /ends inside a JSON value/);
});

Deno.test("RecordReader refuses formats whose fields have no end", () => {
  for (
    const format of [
      "%k%v\\n",
      "%p%o",
      "%h{%k=%v}",
      "plain",
      "%d{strftime[%F]}\\n",
    ]
  ) {
    throws(() => new RecordReader(format, scannerOf(bytes(""))), UsageError);
  }
});

Deno.test("RecordReader refuses sizes and ends that cannot be", async () => {
  await rejects(readAll("%V %v\\n", "99 short"), /ends inside it/);
  await rejects(
    readAll("%V{big32}%v", new Uint8Array([0x7f, 255, 255, 255, 1])),
    /no field has 2147483647 bytes/,
  );
  await rejects(readAll("%V %v\\n", "x y\n"), /expected a number, got "x"/);
});

Deno.test("what a format with sizes prints, it reads", async () => {
  const format = "%K{big32}%V{big32}%H{big16}%k%v%h{%K{big32}%V{big32}%k%v}";
  const content = fc.option(fc.uint8Array({ maxLength: 20 }));
  const records = fc.array(fc.record({
    key: content,
    value: content,
    headers: fc.array(fc.record({ key: fc.string(), value: content })),
  }));
  const write = recordWriter(format);
  await fc.assert(fc.asyncProperty(records, async (inputs) => {
    const stream = inputs.flatMap((input) => [
      ...write({ ...RECORD, ...input }),
    ]);
    const read = await readAll(format, Uint8Array.from(stream));
    deepEqual(
      read.map(({ key, value, headers }) => ({ key, value, headers })),
      inputs.map(({ key, value, headers }) => ({ key, value, headers })),
    );
  }));
});

Deno.test("ByteScanner finds marks over the borders of chunks", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.constantFrom("a", "b", "ab", "||", "|"), { maxLength: 30 }),
    async (chunks) => {
      const queue = chunks.map(bytes);
      const scanner = new ByteScanner(() =>
        Promise.resolve(queue.shift() ?? null)
      );
      const found: string[] = [];
      while (!await scanner.atEnd()) {
        found.push(text((await scanner.until(bytes("||"))).bytes));
      }
      const expected = chunks.join("").split("||");
      if (expected.at(-1) === "") expected.pop();
      deepEqual(found, expected);
    },
  ));
});

Deno.test("a record survives JSON: text, bytes, null, empty, headers", () => {
  const content = fc.option(fc.uint8Array({ maxLength: 20 }));
  const record = fc.record({
    key: content,
    value: content,
    headers: fc.array(fc.record({ key: fc.string(), value: content })),
  });
  fc.assert(fc.property(record, (input) => {
    const line = JSON.stringify(recordToJson({ ...RECORD, ...input }));
    const { key, value, headers, topic, partition, timestampMs } =
      recordFromJson(line, "line 1");
    deepEqual({ key, value, headers }, input);
    deepEqual([topic, partition, timestampMs], [
      "orders",
      2,
      RECORD.timestampMs,
    ]);
  }));
  const odd = { ...RECORD, value: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61) };
  const again = recordFromJson(JSON.stringify(recordToJson(odd)), "line 1");
  deepEqual(again.value, odd.value);
});

Deno.test("recordFromJson() refuses what would be sent wrongly", () => {
  const cases: [line: string, reason: RegExp][] = [
    ["{", /line 4: is no JSON/],
    ["[]", /expected a JSON object/],
    ['{"key":"a"}', /expected a record with a value/],
    ['{"vlaue":"a"}', /unknown field "vlaue", did you mean "value"/],
    ['{"value":5}', /value: expected a text, \{"base64": …\} or null/],
    ['{"value":{"base64":"%"}}', /value: expected base64/],
    ['{"value":"a","partition":"0"}', /partition: expected a whole number/],
    ['{"value":"a","headers":{"a":"b"}}', /headers: expected a list/],
  ];
  for (const [line, reason] of cases) {
    throws(() => recordFromJson(line, "line 4"), reason);
  }
  equal(recordFromJson('{"value":null}', "line 1").value, null);
  equal(
    recordFromJson('{"value":"","timestamp":-1}', "x").timestampMs,
    undefined,
  );
});
