// The parts of the real host that only another process shows: what a kill leaves
// behind, broken pipes, signals, and running out of file descriptors.

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { denoHost } from "./deno_host.ts";
import { denoProcess } from "./deno_process.ts";

const IMPORTS = `
import { denoHost } from ${
  JSON.stringify(import.meta.resolve("./deno_host.ts"))
};
import { denoProcess } from ${
  JSON.stringify(import.meta.resolve("./deno_process.ts"))
};
`;

/** Starts another Deno that runs `code` as a module. */
function start(code: string, shell?: string): Deno.ChildProcess {
  const args = ["eval", "--quiet", IMPORTS + code];
  return new Deno.Command(shell === undefined ? Deno.execPath() : "sh", {
    args: shell === undefined ? args : ["-c", shell, Deno.execPath(), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits until the child has written a line. */
async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return text.trim();
}

Deno.test("lock() outlives no process, however it ends", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/.lock`;
  const child = start(`
    denoHost().disk.lock(${JSON.stringify(path)});
    console.log("held");
    setInterval(() => {}, 1000);
  `);
  strictEqual(await firstLine(child), "held");
  throws(() => denoHost().disk.lock(path), {
    kind: "locked",
    message: new RegExp(`process ${child.pid} holds it`),
  });
  child.kill("SIGKILL");
  await child.status;
  denoHost().disk.lock(path).release();
  await child.stdin.close();
  await child.stderr.cancel();
  await child.stdout.cancel();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("listen() goes on when file descriptors run out and come back", async () => {
  const child = start(
    `
    const { net } = denoHost();
    const open = [];
    const listener = await net.listen({ host: "127.0.0.1", port: 0 }, (c) => {
      open.push(c);
      c.write(new Uint8Array([1]));
    });
    const files = [];
    try {
      for (;;) files.push(Deno.openSync("/dev/null"));
    } catch (error) {
      console.log(listener.address.port);
    }
    setTimeout(() => files.forEach((file) => file.close()), 400);
    setTimeout(() => Deno.exit(0), 20_000);
  `,
    'ulimit -n 200; exec "$0" "$@"',
  );
  const port = Number(await firstLine(child));
  ok(port > 0);
  const client = await denoHost().net.connect({ host: "127.0.0.1", port });
  const target = new Uint8Array(1);
  strictEqual(await client.read(target), 1);
  deepStrictEqual(target, new Uint8Array([1]));
  client.close();
  child.kill("SIGKILL");
  await child.status;
  await child.stdin.close();
  await child.stderr.cancel();
  await child.stdout.cancel();
});

Deno.test("writeStdout() is `closed` where the reader has gone", async () => {
  const child = start(`
    const process = denoProcess();
    try {
      for (;;) await process.writeStdout(new Uint8Array(100_000));
    } catch (error) {
      process.writeStderr(new TextEncoder().encode(error.kind));
    }
  `);
  await child.stdout.cancel();
  const { stderr } = await collect(child);
  strictEqual(stderr, "closed");
});

Deno.test("writeStdout() writes all, readStdin() reads to the end", async () => {
  const child = start(`
    const process = denoProcess();
    const target = new Uint8Array(1000);
    let sum = 0;
    for (;;) {
      const count = await process.readStdin(target);
      if (count === null) break;
      sum += count;
    }
    await process.writeStdout(new Uint8Array(sum).fill(120));
    process.writeStderr(new TextEncoder().encode(
      [process.env("NONE_SUCH"), process.id > 0, process.stdinIsTerminal,
       process.workingDirectory.startsWith("/")].join()));
  `);
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(300_000));
  await writer.close();
  const output = await child.output();
  strictEqual(output.stdout.length, 300_000);
  strictEqual(new TextDecoder().decode(output.stderr), ",true,false,true");
});

Deno.test("onSignal() hears signals until it is stopped", async () => {
  const child = start(`
    const process = denoProcess();
    const timer = setInterval(() => {}, 1000);
    const stop = process.onSignal("SIGTERM", () => {
      process.writeStderr(new TextEncoder().encode("heard"));
      stop();
      clearInterval(timer);
    });
    console.log("ready");
  `);
  strictEqual(await firstLine(child), "ready");
  child.kill("SIGTERM");
  await child.stdin.close();
  await child.stdout.cancel();
  const { stderr, code } = await collect(child);
  deepStrictEqual([stderr, code], ["heard", 0]);
});

Deno.test("residentBytes() is what a process takes", () => {
  const residentBytes = denoProcess().residentBytes();
  ok(residentBytes > 10_000_000 && residentBytes < 4_000_000_000);
});

async function collect(
  child: Deno.ChildProcess,
): Promise<{ stderr: string; code: number }> {
  let stderr = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    stderr += part;
  }
  const { code } = await child.status;
  await child.stdin.close().catch(() => {});
  return { stderr, code };
}
