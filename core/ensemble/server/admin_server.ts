// A server's diagnostics over HTTP: `/commands` lists them, `/commands/NAME` is
// one as JSON. Only GET, only small requests, only few at a time; nothing that a
// client sends is kept.
//
// Source: ZooKeeper documentation, "The AdminServer"; RFC 9112.

import { decodeUtf8Lossy, encodeUtf8 } from "../../base/bytes.ts";
import { KIB } from "../../base/units.ts";
import { type Address, type Connection, HostError } from "../../host/host.ts";
import type { ServerView } from "./server_view.ts";

/** An admin server that listens. */
export interface AdminServer {
  readonly address: Address;
  close(): void;
}

const REQUEST_BYTES_MAX = 8 * KIB;
const CONNECTIONS_MAX = 32;
const REQUEST_LIMIT_MS = 10_000;
const HEAD_END = "\r\n\r\n";

const REASONS: { readonly [status: number]: string } = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
};

/** @throws {HostError} `inUse`, `permission`, `unresolved` of the address. */
export async function startAdminServer(
  view: ServerView,
  address: Address,
): Promise<AdminServer> {
  const { net, clock } = view.host;
  const open = new Set<Connection>();
  const accept = (io: Connection) => {
    if (open.size >= CONNECTIONS_MAX) return io.close();
    open.add(io);
    const stopWaiting = clock.after(REQUEST_LIMIT_MS, () => io.close());
    serve(view, io).catch((error) => {
      if (!(error instanceof HostError)) throw error;
    }).finally(() => {
      stopWaiting();
      open.delete(io);
      io.close();
    });
  };
  const host = address.host === "0.0.0.0" ? "" : address.host;
  const listener = await net.listen({ ...address, host }, accept);
  return {
    address: listener.address,
    close: () => {
      listener.close();
      for (const io of [...open]) io.close();
    },
  };
}

/** One request, one answer. */
async function serve(view: ServerView, io: Connection): Promise<void> {
  const head = await readHead(io);
  if (head === null) return;
  const { status, type, body } = await answer(view, head);
  const bytes = encodeUtf8(body);
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `Content-Type: ${type}`,
    `Content-Length: ${bytes.length}`,
    "Cache-Control: no-store",
    "Connection: close",
  ];
  await io.write(encodeUtf8(lines.join("\r\n") + HEAD_END));
  await io.write(bytes);
}

/** @returns `""` where it is too long, `null` where the client has gone. */
async function readHead(io: Connection): Promise<string | null> {
  const bytes = new Uint8Array(REQUEST_BYTES_MAX);
  let size = 0;
  while (size < bytes.length) {
    const count = await io.read(bytes.subarray(size));
    if (count === null) return null;
    size += count;
    const text = decodeUtf8Lossy(bytes.subarray(0, size));
    const end = text.indexOf(HEAD_END);
    if (end >= 0) return text.slice(0, end);
  }
  return "";
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(view: ServerView, head: string): Promise<Answer> {
  if (head === "") return plain(431, "The request is too large.");
  const words = head.split("\r\n", 1)[0].split(" ");
  if (words.length !== 3 || !words[2].startsWith("HTTP/1.")) {
    return plain(400, "This is no request of HTTP/1.1.");
  }
  const [method, target] = words;
  if (method !== "GET") return plain(405, "Only GET is answered here.");
  const path = target.split("?", 1)[0];
  const root = view.config["admin.commandURL"];
  const { adminCommands, runAdminCommand } = await import(
    "./admin_commands.ts"
  );
  if (path === root || path === `${root}/`) {
    return list(root, adminCommands.map(({ names: [name] }) => name));
  }
  if (!path.startsWith(`${root}/`)) {
    return plain(404, `Nothing is here; the commands are under ${root}.`);
  }
  const { adminJson } = await import("./admin_json.ts");
  const fields = runAdminCommand(view, path.slice(root.length + 1));
  return { status: 200, type: "application/json", body: adminJson(fields) };
}

function list(root: string, names: readonly string[]): Answer {
  const links = names.map((name) =>
    `<a href="${root}/${name}">${name}</a>\n<br/>\n`
  );
  return {
    status: 200,
    type: "text/html;charset=utf-8",
    body: links.join(""),
  };
}

function plain(status: number, text: string): Answer {
  return { status, type: "text/plain;charset=utf-8", body: `${text}\n` };
}
