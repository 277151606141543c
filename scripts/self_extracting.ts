// A self-extracting file: the shell header of self_extracting_header.sh, then a
// gzipped tar of `deno` and `kq.js`.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

const HEADER = fileURLToPath(
  new URL("./self_extracting_header.sh", import.meta.url),
);

/**
 * Packs a directory that holds `deno` and `kq.js`; the same input gives the same
 * bytes.
 *
 * @throws {Error} Where one of the two is missing, or `tar` or `gzip` fails.
 */
export async function packPayload(directory: string): Promise<Uint8Array> {
  // In two steps, since the status of a pipe is that of its last command.
  const script = "tar --sort=name --owner=0 --group=0 --numeric-owner " +
    "--mtime=@0 -cf payload.tar deno kq.js && gzip -6n -c payload.tar";
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script],
    cwd: directory,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(
      `Cannot pack ${directory}: ${new TextDecoder().decode(stderr).trim()}`,
    );
  }
  return stdout;
}

/** Writes the executable: header and payload. */
export async function writeSelfExtracting(
  path: string,
  payload: Uint8Array,
): Promise<void> {
  const id = createHash("sha256").update(payload).digest("hex").slice(0, 32);
  const template = await Deno.readTextFile(HEADER);
  const lineCount = template.trimEnd().split("\n").length;
  const header = template.replace("@ID@", id)
    .replace("@LINES@", String(lineCount + 1));
  const file = await Deno.create(path);
  const writer = file.writable.getWriter();
  await writer.write(new TextEncoder().encode(header));
  await writer.write(payload);
  await writer.close();
  await Deno.chmod(path, 0o755);
}
