// Which words of four letters are answered, and to whom: `4lw.commands.whitelist`.
// Where that is not set, this machine gets all, and others only `srvr`: some words
// show paths and sessions.
//
// What the answers take is loaded with the first of them.

import type { CoordinatorConfig } from "../../config/coordinator_config.ts";
import type { ServerView } from "./server_view.ts";

const WORDS: ReadonlySet<string> = new Set([
  ...["ruok", "srvr", "stat", "mntr", "cons", "crst", "srst", "conf", "envi"],
  ...["dump", "wchs", "wchc", "wchp", "dirs", "isro", "gtmk", "stmk", "hash"],
  "lsnr",
]);
/** What others than this machine may ask where nothing is configured. */
const OPEN_TO_ALL = "srvr";

export const NOT_SERVING =
  "This ZooKeeper instance is not currently serving requests\n";

/**
 * Answers words.
 *
 * @param view What to tell of; `null` while the server starts.
 * @returns The answer, or `null` where the four letters are none of the words.
 */
export function wordGate(
  view: () => ServerView | null,
  config: CoordinatorConfig,
): (word: string, peerHost: string) => Promise<string> | null {
  const allowed = config["4lw.commands.whitelist"];
  return (word, peerHost) => {
    if (!WORDS.has(word)) return null;
    if (!isAllowed(word, peerHost, allowed)) {
      return Promise.resolve(
        `${word} is not executed because it is not in the whitelist.\n`,
      );
    }
    const seen = view();
    if (seen === null) {
      return Promise.resolve(word === "ruok" ? "imok" : NOT_SERVING);
    }
    seen.service.received();
    return answerOf(seen, word);
  };
}

async function answerOf(view: ServerView, word: string): Promise<string> {
  const { answerWord } = await import("./four_letter_words.ts");
  return answerWord(view, word);
}

function isAllowed(
  word: string,
  peerHost: string,
  allowed: readonly string[] | null,
): boolean {
  if (allowed !== null) return allowed.includes("*") || allowed.includes(word);
  return word === OPEN_TO_ALL || isLoopback(peerHost);
}

/** Whether an address is this machine's own. */
function isLoopback(host: string): boolean {
  return host === "::1" || /^(::ffff:)?127\./.test(host);
}
