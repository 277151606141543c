// Quotas of clients, as requests name those they are for: entity types and keys,
// and the form in which values are kept. They are kept for whoever enforces them.
//
// Source: KIP-13, KIP-124, KIP-546, KIP-599, KIP-612; observed in a ZooKeeper that
// Apache Kafka 3.9.1 uses.

import type { ClientEntity } from "../controller/entity_admin.ts";
import { KafkaError } from "../wire/kafka/errors.ts";

/** One part of who a quota is for. */
export interface EntityPart {
  readonly entityType: string;
  /** Null for all that have no own. */
  readonly entityName: string | null;
}

const FIELDS: Readonly<Record<string, keyof ClientEntity>> = {
  "user": "user",
  "client-id": "clientId",
  "ip": "ip",
};

type ValueKind = "whole" | "any";

const CLIENT_KEYS: ReadonlyMap<string, ValueKind> = new Map([
  ["producer_byte_rate", "whole"],
  ["consumer_byte_rate", "whole"],
  ["request_percentage", "any"],
  ["controller_mutation_rate", "any"],
]);
const IP_KEYS: ReadonlyMap<string, ValueKind> = new Map([
  ["connection_creation_rate", "whole"],
]);
/** How far from a whole number one may be that went through a double. */
const EPSILON = 1e-6;

export function isQuotaKey(key: string): boolean {
  return CLIENT_KEYS.has(key) || IP_KEYS.has(key);
}

/** @throws {KafkaError} INVALID_REQUEST where nobody can be meant. */
export function clientEntityOf(parts: readonly EntityPart[]): ClientEntity {
  if (parts.length === 0) refuse("Invalid empty client quota entity");
  const entity: { -readonly [K in keyof ClientEntity]: ClientEntity[K] } = {};
  for (const { entityType, entityName } of parts) {
    const field = entityField(entityType);
    if (field in entity) refuse(`Duplicate entity type: ${entityType}`);
    if (entityName === "") refuse(`Empty ${entityType} not supported`);
    entity[field] = entityName;
  }
  if ("ip" in entity && parts.length > 1) {
    refuse("Invalid quota entity combination: an IP stands alone");
  }
  if (typeof entity.ip === "string" && !isAddress(entity.ip)) {
    refuse(`${entity.ip} is not a valid IP address`);
  }
  return entity;
}

/** The other way round. */
export function entityPartsOf(entity: ClientEntity): EntityPart[] {
  return Object.entries(FIELDS).flatMap(([entityType, field]) => {
    const entityName = entity[field];
    return entityName === undefined ? [] : [{ entityType, entityName }];
  });
}

/** @throws {KafkaError} INVALID_REQUEST where there is no such type. */
export function entityField(entityType: string): keyof ClientEntity {
  const field = Object.hasOwn(FIELDS, entityType) ? FIELDS[entityType] : null;
  return field ?? refuse(`Unhandled client quota entity type: ${entityType}`);
}

/**
 * A quota as it is kept.
 *
 * @throws {KafkaError} INVALID_REQUEST where the entity has no such quota, or not such a value.
 */
export function formatQuota(
  entity: ClientEntity,
  key: string,
  value: number,
): string {
  const kind = keysOf(entity).get(key) ??
    refuse(`Invalid configuration key ${key}`);
  if (!Number.isFinite(value) || value <= 0) {
    refuse(`Quota ${key} must be greater than 0`);
  }
  if (kind === "any") {
    return Number.isInteger(value) ? value.toFixed(1) : String(value);
  }
  const whole = Math.floor(value + EPSILON);
  if (Math.abs(whole - value) > EPSILON) {
    refuse(`Configuration ${key} must be a whole number`);
  }
  return String(whole);
}

/** @throws {KafkaError} INVALID_REQUEST where the entity has no such quota. */
export function checkQuotaKey(entity: ClientEntity, key: string): void {
  if (!keysOf(entity).has(key)) refuse(`Invalid configuration key ${key}`);
}

function keysOf(entity: ClientEntity): ReadonlyMap<string, ValueKind> {
  return "ip" in entity ? IP_KEYS : CLIENT_KEYS;
}

function isAddress(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ||
    /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text);
}

function refuse(text: string): never {
  throw new KafkaError("INVALID_REQUEST", text);
}
