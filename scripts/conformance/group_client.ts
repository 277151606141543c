// What the suite asks of a client about groups: members that poll by themselves
// until they are told to leave, and a look at groups from outside.

/** How a member takes part. */
export interface MemberOptions {
  /** Names the member towards its client, for all other calls. */
  readonly member: string;
  readonly group: string;
  readonly topic: string;
  readonly protocol: "classic" | "consumer";
  readonly assignor: "range" | "roundrobin" | "cooperative-sticky";
  readonly instanceId: string | null;
  /** Whether the client commits by itself. */
  readonly autoCommit: boolean;
  /** Newest version of ConsumerGroupHeartbeat that the broker has; -1 for none. */
  readonly heartbeatVersion: number;
}

/** What a member has come to since the last look. */
export interface MemberView {
  /** Partitions that it holds now. */
  readonly assigned: readonly number[];
  readonly records: readonly (readonly [
    partition: number,
    offset: number,
    value: string,
  ])[];
  /** Each assignment that it was told of; generation -1 where the client hides it. */
  readonly assignments: readonly (readonly [
    generation: number,
    partitions: readonly number[],
  ])[];
}

/** Every operation with its argument and its answer. */
export interface GroupOperations {
  /** Returns at once; the member joins on its own. Reads from the first offset on. */
  join: [MemberOptions, null];
  look: [{ readonly member: string }, MemberView];
  /** Commits what the member has read. */
  commit: [{ readonly member: string }, null];
  /** Commits one offset that the caller chose. */
  commitOffset: [
    {
      readonly member: string;
      readonly partition: number;
      readonly offset: number;
    },
    null,
  ];
  /** By partition; -1 for none. As the member sees it. */
  committed: [
    { readonly member: string; readonly partitions: number },
    number[],
  ];
  leave: [{ readonly member: string }, MemberView];
  listGroups: [Record<never, never>, string[]];
  describeGroup: [
    { readonly group: string },
    { readonly state: string; readonly members: number },
  ];
  /** By partition; -1 for none. As an operator sees it. */
  groupOffsets: [
    {
      readonly group: string;
      readonly topic: string;
      readonly partitions: number;
    },
    number[],
  ];
  setGroupOffset: [
    {
      readonly group: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
    },
    null,
  ];
  deleteGroupOffset: [
    {
      readonly group: string;
      readonly topic: string;
      readonly partition: number;
    },
    null,
  ];
  deleteGroup: [{ readonly group: string }, null];
}

export type GroupOperationName = keyof GroupOperations;

/** A client that can be a member of groups. */
export interface GroupClient {
  askGroup<Name extends GroupOperationName>(
    operation: Name,
    argument: GroupOperations[Name][0],
  ): Promise<GroupOperations[Name][1]>;
}
