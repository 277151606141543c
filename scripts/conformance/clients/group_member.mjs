// What the clients in Node share about members of groups: see group_client.ts.

/** What a member has come to; a client's own member fills it. */
export class Member {
  records = [];
  assignments = [];
  assigned = [];
  positions = new Map();
  error = null;

  constructor(options) {
    this.options = options;
  }

  take(partition, offset, value) {
    this.records.push([partition, Number(offset), value.toString("utf8")]);
    this.positions.set(partition, Number(offset) + 1);
  }

  told(generation, partitions) {
    this.assigned = [...partitions].sort((a, b) => a - b);
    this.assignments.push([generation, this.assigned]);
    for (const partition of this.positions.keys()) {
      if (!this.assigned.includes(partition)) this.positions.delete(partition);
    }
  }

  look() {
    if (this.error !== null) throw this.error;
    const { assigned, records, assignments } = this;
    this.records = [];
    this.assignments = [];
    return { assigned, records, assignments };
  }
}

/** The operations on members that `newMember` makes of the options of `join`. */
export function memberOperations(newMember) {
  const members = new Map();
  const find = (name) => {
    const member = members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  };
  return {
    join({ member: name, ...options }) {
      const member = newMember(options);
      members.set(name, member);
      member.open().catch((error) => member.error ??= error);
    },
    look: ({ member }) => find(member).look(),
    commit: ({ member }) => find(member).commit(find(member).positions),
    commitOffset: ({ member, partition, offset }) =>
      find(member).commit(new Map([[partition, offset]])),
    committed: ({ member, partitions }) => find(member).committed(partitions),
    async leave({ member: name }) {
      const member = find(name);
      members.delete(name);
      await member.close();
      return member.look();
    },
  };
}
