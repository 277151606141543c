// The table of commands: what `kq --help` lists, and where each is found. A
// command is imported when it is called, and no command imports another.

import type { CommandTable } from "../core/cli/command.ts";

export const commands: CommandTable = [
  {
    name: "broker start",
    summary: "Start a broker, on its own or in a cluster",
    load: () => import("./broker_start.ts"),
  },
  {
    name: "coordinator start",
    summary: "Start a coordinator, on its own or in an ensemble",
    load: () => import("./coordinator_start.ts"),
  },
  {
    name: "coordinator status",
    summary: "Show the servers of an ensemble, and whether it has a quorum",
    load: () => import("./coordinator_status.ts"),
  },
  {
    name: "coordinator backup",
    summary: "Copy a coordinator's state while it runs",
    load: () => import("./coordinator_backup.ts"),
  },
  {
    name: "coordinator restore",
    summary: "Put a backup into a coordinator's data directory",
    load: () => import("./coordinator_restore.ts"),
  },
  {
    name: "coordinator verify",
    summary: "Check a coordinator's snapshots, logs and epochs on disk",
    load: () => import("./coordinator_verify.ts"),
  },
  {
    name: "coordinator grow",
    summary: "Plan how servers come into an ensemble, or bring them in",
    load: () => import("./coordinator_grow.ts"),
  },
  {
    name: "coordinator shrink",
    summary: "Plan how servers leave an ensemble, or remove them",
    load: () => import("./coordinator_shrink.ts"),
  },
  {
    name: "coordinator restart-order",
    summary: "Plan a rolling restart, the leader last",
    load: () => import("./coordinator_restart_order.ts"),
  },
  {
    name: "topic create",
    summary: "Create topics",
    load: () => import("./topic_create.ts"),
  },
  {
    name: "topic list",
    summary: "List topics",
    load: () => import("./topic_list.ts"),
  },
  {
    name: "topic describe",
    summary: "Show partitions, replicas and configuration of topics",
    load: () => import("./topic_describe.ts"),
  },
  {
    name: "topic alter",
    summary: "Change configuration or number of partitions of topics",
    load: () => import("./topic_alter.ts"),
  },
  {
    name: "topic plan",
    summary: "Say how many partitions a topic needs, and what they cost",
    load: () => import("./topic_plan.ts"),
  },
  {
    name: "topic delete",
    summary: "Delete topics",
    load: () => import("./topic_delete.ts"),
  },
  {
    name: "topic purge",
    summary: "Delete the records before an offset or a time",
    load: () => import("./topic_purge.ts"),
  },
  {
    name: "produce",
    summary: "Send records from standard input or files",
    load: () => import("./produce.ts"),
  },
  {
    name: "consume",
    summary: "Print records of topics",
    load: () => import("./consume.ts"),
  },
  {
    name: "group list",
    summary: "List consumer groups",
    load: () => import("./group_list.ts"),
  },
  {
    name: "group describe",
    summary: "Show members, offsets and lag of groups",
    load: () => import("./group_describe.ts"),
  },
  {
    name: "group delete",
    summary: "Delete groups with their offsets",
    load: () => import("./group_delete.ts"),
  },
  {
    name: "offset list",
    summary: "List the offsets that groups have committed",
    load: () => import("./offset_list.ts"),
  },
  {
    name: "offset reset",
    summary: "Move the offsets of groups",
    load: () => import("./offset_reset.ts"),
  },
  {
    name: "offset seek",
    summary: "Move a group to one offset of named partitions",
    load: () => import("./offset_seek.ts"),
  },
  {
    name: "offset copy",
    summary: "Set a group's offsets to those of another",
    load: () => import("./offset_copy.ts"),
  },
  {
    name: "offset delete",
    summary: "Forget where groups stand in topics",
    load: () => import("./offset_delete.ts"),
  },
  {
    name: "offset export",
    summary: "Print the offsets of groups as CSV",
    load: () => import("./offset_export.ts"),
  },
  {
    name: "offset import",
    summary: "Set offsets of groups from CSV",
    load: () => import("./offset_import.ts"),
  },
  {
    name: "txn list",
    summary: "List transactional ids and the state they are in",
    load: () => import("./txn_list.ts"),
  },
  {
    name: "txn describe",
    summary: "Show producer, age and partitions of transactions",
    load: () => import("./txn_describe.ts"),
  },
  {
    name: "txn find-hanging",
    summary: "Find transactions that no coordinator is going to end",
    load: () => import("./txn_find_hanging.ts"),
  },
  {
    name: "txn abort",
    summary: "End a hanging transaction in one partition",
    load: () => import("./txn_abort.ts"),
  },
  {
    name: "wait group",
    summary: "Wait until a group has caught up, is empty or is stable",
    load: () => import("./wait_group.ts"),
  },
  {
    name: "wait topic",
    summary: "Wait until topics can be used, or are gone",
    load: () => import("./wait_topic.ts"),
  },
  {
    name: "config get",
    summary: "Show the configuration of topics and brokers",
    load: () => import("./config_get.ts"),
  },
  {
    name: "config set",
    summary: "Set configuration keys of a topic or broker",
    load: () => import("./config_set.ts"),
  },
  {
    name: "config unset",
    summary: "Take configuration keys back to their defaults",
    load: () => import("./config_unset.ts"),
  },
  {
    name: "config defaults",
    summary: "List every key with type, default and meaning",
    load: () => import("./config_defaults.ts"),
  },
  {
    name: "compact",
    summary: "Compact topics now",
    load: () => import("./compact.ts"),
  },
  {
    name: "compact status",
    summary: "Show how clean compacted topics are, and what was done last",
    load: () => import("./compact_status.ts"),
  },
  {
    name: "log dump",
    summary: "Print segment, index and checkpoint files",
    load: () => import("./log_dump.ts"),
  },
  {
    name: "log verify",
    summary: "Check segments and indexes of partitions on disk",
    load: () => import("./log_verify.ts"),
  },
  {
    name: "log dirs",
    summary: "Show the size of partitions by broker and data directory",
    load: () => import("./log_dirs.ts"),
  },
  {
    name: "cluster info",
    summary: "Show the brokers of a cluster and what they serve",
    load: () => import("./cluster_info.ts"),
  },
  {
    name: "zk ls",
    summary: "List the children of a znode",
    load: () => import("./zk_ls.ts"),
  },
  {
    name: "zk tree",
    summary: "Show a znode and all below it",
    load: () => import("./zk_tree.ts"),
  },
  {
    name: "zk get",
    summary: "Print what a znode holds",
    load: () => import("./zk_get.ts"),
  },
  {
    name: "zk set",
    summary: "Change what a znode holds",
    load: () => import("./zk_set.ts"),
  },
  {
    name: "zk create",
    summary: "Make a znode",
    load: () => import("./zk_create.ts"),
  },
  {
    name: "zk delete",
    summary: "Delete znodes",
    load: () => import("./zk_delete.ts"),
  },
  {
    name: "zk watch",
    summary: "Print changes of znodes as they come",
    load: () => import("./zk_watch.ts"),
  },
  {
    name: "zk stat",
    summary: "Show the bookkeeping of a znode",
    load: () => import("./zk_stat.ts"),
  },
  {
    name: "zk acl",
    summary: "Show or replace who may do what to a znode",
    load: () => import("./zk_acl.ts"),
  },
  {
    name: "perf produce",
    summary: "Measure how fast records are taken",
    load: () => import("./perf_produce.ts"),
  },
  {
    name: "perf consume",
    summary: "Measure how fast records are given",
    load: () => import("./perf_consume.ts"),
  },
  {
    name: "completion",
    summary: "Print the completion script of a shell",
    load: () => import("./completion.ts"),
  },
  {
    name: "version",
    summary: "Show the version, and how this program was built",
    load: () => import("./version.ts"),
  },
];
