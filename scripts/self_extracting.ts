// A self-extracting file: the shell header of self_extracting_header.sh, then a
// gzipped tar of `deno` and `kq.js`.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

const HEADER = fileURLToPath(
  new URL("./self_extracting_header.sh", import.meta.url),
);

/** Packs a directory that holds `deno` and `kq.js`; the same input gives the same bytes. */
export async function packPayload(directory: string): Promise<Uint8Array> {
  const tar = "tar --sort=name --owner=0 --group=0 --numeric-owner " +
    "--mtime=@0 -cf - deno kq.js | gzip -6n";
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", tar],
    cwd: directory,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success || stdout.length === 0) {
    throw new Error(
      `Cannot pack ${directory}: ${new TextDecoder().decode(stderr)}`,
    );
  }
  return stdout;
}

/** Writes the executable: header and payload, in place by a rename. */
export async function writeSelfExtracting(
  path: string,
  payload: Uint8Array,
): Promise<void> {
  const id = createHash("sha256").update(payload).digest("hex").slice(0, 32);
  const template = await Deno.readTextFile(HEADER);
  const lineCount = template.trimEnd().split("\n").length;
  const header = template.replace("@ID@", id)
    .replace("@LINES@", String(lineCount + 1));
  const file = await Deno.create(`${path}.new`);
  const writer = file.writable.getWriter();
  await writer.write(new TextEncoder().encode(header));
  await writer.write(payload);
  await writer.close();
  await Deno.chmod(`${path}.new`, 0o755);
  await Deno.rename(`${path}.new`, path);
}
