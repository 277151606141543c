// Programs of this project in Java, compiled once for each class path and kept in the
// cache: Java would compile a source file again at every start, which takes seconds.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "./apache_kafka.ts";

/**
 * The class path with a program of `clients/` before it; that of `NAME.java` runs as
 * class `NAME`.
 *
 * @throws {Error} Where it does not compile.
 */
export async function withProgram(
  classPath: string,
  name: string,
): Promise<string> {
  const source = fileURLToPath(
    new URL(`./clients/${name}.java`, import.meta.url),
  );
  const hash = createHash("sha256")
    .update(classPath)
    .update(await Deno.readTextFile(source));
  const directory = `${cacheDirectory()}/java-${name}-${
    hash.digest("hex").slice(0, 16)
  }`;
  if (await Deno.stat(directory).catch(() => null) === null) {
    await compile(source, classPath, directory);
  }
  return `${directory}:${classPath}`;
}

/** Moves the classes into place once they are whole: two runs may compile at once. */
async function compile(
  source: string,
  classPath: string,
  directory: string,
): Promise<void> {
  const target = await Deno.makeTempDir({
    dir: cacheDirectory(),
    prefix: "java-",
  });
  const { success, stderr } = await new Deno.Command("javac", {
    args: ["-encoding", "UTF-8", "-cp", classPath, "-d", target, source],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    await Deno.remove(target, { recursive: true });
    throw new Error(new TextDecoder().decode(stderr).trim());
  }
  await Deno.rename(target, directory).catch(() =>
    Deno.remove(target, { recursive: true })
  );
}
