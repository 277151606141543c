// What a server counts and measures, by ZooKeeper's names: the answer to `mntr`
// with `zk_` before each, and to the admin server's `monitor` without.
//
// Source: ZooKeeper documentation, "ZooKeeper Monitor Guide"; names and order as
// ZooKeeper 3.8 prints them. What kq has no such thing of is left out.

import type { Durations } from "../durations.ts";
import { javaDouble } from "./four_letter_words.ts";
import {
  approximateDataBytes,
  leaderTermOf,
  modeOf,
  outstandingCount,
  type ServerView,
  versionLine,
} from "./server_view.ts";

/** A number, or a text; fractions are Java's. */
export type Fact = readonly [string, number | string];

/** Names and values, in ZooKeeper's order. */
export function monitorFacts(view: ServerView): Fact[] {
  return [
    ["version", versionLine(view)],
    ["server_state", modeOf(view) ?? "leaderelection"],
    ...peerState(view),
    ...gauges(view),
    ...leaderFacts(view),
    ...counters(view),
    ...durations("fsynctime", view.store.fsyncs),
    ...durations("snapshottime", view.store.snapshots),
  ];
}

const STATES: { readonly [mode: string]: string } = {
  leader: "leading - broadcast",
  follower: "following - broadcast",
  observer: "observing - broadcast",
};

function peerState(view: ServerView): Fact[] {
  if (view.peer === null) return [];
  return [["peer_state", STATES[modeOf(view) ?? ""] ?? "looking - election"]];
}

function gauges(view: ServerView): Fact[] {
  const { service, store: { tree }, host } = view;
  const { counts, watches } = service;
  let ephemeralCount = 0;
  for (const paths of tree.allEphemerals().values()) {
    ephemeralCount += paths.size;
  }
  return [
    ["ephemerals_count", ephemeralCount],
    ["num_alive_connections", service.connectionCount],
    ["avg_latency", javaDouble(counts.latencyAvgMs)],
    ["outstanding_requests", outstandingCount(view)],
    ["znode_count", tree.nodeCount + 1],
    ["global_sessions", tree.sessions.size],
    ["packets_sent", counts.sentCount],
    ["packets_received", counts.receivedCount],
    ["watch_count", watches.count],
    ["min_latency", Math.round(counts.latencyMinMs)],
    ["approximate_data_size", approximateDataBytes(view)],
    ...fileDescriptors(view),
    ["local_sessions", 0],
    ["uptime", Math.round(host.clock.monotonicMs() - view.startedMs)],
    ["max_latency", Math.round(counts.latencyMaxMs)],
    ...quorumSize(view),
  ];
}

/** Where the system tells of a process's open files as files. */
function fileDescriptors({ host: { disk } }: ServerView): Fact[] {
  try {
    return [["open_file_descriptor_count", disk.list("/proc/self/fd").length]];
  } catch (error) {
    if (error instanceof Error && error.name === "HostError") return [];
    throw error;
  }
}

function quorumSize({ members }: ServerView): Fact[] {
  const config = members();
  return config === null ? [] : [["quorum_size", config.voterCount]];
}

function leaderFacts(view: ServerView): Fact[] {
  const term = leaderTermOf(view);
  const members = view.members();
  if (term === null || members === null) return [];
  const stats = term.stats();
  const [last, least, most] = view.store.proposalSizes;
  return [
    ["synced_followers", stats.followerCount],
    ["synced_observers", stats.observerCount],
    ["synced_non_voting_followers", stats.nonVoterCount],
    ["learners", stats.learnerCount],
    ["pending_syncs", 0],
    ["last_proposal_size", last],
    ["min_proposal_size", least],
    ["max_proposal_size", most],
  ];
}

function counters({ service: { counts }, store }: ServerView): Fact[] {
  return [
    ["connection_rejected", counts.rejectedCount],
    ["snap_count", store.snapshots.count],
    ["commit_count", store.appliedCount],
  ];
}

function durations(name: string, measured: Durations): Fact[] {
  return [
    [`avg_${name}`, javaDouble(measured.avgMs)],
    [`min_${name}`, Math.round(measured.minMs)],
    [`max_${name}`, Math.round(measured.maxMs)],
    [`cnt_${name}`, measured.count],
    [`sum_${name}`, Math.round(measured.sumMs)],
  ];
}
