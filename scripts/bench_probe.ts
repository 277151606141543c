// What the benchmark reads off a running broker: its answers, processor time and
// memory.

/** Processor time of a process so far, user and system, in seconds. */
export function cpuSeconds(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The command name may hold spaces; what follows its parenthesis does not.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A line of /proc/PID/status in MB: `VmHWM` is the peak, `VmRSS` the present. */
export function memoryMb(pid: number, name: "VmHWM" | "VmRSS"): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  const line = text.split("\n").find((row) => row.startsWith(name));
  return Number(line?.match(/\d+/)?.[0] ?? 0) / 1024;
}

// Metadata, version 1, of no topics, with correlation id 7 and client id "bench".
const METADATA_REQUEST = Uint8Array.of(
  ...[0, 0, 0, 19, 0, 3, 0, 1, 0, 0, 0, 7, 0, 5],
  ...new TextEncoder().encode("bench"),
  ...[0, 0, 0, 0],
);

/** Whether a broker answers a Metadata request on this port of loopback now. */
export async function answersMetadata(port: number): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return false;
  }
  try {
    await connection.write(METADATA_REQUEST);
    const answer = new Uint8Array(8);
    const count = await connection.read(answer);
    return count !== null && count >= 8 && answer[7] === 7;
  } catch {
    return false;
  } finally {
    connection.close();
  }
}

/**
 * Waits until a broker answers Metadata.
 *
 * @returns Milliseconds from `startMs` (of `performance.now()`) to the answer.
 */
export async function untilMetadata(
  port: number,
  startMs: number,
): Promise<number> {
  while (performance.now() - startMs < 60_000) {
    if (await answersMetadata(port)) return performance.now() - startMs;
    await new Promise((done) => setTimeout(done, 2));
  }
  throw new Error(`No broker answers on port ${port} after 60 s`);
}

/** Runs a command to its end; gives its output and the milliseconds it took. */
export async function timed(
  command: string,
  args: readonly string[],
): Promise<{ stdout: string; ms: number }> {
  const startMs = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const ms = performance.now() - startMs;
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  }
  return { stdout: decoder.decode(stdout), ms };
}

/** Runs a command to its end and throws its output away; gives the milliseconds. */
export async function timedSilently(
  command: string,
  args: readonly string[],
): Promise<number> {
  const startMs = performance.now();
  const { success } = await new Deno.Command(command, {
    args: [...args],
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
  return performance.now() - startMs;
}
