// What `config set` and `config unset` share: the change, what was in force
// before it and is after it, and who keeps another value.

import type { CommandContext } from "../core/cli/command.ts";
import type { ConnectionFlags } from "../core/cli/connection.ts";
import type { OutputFormat } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import type { Admin } from "../core/client/admin.ts";
import {
  type ConfigChange,
  type ConfigResource,
  type ConfigSynonym,
} from "../core/client/admin_types.ts";
import { sleep } from "../core/host/host.ts";
import { withAdmin } from "./_admin.ts";
import { entityName } from "./_config_entity.ts";
import {
  type ConfigView,
  configView,
  type KeyState,
  type Override,
  ownSource,
  sourceName,
  stateOf,
} from "./_config_view.ts";

type Flags = ConnectionFlags & {
  readonly output: OutputFormat;
  readonly "dry-run": boolean;
};

/** How long a change may take until the broker that is asked tells it. */
const SETTLE_MAX_MS = 2000;
const POLL_MS = 25;

/** Overriding entities that are named for each key; more are counted. */
const NAMED_MAX = 5;

const UNKNOWN: KeyState = stateOf([], false);

/** Changes the keys of one entity, all or none, and prints them. */
export async function changeConfig(
  context: CommandContext,
  flags: Flags,
  resource: ConfigResource,
  changes: readonly ConfigChange[],
): Promise<void> {
  const keys = changes.map(({ name }) => name);
  const isDryRun = flags["dry-run"];
  const { before, after, isSettled } = await withAdmin(
    context,
    flags,
    async (admin) => {
      const before = await configView(admin, resource, keys);
      const [{ error }] = await admin.incrementalAlterConfigs(
        [{ resource, changes }],
        { validateOnly: isDryRun },
      );
      if (error !== null) throw error;
      const foreseen = foresee(before, resource, changes);
      return isDryRun
        ? { before, after: foreseen, isSettled: true }
        : { before, ...await settle(context, admin, { resource, foreseen }) };
    },
  );
  await printRows(context.out, flags.output, {
    columns: [
      { field: "name" },
      { field: "oldValue" },
      { field: "newValue" },
      { field: "source" },
      { field: "operation", wide: true },
      { field: "oldSource", wide: true },
    ],
    nameField: "name",
    rows: changes.map((change) => rowOf(change, before, after)),
  });
  if (!isSettled) {
    context.note(
      `${entityName(resource)}: stored, and not yet in force after ` +
        `${SETTLE_MAX_MS / 1000} s`,
    );
  }
  for (const { name } of changes) {
    noteOverrides(context, name, after.overrides.get(name) ?? []);
  }
}

function rowOf(change: ConfigChange, before: ConfigView, after: ConfigView) {
  const { name, operation } = change;
  const was = before.keys.get(name) ?? UNKNOWN;
  const is = after.keys.get(name) ?? UNKNOWN;
  return {
    name,
    operation,
    value: was.isSensitive ? null : change.value,
    oldValue: was.value,
    oldSource: sourceName(was.source),
    newValue: is.value,
    source: sourceName(is.source),
    overriddenBy: (after.overrides.get(name) ?? []).map((each) => ({
      ...each,
    })),
  };
}

function noteOverrides(
  context: CommandContext,
  key: string,
  overrides: readonly Override[],
): void {
  for (const { entity, name, value } of overrides.slice(0, NAMED_MAX)) {
    context.note(
      `${key}: ${entity} has ${
        name === key ? "a value" : name
      } of its own, which wins there: ${value ?? "[hidden]"}`,
    );
  }
  const more = overrides.length - NAMED_MAX;
  if (more > 0) context.note(`${key}: ${more} more have values of their own`);
}

/** What will be in force, if the cluster takes the changes. */
function foresee(
  before: ConfigView,
  resource: ConfigResource,
  changes: readonly ConfigChange[],
): ConfigView {
  const own = ownSource(resource);
  const keys = new Map(before.keys);
  for (const change of changes) {
    const { synonyms, isSensitive } = keys.get(change.name) ?? UNKNOWN;
    const isOwn = ({ name, source }: ConfigSynonym) =>
      source === own && name === change.name;
    const rest = synonyms.filter((each) => !isOwn(each));
    const text = changedText(change, synonyms.find(isOwn) ?? rest[0]);
    const narrower = rest.filter(({ source }) => source < own);
    const wider = rest.filter(({ source }) => source >= own);
    const set = text === null ? [] : [{
      name: change.name,
      value: isSensitive ? null : text,
      source: own,
    }];
    keys.set(
      change.name,
      stateOf([...narrower, ...set, ...wider], isSensitive),
    );
  }
  return { keys, overrides: before.overrides };
}

/** The text that an entity has of its own then; `null` for none. */
function changedText(
  { operation, value }: ConfigChange,
  current: ConfigSynonym | undefined,
): string | null {
  if (operation === "delete") return null;
  if (operation === "set") return value;
  const before = items(current?.value ?? "");
  const changed = items(value ?? "");
  return operation === "append"
    ? [...before, ...changed.filter((item) => !before.includes(item))].join(",")
    : before.filter((item) => !changed.includes(item)).join(",");
}

function items(list: string): string[] {
  return list.split(",").map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Waits until the brokers tell of the change; what they tell in the end is what is printed. */
async function settle(
  { host: { clock } }: CommandContext,
  admin: Admin,
  { resource, foreseen }: {
    readonly resource: ConfigResource;
    readonly foreseen: ConfigView;
  },
): Promise<{ readonly after: ConfigView; readonly isSettled: boolean }> {
  const keys = [...foreseen.keys.keys()];
  const deadlineMs = clock.monotonicMs() + SETTLE_MAX_MS;
  for (;;) {
    const after = await configView(admin, resource, keys);
    const isSettled = keys.every((key) =>
      isSame(key, resource, {
        foreseen: foreseen.keys.get(key),
        told: after.keys.get(key),
      })
    );
    if (isSettled || clock.monotonicMs() >= deadlineMs) {
      return { after, isSettled };
    }
    await sleep(clock, POLL_MS);
  }
}

/** Whether an entity's own part of a key is as foreseen; spelling is the broker's. */
function isSame(
  key: string,
  resource: ConfigResource,
  { foreseen, told }: {
    readonly foreseen: KeyState | undefined;
    readonly told: KeyState | undefined;
  },
): boolean {
  const own = ownSource(resource);
  const ownText = (state: KeyState | undefined) =>
    plain(state?.synonyms.find(({ source }) => source === own)?.value);
  const isOwn = (state: KeyState | undefined) =>
    state?.synonyms.some(({ source }) => source === own) ?? false;
  if (isOwn(foreseen) !== isOwn(told)) return false;
  if (ownText(foreseen) !== ownText(told)) return false;
  // A broker may tell what is stored a moment before it acts on it.
  const [first] = told?.synonyms ?? [];
  return first === undefined || first.name !== key ||
    plain(first.value) === plain(told?.value);
}

/** Numbers and lists without what a broker may spell otherwise. */
function plain(text: string | null | undefined): string {
  const listed = items(text ?? "").join(",");
  return /^[+-]?\d{1,15}(\.\d+)?$/.test(listed)
    ? String(Number(listed))
    : listed.toLowerCase();
}
