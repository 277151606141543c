// A client of a simulated ensemble: a session that goes from server to server, and
// looks closely at whatever it hears.
//
//   answers    in the order of the requests; a change's is the committed one
//   zxids      never go back, on whichever server
//   reads      what the committed history says of that zxid
//   watches    an event for the change comes before anything newer is seen

import { type Host, sleep } from "../host/host.ts";
import { OpCode } from "../wire/zookeeper/records.ts";
import type { Writer } from "../wire/writer.ts";
import { writeText } from "../ensemble/server/answer_bytes.ts";
import type { SimRandom } from "./sim_random.ts";
import { check } from "./sim_scenario.ts";
import {
  type EnsembleHistory,
  hex,
  type WatchedPart,
} from "./sim_scenario_ensemble_history.ts";
import {
  checkChange,
  checkChildren,
  checkGet,
} from "./sim_scenario_ensemble_answers.ts";
import {
  opCodeOf,
  writeChange,
  writeMulti,
  writeWatches,
} from "./sim_scenario_ensemble_requests.ts";
import type {
  EnsembleChange,
  EnsembleRequest,
} from "./sim_scenario_ensemble_rules.ts";
import { JudgedWatches } from "./sim_scenario_ensemble_watches.ts";
import {
  type Answer,
  ConnectionLost,
  EnsembleWire,
  newTicket,
  type SessionTicket,
} from "./sim_scenario_ensemble_wire.ts";

const SET_WATCHES_XID = -8;
export interface EnsembleClientOptions {
  readonly host: Host;
  readonly name: string;
  readonly servers: readonly string[];
  readonly timeoutMs: number;
  readonly random: SimRandom;
  readonly history: EnsembleHistory;
  readonly judge: (run: () => void) => void;
  /** It is told that its session has ended. */
  readonly expired: (sessionId: bigint) => void;
  readonly trace: (line: string) => void;
  /** What it does with a session, for as long as it is connected. */
  readonly work: (client: EnsembleClient) => Promise<void>;
}

/** See the file's header. */
export class EnsembleClient {
  readonly random: SimRandom;
  readonly host: Host;
  readonly name: string;
  readonly #options: EnsembleClientOptions;
  #watches: JudgedWatches;
  #ticket: SessionTicket;
  #wire: EnsembleWire | null = null;
  #lastZxid = 0n;
  #xid = 0;
  #isOver = false;
  #isClosing = false;
  /** Changes that were acknowledged. */
  changeCount = 0;
  readCount = 0;
  eventCount = 0;
  resumedCount = 0;
  lostCount = 0;

  constructor(options: EnsembleClientOptions) {
    this.#options = options;
    this.random = options.random;
    this.host = options.host;
    this.name = options.name;
    this.#ticket = newTicket(options.timeoutMs);
    this.#watches = this.#newWatches();
  }

  /** 0n before it has one. */
  get sessionId(): bigint {
    return this.#ticket.sessionId;
  }

  get timeoutMs(): number {
    return this.#ticket.timeoutMs;
  }

  /** Goes on until `stop`. */
  async run(): Promise<void> {
    const { clock } = this.#options.host;
    while (!this.#isOver) {
      try {
        await this.#oneConnection();
      } catch (error) {
        const isLost = error instanceof ConnectionLost ||
          (error instanceof Error && error.name === "HostError");
        this.#trace(`goes on elsewhere: ${String(error)}`);
        if (!isLost) {
          this.#options.judge(() => {
            throw error;
          });
        }
      }
      this.#wire?.close();
      this.#wire = null;
      await sleep(clock, this.random.between(5, 60));
    }
  }

  stop(): void {
    this.#isOver = true;
    this.#wire?.close();
  }

  /** Asks for a change. @returns 0, or the code that it was refused with. */
  async change(what: EnsembleChange): Promise<number> {
    const { answer, xid } = await this.#order(
      what,
      opCodeOf(what),
      (writer) => writeChange(writer, what),
    );
    const proposal = this.#committed(xid, answer);
    this.judge(() => checkChange(answer, proposal));
    return answer.errorCode;
  }

  /** Asks for several, which happen together or not at all. */
  async multi(changes: readonly EnsembleChange[]): Promise<void> {
    const what = { kind: "multi", changes } as const;
    const { answer, xid } = await this.#order(
      what,
      OpCode.multi,
      (writer) => writeMulti(writer, changes),
    );
    this.#committed(xid, answer);
  }

  /** Ends the session; the next one is another. */
  async closeSession(): Promise<void> {
    this.#isClosing = true;
    const { answer, xid } = await this.#order(
      { kind: "close" },
      OpCode.closeSession,
      () => {},
    );
    this.#committed(xid, answer);
    this.#forget("closed");
  }

  async sync(path: string): Promise<void> {
    await this.#ask(OpCode.sync, (writer) => writeText(writer, path));
  }

  /** @returns `null` where it is not there. */
  async get(
    path: string,
    watch: boolean,
  ): Promise<{ text: string; version: number } | null> {
    const answer = await this.#read(OpCode.getData, path, watch, "data");
    return checkGet(this.#options, path, answer);
  }

  async children(path: string, watch: boolean): Promise<void> {
    const answer = await this.#read(OpCode.getChildren2, path, watch, "child");
    checkChildren(this.#options, path, answer);
  }

  // What comes from the wire.

  saw(zxid: bigint): void {
    check(
      zxid >= this.#lastZxid,
      `${this.name} is shown ${hex(zxid)} after ${hex(this.#lastZxid)}`,
    );
    this.#lastZxid = zxid;
    this.#watches.saw(zxid);
  }

  event(type: number, path: string): void {
    this.eventCount++;
    this.#watches.event(type, path);
  }

  judge(run: () => void): void {
    this.#options.judge(run);
  }

  async #oneConnection(): Promise<void> {
    const { host, servers, work } = this.#options;
    const { wire, ticket } = await EnsembleWire.open(
      host,
      this.random.pick(servers),
      { ...this.#ticket, lastZxid: this.#lastZxid },
      this,
    );
    if (ticket === null) return this.#forget("expired");
    if (this.#isOver) return wire.close();
    const isNew = this.sessionId === 0n;
    this.#ticket = ticket;
    this.#wire = wire;
    if (!isNew) this.resumedCount++;
    this.#trace(`${hex(ticket.sessionId)} at ${wire.server}`);
    await this.#setWatches(wire);
    while (wire.isOpen && !this.#isOver) await work(this);
  }

  /** As clients do, first of all: what has changed meanwhile is heard of now. */
  async #setWatches(wire: EnsembleWire): Promise<void> {
    const { dataPaths, childPaths } = this.#watches;
    if (dataPaths.length + childPaths.length === 0) return;
    const relativeZxid = this.#lastZxid;
    this.#watches.isResuming = true;
    await wire.ask(
      SET_WATCHES_XID,
      OpCode.setWatches,
      (writer) => writeWatches(writer, relativeZxid, this.#watches),
      () => this.#watches.isResuming = false,
    );
  }

  async #read(
    opCode: number,
    path: string,
    watch: boolean,
    part: WatchedPart,
  ): Promise<Answer> {
    const answer = await this.#ask(opCode, (writer) => {
      writeText(writer, path);
      writer.bool(watch);
    }, (first) => {
      if (!watch || first.errorCode !== 0) return;
      this.#watches.arm(part, path, first.zxid);
    });
    this.readCount++;
    return answer;
  }

  async #order(
    what: EnsembleRequest["what"],
    opCode: number,
    body: (writer: Writer) => void,
  ): Promise<{ answer: Answer; xid: number }> {
    const { history } = this.#options;
    const before = history.tail;
    const cxid = this.#xid + 1;
    history.asked({ sessionId: this.sessionId, cxid, what });
    const answer = await this.#ask(opCode, body);
    this.judge(() =>
      check(
        answer.zxid > before,
        `${this.name} asked after ${hex(before)}, and got ${hex(answer.zxid)}`,
      )
    );
    this.changeCount++;
    return { answer, xid: cxid };
  }

  #committed(xid: number, answer: Answer) {
    const { history } = this.#options;
    return history.answer(this.sessionId, xid, answer.zxid);
  }

  #ask(
    opCode: number,
    body: (writer: Writer) => void,
    atOnce: (answer: Answer) => void = () => {},
  ): Promise<Answer> {
    const wire = this.#wire;
    if (wire === null) throw new ConnectionLost();
    return wire.ask(++this.#xid, opCode, body, atOnce);
  }

  #trace(line: string): void {
    const { host, trace } = this.#options;
    trace(`${Math.round(host.clock.monotonicMs())} ${this.name}: ${line}`);
  }

  #forget(why: string): void {
    this.#trace(`${hex(this.sessionId)} is ${why}`);
    if (why === "expired") {
      this.lostCount++;
      if (!this.#isClosing) this.#options.expired(this.sessionId);
    }
    this.#isClosing = false;
    this.#ticket = newTicket(this.#options.timeoutMs);
    this.#watches = this.#newWatches();
    this.#wire?.close();
  }

  #newWatches(): JudgedWatches {
    return new JudgedWatches(this.name, this.#options.history);
  }
}
