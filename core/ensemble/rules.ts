// What an administrator allows or forbids beyond the defaults: how requests are
// judged depends on it, so all servers of an ensemble should say the same.

export interface Rules {
  /** `extendedTypesEnabled`: znodes with a time to live can be made. */
  readonly extendedTypes: boolean;
  /** `enforce.quota`: what breaks a hard limit is refused. */
  readonly enforcesQuota: boolean;
  /** `skipACL`: everybody may do everything. */
  readonly skipsAcl: boolean;
  /** What a transaction may be at most: servers would not read a larger one. */
  readonly txnMaxBytes: number;
}

/** As ZooKeeper has them. */
export const DEFAULT_RULES: Rules = {
  extendedTypes: false,
  enforcesQuota: false,
  skipsAcl: false,
  // Twice `jute.maxbuffer`: that, and as much for what is added to a request.
  txnMaxBytes: 2 * 0xfffff,
};
