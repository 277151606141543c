// Where `produce` takes its records from: standard input or files, as text by a
// format, or as JSON lines.

import { decodeUtf8 } from "../core/base/bytes.ts";
import { ByteScanner, type ReadChunk } from "../core/cli/byte_scanner.ts";
import type { CommandContext } from "../core/cli/command.ts";
import type { InputRecord } from "../core/cli/printed_record.ts";
import { recordFromJson } from "../core/cli/record_json.ts";
import { RecordReader } from "../core/cli/record_reader.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { type File, HostError } from "../core/host/host.ts";

export interface SourceOptions {
  readonly input: "text" | "ndjson";
  readonly format: string | undefined;
  /** Between key and value of a line. */
  readonly separator: string | undefined;
  /** There is nothing to read: one record without value. */
  readonly isSingleTombstone: boolean;
}

/** Gives records one by one; `null` at the end. */
export interface RecordSource {
  readonly next: () => InputRecord | null | Promise<InputRecord | null>;
}

const CHUNK_BYTES = 64 * 1024;
const LINE_END = Uint8Array.of(10);

/**
 * The sources that a command line names, opened one after another.
 *
 * @throws {UsageError} At once where the options contradict each other or the
 * format cannot be read by; while reading, where a record is none.
 */
export function recordSources(
  context: CommandContext,
  files: readonly string[],
  options: SourceOptions,
): AsyncIterable<RecordSource> {
  const { input, separator, isSingleTombstone } = options;
  if (input === "ndjson" && (options.format ?? separator) !== undefined) {
    throw new UsageError("-i ndjson says all: leave --format and -k out");
  }
  if (options.format !== undefined && separator !== undefined) {
    throw new UsageError("--format and -k exclude each other");
  }
  if (separator === "") throw new UsageError("-k: expected a separator");
  const format = options.format ??
    (separator === undefined ? "%v\\n" : `%k${escaped(separator)}%v\\n`);
  // Refuses a wrong format before anything is sent.
  if (input === "text") makeReader(format, () => Promise.resolve(null));
  if (isSingleTombstone) return single();
  return opened(
    context,
    files,
    (read) =>
      input === "ndjson" ? jsonSource(read) : {
        next: ((reader) => () => reader.next())(makeReader(format, read)),
      },
  );
}

/** A text as a format; `\\t` and other escapes of formats hold in it too. */
function escaped(separator: string): string {
  return separator.replaceAll("%", "%%");
}

function makeReader(format: string, read: ReadChunk): RecordReader {
  return new RecordReader(format, new ByteScanner(read));
}

async function* single(): AsyncIterable<RecordSource> {
  let record: InputRecord | null = {
    place: "the tombstone",
    key: null,
    value: null,
    headers: [],
  };
  yield await Promise.resolve({
    next: () => {
      const given = record;
      record = null;
      return Promise.resolve(given);
    },
  });
}

async function* opened(
  context: CommandContext,
  files: readonly string[],
  source: (read: ReadChunk) => RecordSource,
): AsyncIterable<RecordSource> {
  for (const path of files.length === 0 ? ["-"] : files) {
    if (path === "-") {
      yield await Promise.resolve(source(stdinChunks(context)));
      continue;
    }
    let file: File;
    try {
      file = context.host.disk.open(path, "read");
    } catch (error) {
      if (error instanceof HostError) throw new UsageError(error.message);
      throw error;
    }
    try {
      yield source(fileChunks(file));
    } finally {
      file.close();
    }
  }
}

/** Ends when somebody interrupts, since standard input may never. */
function stdinChunks(context: CommandContext): ReadChunk {
  const { interrupted } = context;
  const stopped = new Promise<null>((stop) => {
    if (interrupted.aborted) stop(null);
    interrupted.addEventListener("abort", () => stop(null));
  });
  return async () => {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const reading = context.process.readStdin(chunk);
    const size = await Promise.race([reading, stopped]);
    return size === null ? null : chunk.subarray(0, size);
  };
}

function fileChunks(file: File): ReadChunk {
  let position = 0;
  return () => {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const size = file.readAt(chunk, position);
    position += size;
    return Promise.resolve(size === 0 ? null : chunk.subarray(0, size));
  };
}

function jsonSource(read: ReadChunk): RecordSource {
  const scanner = new ByteScanner(read);
  let lineNumber = 0;
  return {
    async next() {
      while (!await scanner.atEnd()) {
        const place = `line ${++lineNumber}`;
        const { bytes } = await scanner.until(LINE_END);
        const line = lineText(bytes, place);
        if (line.trim() !== "") return recordFromJson(line, place);
      }
      return null;
    },
  };
}

function lineText(bytes: Uint8Array, place: string): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new UsageError(`${place}: is no UTF-8, as JSON has to be`);
  }
}
