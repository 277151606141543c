// What is to be appended, checked and cut into batches.

import type { TopicConfig } from "../config/topic_config.ts";
import { compressionByName, type CompressionName } from "../compress/codecs.ts";
import {
  batchCompressionId,
  batchIsControl,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../record/batch_header.ts";
import { type ValidateOptions, validateProduced } from "../record/validate.ts";
import { checkBatchSize } from "../record/validate_checks.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  BATCH_PREFIX_BYTES,
  type BatchSummary,
  checksumIsValid,
  prefixFault,
  summarize,
} from "./batch_summary.ts";
import type { AppendOrigin } from "./producer_state.ts";
import type { VerificationGuard } from "./verifications.ts";

/** How records come to the log. */
export interface AppendOptions {
  /** Epoch of the leader: stamped into what clients and coordinators append. */
  readonly leaderEpoch: number;
  readonly nowMs: number;
  readonly origin: AppendOrigin;
  /** Version of the Produce request; the newest where left out. */
  readonly produceVersion?: number;
  /**
   * True for one batch of magic 2 that this broker has just made itself: only its
   * size is checked again.
   */
  readonly isOwnWork?: boolean;
  /**
   * What shows that the coordinator knows of a transactional batch's transaction;
   * `null` where one has to be open, left out where nothing is asked.
   */
  readonly verification?: VerificationGuard | null;
  /** Whether the cluster ever gave this producer id to anybody; every id where left out. */
  readonly isProducerIssued?: (producerId: number) => boolean;
}

/** Batches as they will stand in the log. */
export interface PreparedAppend {
  readonly bytes: Uint8Array;
  /** Positions count from the start of `bytes`. */
  readonly batches: readonly BatchSummary[];
}

/**
 * Makes ready what a leader appends: offsets from `baseOffset` on and the leader
 * epoch are stamped into the bytes.
 *
 * @throws {KafkaError} As `validateProduced`.
 */
export function prepareLeaderAppend(
  bytes: Uint8Array,
  baseOffset: number,
  config: TopicConfig,
  options: AppendOptions,
): PreparedAppend {
  if (options.isOwnWork === true && staysAsMade(bytes, config)) {
    if (!batchIsControl(bytes)) {
      checkBatchSize(bytes, { maxMessageBytes: config["max.message.bytes"] });
    }
    setBaseOffset(bytes, 0, baseOffset);
    setPartitionLeaderEpoch(bytes, 0, options.leaderEpoch);
    return { bytes, batches: [summarize(bytes, 0, 0, true)] };
  }
  const validated = validateProduced(
    bytes,
    validateOptions(baseOffset, config, options),
  );
  if (validated === null) return { bytes: bytes.subarray(0, 0), batches: [] };
  const ready = validated.bytes;
  return { bytes: ready, batches: [summarize(ready, 0, 0, true)] };
}

/**
 * Takes what the leader sent: batches with their offsets, a cut one at the end
 * left out.
 *
 * @throws {KafkaError} CORRUPT_MESSAGE where a batch is damaged,
 * OFFSET_OUT_OF_RANGE where offsets do not rise from the log's end on.
 */
export function prepareReplicaAppend(
  bytes: Uint8Array,
  logEndOffset: number,
): PreparedAppend {
  const batches: BatchSummary[] = [];
  let at = 0;
  let nextOffset = logEndOffset;
  while (bytes.length - at >= BATCH_PREFIX_BYTES) {
    const left = bytes.length - at;
    const fault = prefixFault(bytes, at, Infinity);
    if (fault !== null) throw damaged(fault);
    if (prefixFault(bytes, at, left) !== null || left < 26) break;
    if (!checksumIsValid(bytes, at)) throw damaged("wrong checksum");
    const batch = summarize(bytes, at, at, true);
    if (batch.baseOffset < nextOffset || batch.lastOffset < batch.baseOffset) {
      throw new KafkaError(
        "OFFSET_OUT_OF_RANGE",
        `Cannot append offsets ${batch.baseOffset} to ${batch.lastOffset}: the log goes on at ${nextOffset}.`,
      );
    }
    nextOffset = batch.lastOffset + 1;
    batches.push(batch);
    at += batch.sizeBytes;
  }
  return { bytes: bytes.subarray(0, at), batches };
}

/** Whether the topic asks for no other times and no other compression than a batch has. */
function staysAsMade(bytes: Uint8Array, config: TopicConfig): boolean {
  if (batchIsControl(bytes)) return true;
  if (config["message.timestamp.type"] === "LogAppendTime") return false;
  const wanted = config["compression.type"];
  if (wanted === "producer") return true;
  const name = wanted === "uncompressed" ? "none" : wanted as CompressionName;
  return compressionByName(name).id === batchCompressionId(bytes);
}

function validateOptions(
  baseOffset: number,
  config: TopicConfig,
  options: AppendOptions,
): ValidateOptions {
  const compressionType = config["compression.type"];
  return {
    baseOffset,
    leaderEpoch: options.leaderEpoch,
    nowMs: options.nowMs,
    timestampType: config["message.timestamp.type"] === "LogAppendTime"
      ? "LogAppendTime"
      : "CreateTime",
    compressionType: compressionType as ValidateOptions["compressionType"],
    compressionLevel: levelOf(compressionType as CompressionName, config),
    maxMessageBytes: config["max.message.bytes"],
    timestampBeforeMaxMs: config["message.timestamp.before.max.ms"],
    timestampAfterMaxMs: config["message.timestamp.after.max.ms"],
    requireKeys: config["cleanup.policy"].includes("compact"),
    origin: options.origin === "client" ? "client" : "coordinator",
    produceVersion: options.produceVersion,
  };
}

function levelOf(
  name: CompressionName,
  config: TopicConfig,
): number | undefined {
  if (name === "gzip") return config["compression.gzip.level"];
  if (name === "lz4") return config["compression.lz4.level"];
  if (name === "zstd") return config["compression.zstd.level"];
  return undefined;
}

function damaged(reason: string): KafkaError {
  return new KafkaError(
    "CORRUPT_MESSAGE",
    `The leader sent a damaged batch: ${reason}.`,
  );
}
