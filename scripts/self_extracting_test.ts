import { rejects, strictEqual } from "node:assert/strict";
import { packPayload, writeSelfExtracting } from "./self_extracting.ts";

// A stand-in for Deno, which prints the program's text and its own arguments.
const STAND_IN = `#!/bin/sh
for last; do :; done
while [ "\${1##*/}" != kq.js ]; do shift; done
cat "$1"
shift
echo "$*"
`;

async function made(): Promise<string> {
  const directory = await Deno.makeTempDir();
  await Deno.mkdir(`${directory}/payload`);
  await Deno.writeTextFile(`${directory}/payload/deno`, STAND_IN, {
    mode: 0o755,
  });
  await Deno.writeTextFile(`${directory}/payload/kq.js`, "program\n");
  const payload = await packPayload(`${directory}/payload`);
  await writeSelfExtracting(`${directory}/kq`, payload);
  return directory;
}

async function run(directory: string, args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(`${directory}/kq`, {
    args,
    env: { KQ_CACHE: `${directory}/cache` },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("a self-extracting file unpacks once, also when many start at once", async () => {
  const directory = await made();
  try {
    const starts = Array.from(
      { length: 12 },
      (_, i) => run(directory, ["topic", String(i)]),
    );
    for (const [i, result] of (await Promise.all(starts)).entries()) {
      strictEqual(result.stderr, "");
      strictEqual(result.stdout, `program\ntopic ${i}\n`);
      strictEqual(result.code, 0);
    }
    const left = [...Deno.readDirSync(`${directory}/cache`)];
    strictEqual(left.length, 1, "only the unpacked program stays");
    const inside = [...Deno.readDirSync(`${directory}/cache/${left[0].name}`)];
    strictEqual(
      inside.map(({ name }) => name).sort().join(" "),
      "deno kq.js",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a self-extracting file says which cache it cannot make", async () => {
  const directory = await made();
  try {
    await Deno.writeTextFile(`${directory}/cache`, "a file in its place");
    const { code, stderr } = await run(directory, []);
    strictEqual(code, 1);
    strictEqual(
      stderr.trim().split("\n").at(-1),
      `kq: cannot make the cache ${directory}/cache; name a writable one in KQ_CACHE`,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("packPayload() refuses a directory without the program", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/deno`, STAND_IN);
    await rejects(packPayload(directory), /Cannot pack .*kq\.js/s);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
