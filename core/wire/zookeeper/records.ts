// Every record of ZooKeeper's protocols and files, as tables in wire order.
//
// Names are ZooKeeper's own.
//
// Source: ZooKeeper's published jute files (3.8).

import { type JuteRecord, type JuteValue, record } from "./jute.ts";

// Access control and bookkeeping

/** Whom a scheme means: `world:anyone`, `digest:user:base64`, … */
export const aclId = record("Id", {
  scheme: "ustring",
  // Some clients have null where nothing is needed, as with `auth`.
  id: "looseUstring",
});

/** Who may do what: `perms` is a sum of read 1, write 2, create 4, delete 8, admin 16. */
export const acl = record("ACL", { perms: "int", id: aclId });

export const clientInfo = record("ClientInfo", {
  authScheme: "ustring",
  user: "ustring",
});

/** A znode's bookkeeping as clients see it. */
export const stat = record("Stat", {
  czxid: "long",
  mzxid: "long",
  ctime: "long",
  mtime: "long",
  version: "int",
  cversion: "int",
  aversion: "int",
  ephemeralOwner: "long",
  dataLength: "int",
  numChildren: "int",
  pzxid: "long",
});

/** The same as the disk has it: `cversion` counts the children ever created. */
export const statPersisted = record("StatPersisted", {
  czxid: "long",
  mzxid: "long",
  ctime: "long",
  mtime: "long",
  version: "int",
  cversion: "int",
  aversion: "int",
  ephemeralOwner: "long",
  pzxid: "long",
});

// Transactions

export const txn = record("Txn", { type: "int", data: "buffer" });

export const checkVersionTxn = record("CheckVersionTxn", {
  path: "ustring",
  version: "int",
});

export const closeSessionTxn = record("CloseSessionTxn", {
  paths2Delete: { vector: "ustring" },
});

export const createContainerTxn = record("CreateContainerTxn", {
  path: "ustring",
  data: "buffer",
  acl: { vector: acl },
  parentCVersion: "int",
});

export const createSessionTxn = record("CreateSessionTxn", { timeOut: "int" });

export const createTtlTxn = record("CreateTTLTxn", {
  path: "ustring",
  data: "buffer",
  acl: { vector: acl },
  parentCVersion: "int",
  ttl: "long",
});

/** `parentCVersion` is the parent's counter after the creation; -1 in the oldest logs. */
export const createTxn = record("CreateTxn", {
  path: "ustring",
  data: "buffer",
  acl: { vector: acl },
  ephemeral: "boolean",
  parentCVersion: "int",
});

export const deleteTxn = record("DeleteTxn", { path: "ustring" });

export const errorTxn = record("ErrorTxn", { err: "int" });

export const multiTxn = record("MultiTxn", { txns: { vector: txn } });

export const setAclTxn = record("SetACLTxn", {
  path: "ustring",
  acl: { vector: acl },
  version: "int",
});

export const setDataTxn = record("SetDataTxn", {
  path: "ustring",
  data: "buffer",
  version: "int",
});

export const setMaxChildrenTxn = record("SetMaxChildrenTxn", {
  path: "ustring",
  max: "int",
});

/** Checksum over the whole tree after the transaction. */
export const txnDigest = record("TxnDigest", {
  version: "int",
  treeDigest: "long",
});

/** What stands before each transaction. `time` is in milliseconds since 1970 UTC. */
export const txnHeader = record("TxnHeader", {
  clientId: "long",
  cxid: "int",
  zxid: "long",
  time: "long",
  type: "int",
});

// Requests and responses of the client port

export const addWatchRequest = record("AddWatchRequest", {
  path: "ustring",
  mode: "int",
});

export const authPacket = record("AuthPacket", {
  type: "int",
  scheme: "ustring",
  auth: "buffer",
});

export const checkVersionRequest = record("CheckVersionRequest", {
  path: "ustring",
  version: "int",
});

export const checkWatchesRequest = record("CheckWatchesRequest", {
  path: "ustring",
  type: "int",
});

export const connectRequest = record("ConnectRequest", {
  protocolVersion: "int",
  lastZxidSeen: "long",
  timeOut: "int",
  sessionId: "long",
  passwd: "buffer",
});

export const connectResponse = record("ConnectResponse", {
  protocolVersion: "int",
  timeOut: "int",
  sessionId: "long",
  passwd: "buffer",
});

export const create2Response = record("Create2Response", {
  path: "ustring",
  stat: stat,
});

export const createRequest = record("CreateRequest", {
  path: "ustring",
  data: "buffer",
  acl: { vector: acl },
  flags: "int",
});

export const createResponse = record("CreateResponse", { path: "ustring" });

export const createTtlRequest = record("CreateTTLRequest", {
  path: "ustring",
  data: "buffer",
  acl: { vector: acl },
  flags: "int",
  ttl: "long",
});

export const deleteRequest = record("DeleteRequest", {
  path: "ustring",
  version: "int",
});

export const errorResponse = record("ErrorResponse", { err: "int" });

export const existsRequest = record("ExistsRequest", {
  path: "ustring",
  watch: "boolean",
});

export const existsResponse = record("ExistsResponse", { stat: stat });

export const getAclRequest = record("GetACLRequest", { path: "ustring" });

export const getAclResponse = record("GetACLResponse", {
  acl: { vector: acl },
  stat: stat,
});

export const getAllChildrenNumberRequest = record(
  "GetAllChildrenNumberRequest",
  { path: "ustring" },
);

export const getAllChildrenNumberResponse = record(
  "GetAllChildrenNumberResponse",
  { totalNumber: "int" },
);

export const getChildren2Request = record("GetChildren2Request", {
  path: "ustring",
  watch: "boolean",
});

export const getChildren2Response = record("GetChildren2Response", {
  children: { vector: "ustring" },
  stat: stat,
});

export const getChildrenRequest = record("GetChildrenRequest", {
  path: "ustring",
  watch: "boolean",
});

export const getChildrenResponse = record("GetChildrenResponse", {
  children: { vector: "ustring" },
});

export const getDataRequest = record("GetDataRequest", {
  path: "ustring",
  watch: "boolean",
});

export const getDataResponse = record("GetDataResponse", {
  data: "buffer",
  stat: stat,
});

export const getEphemeralsRequest = record("GetEphemeralsRequest", {
  prefixPath: "ustring",
});

export const getEphemeralsResponse = record("GetEphemeralsResponse", {
  ephemerals: { vector: "ustring" },
});

export const getMaxChildrenRequest = record("GetMaxChildrenRequest", {
  path: "ustring",
});

export const getMaxChildrenResponse = record("GetMaxChildrenResponse", {
  max: "int",
});

export const getSaslRequest = record("GetSASLRequest", { token: "buffer" });

export const multiHeader = record("MultiHeader", {
  type: "int",
  done: "boolean",
  err: "int",
});

export const reconfigRequest = record("ReconfigRequest", {
  joiningServers: "nullableUstring",
  leavingServers: "nullableUstring",
  newMembers: "nullableUstring",
  curConfigId: "long",
});

export const removeWatchesRequest = record("RemoveWatchesRequest", {
  path: "ustring",
  type: "int",
});

export const replyHeader = record("ReplyHeader", {
  xid: "int",
  zxid: "long",
  err: "int",
});

export const requestHeader = record("RequestHeader", {
  xid: "int",
  type: "int",
});

export const setAclRequest = record("SetACLRequest", {
  path: "ustring",
  acl: { vector: acl },
  version: "int",
});

export const setAclResponse = record("SetACLResponse", { stat: stat });

export const setDataRequest = record("SetDataRequest", {
  path: "ustring",
  data: "buffer",
  version: "int",
});

export const setDataResponse = record("SetDataResponse", { stat: stat });

export const setMaxChildrenRequest = record("SetMaxChildrenRequest", {
  path: "ustring",
  max: "int",
});

export const setSaslRequest = record("SetSASLRequest", { token: "buffer" });

export const setSaslResponse = record("SetSASLResponse", { token: "buffer" });

export const setWatches = record("SetWatches", {
  relativeZxid: "long",
  dataWatches: { vector: "ustring" },
  existWatches: { vector: "ustring" },
  childWatches: { vector: "ustring" },
});

export const setWatches2 = record("SetWatches2", {
  relativeZxid: "long",
  dataWatches: { vector: "ustring" },
  existWatches: { vector: "ustring" },
  childWatches: { vector: "ustring" },
  persistentWatches: { vector: "ustring" },
  persistentRecursiveWatches: { vector: "ustring" },
});

export const syncRequest = record("SyncRequest", { path: "ustring" });

export const syncResponse = record("SyncResponse", { path: "ustring" });

export const watcherEvent = record("WatcherEvent", {
  type: "int",
  state: "int",
  path: "ustring",
});

export const whoAmIResponse = record("WhoAmIResponse", {
  clientInfo: { vector: clientInfo },
});

// Files

/** The start of a log or a snapshot file. */
export const fileHeader = record("FileHeader", {
  magic: "int",
  version: "int",
  dbid: "long",
});

// Quorum port

export const learnerInfo = record("LearnerInfo", {
  serverid: "long",
  protocolVersion: "int",
  configVersion: "long",
});

export const quorumAuthPacket = record("QuorumAuthPacket", {
  magic: "long",
  status: "int",
  token: "buffer",
});

/** What learner and leader exchange; not framed. */
export const quorumPacket = record("QuorumPacket", {
  type: "int",
  zxid: "long",
  data: "buffer",
  authinfo: { nullableVector: aclId },
});

/** The value of a record's schema. */
export type RecordOf<R extends JuteRecord> = JuteValue<R>;

export type Acl = RecordOf<typeof acl>;
export type Stat = RecordOf<typeof stat>;
export type StatPersisted = RecordOf<typeof statPersisted>;
export type TxnHeader = RecordOf<typeof txnHeader>;
export type TxnDigest = RecordOf<typeof txnDigest>;

/** Operations of requests, and types of transactions. */
export const OpCode = {
  notification: 0,
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const;
