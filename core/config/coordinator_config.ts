// Every configuration key of a server of the coordinator ensemble: its type,
// default, limits and meaning, by ZooKeeper's names.
//
// Defaults are ZooKeeper's, save for those that its documentation advises against:
// old files are purged, and diagnostics answer to this machine only. A key may be
// written with the prefix `zookeeper.` of Java's system properties.
//
// Source: ZooKeeper 3.8 documentation, "Configuration Parameters".

import { KIB } from "../base/units.ts";
import { coordinatorRowsUnused } from "./coordinator_config_unused.ts";
import {
  type ConfigRows,
  configTable,
  INT_MAX,
  LONG_MAX,
  type Values,
} from "./table.ts";

/** Keys that change what a server does. */
export const coordinatorRowsUsed = {
  "4lw.commands.whitelist": {
    type: "list",
    default: null,
    importance: "high",
    doc:
      "Four-letter words that are answered, * for all. Not set: all to this machine, srvr to others.",
  },
  "DigestAuthenticationProvider.superDigest": {
    type: "password",
    default: null,
    importance: "medium",
    doc: "Who may do everything, as user:base64(sha1(user:password)).",
  },
  "admin.commandURL": {
    type: "string",
    default: "/commands",
    nonEmpty: true,
    importance: "low",
    doc: "Where the admin server lists its commands.",
  },
  "admin.enableServer": {
    type: "boolean",
    default: true,
    importance: "medium",
    doc: "Whether commands are answered over HTTP as well.",
  },
  "admin.serverAddress": {
    type: "string",
    default: "127.0.0.1",
    importance: "medium",
    doc: "Address that the admin server listens on; 0.0.0.0 for all.",
  },
  "admin.serverPort": {
    type: "int",
    default: 8080,
    min: 0,
    max: 65535,
    importance: "medium",
    doc: "Port of the admin server; 0 for any free one.",
  },
  "autopurge.purgeInterval": {
    type: "int",
    default: 1,
    min: 0,
    importance: "high",
    doc:
      "Whether snapshots and logs that are not needed go (after each snapshot); 0 keeps all.",
  },
  "autopurge.snapRetainCount": {
    type: "int",
    default: 3,
    min: 3,
    importance: "high",
    doc: "Snapshots that are kept, with the logs from the oldest on.",
  },
  "clientPort": {
    type: "int",
    default: null,
    min: 0,
    max: 65535,
    importance: "high",
    doc: "Port for clients; 0 for any free one.",
  },
  "clientPortAddress": {
    type: "string",
    default: null,
    importance: "medium",
    doc: "Address that clients connect to; not set: all of this machine's.",
  },
  "cnxTimeout": {
    type: "int",
    default: 5,
    min: 1,
    importance: "low",
    doc: "Accepted: kq knows by itself how long to wait for other servers.",
    effect: "none",
  },
  "commitLogCount": {
    type: "int",
    default: 500,
    min: 1,
    importance: "low",
    doc:
      "Committed transactions kept in memory for servers that were away for a while.",
  },
  "dataDir": {
    type: "string",
    default: null,
    nonEmpty: true,
    importance: "high",
    doc: "Folder of snapshots, logs, epochs and myid.",
  },
  "dataLogDir": {
    type: "string",
    default: null,
    nonEmpty: true,
    importance: "medium",
    doc: "Folder of the logs, where it is not dataDir: a disk of their own.",
  },
  "dynamicConfigFile": {
    type: "string",
    default: null,
    nonEmpty: true,
    importance: "medium",
    doc: "File with the server.N lines, written again when the members change.",
  },
  "electionAlg": {
    type: "int",
    default: 3,
    min: 3,
    max: 3,
    importance: "low",
    doc: "How a leader is found; there is one way only.",
  },
  "enforce.quota": {
    type: "boolean",
    default: false,
    importance: "medium",
    doc: "Whether writes over a hard quota are refused.",
  },
  "extendedTypesEnabled": {
    type: "boolean",
    default: false,
    importance: "medium",
    doc: "Whether znodes with a time to live can be made.",
  },
  "globalOutstandingLimit": {
    type: "int",
    default: 1000,
    min: 1,
    importance: "medium",
    doc:
      "Requests of one connection that may wait for their answer before no more are read.",
  },
  "initLimit": {
    type: "int",
    default: 10,
    min: 1,
    importance: "high",
    doc: "Ticks within which a server has to have joined its leader.",
  },
  "jute.maxbuffer": {
    type: "int",
    default: 0xfffff,
    min: KIB,
    importance: "medium",
    doc: "Largest request, in bytes.",
  },
  "leaderServes": {
    type: "string",
    default: "yes",
    oneOf: ["yes", "no"],
    importance: "medium",
    doc: "Accepted: kq's leader always takes clients too.",
    effect: "none",
  },
  "maxClientCnxns": {
    type: "int",
    default: 60,
    min: 0,
    importance: "high",
    doc: "Connections from one address; 0 for any number.",
  },
  "maxCnxns": {
    type: "int",
    default: 0,
    min: 0,
    importance: "medium",
    doc: "Connections in all; 0 for any number.",
  },
  "maxSessionTimeout": {
    type: "int",
    default: -1,
    min: 1,
    orElse: -1,
    importance: "medium",
    doc: "Longest session timeout in milliseconds; -1 for 20 ticks.",
  },
  "minSessionTimeout": {
    type: "int",
    default: -1,
    min: 1,
    orElse: -1,
    importance: "medium",
    doc: "Shortest session timeout in milliseconds; -1 for 2 ticks.",
  },
  "peerType": {
    type: "string",
    default: "participant",
    oneOf: ["participant", "observer"],
    importance: "medium",
    doc: "Whether this server votes; its server.N line says so too.",
  },
  "preAllocSize": {
    type: "long",
    default: 64 * KIB,
    min: 0,
    importance: "low",
    doc: "Accepted: kq's logs grow as they are written.",
    effect: "none",
  },
  "quorumListenOnAllIPs": {
    type: "boolean",
    default: false,
    importance: "medium",
    doc: "Whether other servers may connect by any address of this machine.",
  },
  "readonlymode.enabled": {
    type: "boolean",
    default: false,
    importance: "medium",
    doc:
      "Whether a server without an ensemble serves reads to clients that ask for it.",
  },
  "reconfigEnabled": {
    type: "boolean",
    default: false,
    importance: "high",
    doc: "Whether the members of the ensemble can be changed while it runs.",
  },
  "requestThrottleLimit": {
    type: "int",
    default: 0,
    min: 0,
    importance: "low",
    doc:
      "Where it is less, it stands for globalOutstandingLimit; 0: it is not.",
  },
  "secureClientPort": {
    type: "int",
    default: null,
    importance: "high",
    doc: "Refused: kq's coordinator does not speak TLS yet.",
  },
  "skipACL": {
    type: "string",
    default: "no",
    oneOf: ["yes", "no"],
    importance: "medium",
    doc: "Whether everybody may do everything.",
  },
  "snapCount": {
    type: "int",
    default: 100_000,
    min: 2,
    importance: "medium",
    doc: "Transactions between two snapshots.",
  },
  "snapSizeLimitInKb": {
    type: "long",
    default: 64 * KIB,
    max: LONG_MAX,
    importance: "low",
    doc:
      "Kilobytes of a log that bring about a snapshot; 0 or less for any size.",
  },
  "standaloneEnabled": {
    type: "boolean",
    default: true,
    importance: "medium",
    doc:
      "Whether a server that is its own only member runs without an ensemble.",
  },
  "syncEnabled": {
    type: "boolean",
    default: true,
    importance: "low",
    doc: "Whether an observer keeps logs and snapshots of its own.",
    effect: "none",
  },
  "syncLimit": {
    type: "int",
    default: 5,
    min: 1,
    importance: "high",
    doc: "Ticks after which a server that is not heard of is out.",
  },
  "tickTime": {
    type: "int",
    default: 2000,
    min: 1,
    max: INT_MAX / 20 | 0,
    importance: "high",
    doc: "Milliseconds of a tick, by which time is counted.",
  },
  "znode.container.checkIntervalMs": {
    type: "int",
    default: 60_000,
    min: 1,
    importance: "low",
    doc:
      "How often containers and znodes with a time to live are looked through.",
  },
} as const satisfies ConfigRows;

/** Every key that a `zoo.cfg` may have, save for `server.N` and its like. */
export const coordinatorConfig = configTable({
  ...coordinatorRowsUsed,
  ...coordinatorRowsUnused,
});

/** A server's configuration, by ZooKeeper's own key names. */
export type CoordinatorConfig = Values<typeof coordinatorConfig>;
