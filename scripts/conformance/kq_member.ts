// A member of a group with kq's own client, in this process: answers join, look and
// leave of group_client.ts.

import {
  createGroupConsumer,
  type GroupConsumer,
} from "../../core/client/group_consumer.ts";
import { denoHost } from "../../core/host/deno_host.ts";
import { UnsupportedError } from "./client.ts";
import type {
  GroupClient,
  GroupOperationName,
  GroupOperations,
  MemberOptions,
  MemberView,
} from "./group_client.ts";

const POLL_MS = 50;

/** Polls until it is told to leave. */
class KqMember {
  readonly #consumer: GroupConsumer;
  readonly #done: Promise<void>;
  #assigned: number[] = [];
  #records: [number, number, string][] = [];
  #assignments: [number, number[]][] = [];
  #error: unknown = null;
  #isLeaving = false;

  constructor(bootstrap: string, options: MemberOptions) {
    const consumer = createGroupConsumer(denoHost(), {
      "bootstrap.servers": bootstrap,
      "group.id": options.group,
      "enable.auto.commit": String(options.autoCommit),
      "auto.commit.interval.ms": "1000",
      "auto.offset.reset": "earliest",
      "fetch.max.wait.ms": "50",
      "session.timeout.ms": "10000",
      "heartbeat.interval.ms": "200",
      "partition.assignment.strategy": options.assignor,
    });
    consumer.subscribe([options.topic], {
      onAssigned: (added) => {
        const held = [...this.#assigned, ...added.map((p) => p.partition)];
        this.#assigned = held.toSorted((a, b) => a - b);
        this.#assignments.push([consumer.generationId, this.#assigned]);
      },
      onRevoked: (partitions) => {
        const gone = new Set(partitions.map(({ partition }) => partition));
        this.#assigned = this.#assigned.filter((held) => !gone.has(held));
      },
    });
    this.#consumer = consumer;
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isLeaving) {
        for (const chunk of await this.#consumer.poll(POLL_MS)) {
          for (const { offset, value } of chunk.records) {
            const text = new TextDecoder().decode(value!);
            this.#records.push([chunk.partition, offset, text]);
          }
        }
      }
      await this.#consumer.close();
    } catch (error) {
      this.#error = error;
    }
  }

  look(): MemberView {
    if (this.#error !== null) throw this.#error;
    const view = {
      assigned: this.#assigned,
      records: this.#records,
      assignments: this.#assignments,
    };
    this.#records = [];
    this.#assignments = [];
    return view;
  }

  async leave(): Promise<MemberView> {
    this.#isLeaving = true;
    await this.#done;
    return this.look();
  }
}

/** Members of kq's own client. */
export class KqMembers implements GroupClient {
  readonly #bootstrap: string;
  readonly #members = new Map<string, KqMember>();

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
  }

  async askGroup<Name extends GroupOperationName>(
    operation: Name,
    argument: GroupOperations[Name][0],
  ): Promise<GroupOperations[Name][1]> {
    const { member: name } = argument as { readonly member: string };
    let answer: MemberView | null;
    if (operation === "join") {
      const options = argument as MemberOptions;
      this.#members.set(name, new KqMember(this.#bootstrap, options));
      answer = null;
    } else if (operation === "look") {
      answer = this.#members.get(name)!.look();
    } else if (operation === "leave") {
      const member = this.#members.get(name)!;
      this.#members.delete(name);
      answer = await member.leave();
    } else throw new UnsupportedError(`has no operation ${operation}`);
    return answer as GroupOperations[Name][1];
  }
}
