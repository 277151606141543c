// Whether what a client of a simulated ensemble is answered is what the committed
// history says.

import { decodeUtf8Lossy } from "../base/bytes.ts";
import type { Proposal } from "../ensemble/proposal.ts";
import { zkErrors } from "../wire/zookeeper/errors.ts";
import { juteCodec } from "../wire/zookeeper/jute.ts";
import {
  getChildren2Response,
  getDataResponse,
} from "../wire/zookeeper/records.ts";
import { check } from "./sim_scenario.ts";
import { type EnsembleHistory, hex } from "./sim_scenario_ensemble_history.ts";
import type { Answer } from "./sim_scenario_ensemble_wire.ts";

interface Asker {
  readonly name: string;
  readonly history: EnsembleHistory;
  readonly judge: (run: () => void) => void;
}

/** The answer to a change is what was committed. */
export function checkChange(
  { errorCode, reader }: Answer,
  { txn }: Proposal,
): void {
  const code = txn.kind === "error" ? txn.err : 0;
  check(code === errorCode, `Answered ${errorCode}, not ${code}`);
  if (txn.kind !== "create") return;
  const path = reader.utf8(reader.int32());
  check(path === txn.path, `Answered ${path}, created ${txn.path}`);
}

/** A znode is read as it was at the answer's zxid; `null` where it is not there. */
export function checkGet(
  { name, history, judge }: Asker,
  path: string,
  answer: Answer,
): { text: string; version: number } | null {
  const state = history.stateAt(path, answer.zxid);
  if (answer.errorCode === zkErrors.NO_NODE.code) {
    const isMissing = (state?.text ?? null) === null;
    judge(() => check(isMissing, `${name} does not find ${path}`));
    return null;
  }
  const { data, stat } = juteCodec(getDataResponse).decode(answer.reader);
  const text = decodeUtf8Lossy(data ?? new Uint8Array(0));
  const { version } = stat;
  judge(() =>
    check(
      state?.text === text && state.version === version,
      `${name} reads ${path} as ${text}, version ${version}, at ${
        hex(answer.zxid)
      }, where it is ${state?.text}, version ${state?.version}`,
    )
  );
  return { text, version };
}

/** Children are those at the answer's zxid. */
export function checkChildren(
  { name, history, judge }: Asker,
  path: string,
  answer: Answer,
): void {
  if (answer.errorCode !== 0) return;
  const { children, stat } = juteCodec(getChildren2Response).decode(
    answer.reader,
  );
  const state = history.stateAt(path, answer.zxid);
  if (state === null) return;
  judge(() =>
    check(
      state.pzxid === stat.pzxid && state.childCount === children?.length,
      `${name} sees ${children?.length} children of ${path} at ${
        hex(answer.zxid)
      }, where it has ${state.childCount}`,
    )
  );
}
