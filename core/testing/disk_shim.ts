// Makes fsync fail in a real process: a library for LD_PRELOAD, compiled where
// there is a C compiler, that answers EIO for files whose path contains what
// stands in a file, for as long as that file is there.

import { fileURLToPath } from "node:url";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd) {
  const char *control = getenv("KQ_TEST_FAILING_SYNCS");
  char wanted[512], link[64], path[4096];
  if (control == NULL) return 0;
  int file = open(control, O_RDONLY);
  if (file < 0) return 0;
  ssize_t count = read(file, wanted, sizeof wanted - 1);
  close(file);
  if (count <= 0) return 0;
  wanted[count] = 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  count = readlink(link, path, sizeof path - 1);
  if (count <= 0) return 0;
  path[count] = 0;
  return strstr(path, wanted) != NULL;
}

int fsync(int fd) {
  if (fails(fd)) { errno = EIO; return -1; }
  return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
  if (fails(fd)) { errno = EIO; return -1; }
  return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
`;

/** A broker of its own process, from source. */
export interface BrokerProcess {
  readonly process: Deno.ChildProcess;
  /** Where it listens. */
  readonly address: { readonly host: string; readonly port: number };
  /** What it has said so far. */
  stderr(): string;
  /** Ends it cleanly; gives its exit code. */
  stop(): Promise<number>;
}

/** Whether a command can be run here. */
export function canRun(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** Compiles the library into a folder; gives its path. */
export async function compileSyncShim(folder: string): Promise<string> {
  const source = `${folder}/failing_syncs.c`;
  const library = `${folder}/failing_syncs.so`;
  await Deno.writeTextFile(source, SOURCE);
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return library;
}

/** Starts a broker on a free port of loopback; resolves when it is ready. */
export async function startBrokerProcess(
  properties: Readonly<Record<string, string | number>>,
  env: Readonly<Record<string, string>> = {},
): Promise<BrokerProcess> {
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const all = { listeners: "PLAINTEXT://127.0.0.1:0", ...properties };
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "-A", main, "broker", "start"],
      ...Object.entries(all).flatMap(([key, value]) => [
        "--override",
        `${key}=${value}`,
      ]),
    ],
    env: { ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const port = await new Promise<number>((done, fail) => {
    const read = async () => {
      for await (
        const chunk of process.stderr.pipeThrough(new TextDecoderStream())
      ) {
        text += chunk;
        const ready = /ready on PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/.exec(text);
        if (ready !== null) done(Number(ready[1]));
      }
      fail(new Error(`The broker has ended: ${text}`));
    };
    read().catch(fail);
  });
  return {
    process,
    address: { host: "127.0.0.1", port },
    stderr: () => text,
    stop: async () => {
      try {
        process.kill("SIGTERM");
      } catch { /* It has ended already. */ }
      return (await process.status).code;
    },
  };
}
