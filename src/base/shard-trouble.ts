/** What can befall a shard's thread: every trouble by its name, with how it is told, what it means and the way back. Any thread. */

interface Trouble {
  /** When it is told. */
  readonly sign: string;
  readonly effect: string;
  readonly wayBack: string;
  /** Counts it, by shard. */
  readonly metric: string;
}

const WAITS =
  'Requests for its partitions wait, and with them who sends more than its ring takes; partitions of other shards are served.';

/** The names stand in front of the log's lines, and are values of the label `trouble` where a metric has it. */
export const shardTroubles = {
  'slow disk': {
    sign: 'one call to the disk takes longer than a second',
    effect: WAITS,
    wayBack:
      'See what the kernel says of the disk (`dmesg`, `iostat`). It goes on by itself with the answer of the disk.',
    metric: 'millrace_shard_stalls_total',
  },
  'frozen shard': {
    sign: 'nothing happens for a second although there is work, and no call to the disk is under way',
    effect: WAITS,
    wayBack: 'See who holds the thread (a debugger, a machine without time for it). It goes on by itself.',
    metric: 'millrace_shard_stalls_total',
  },
  'dead shard': {
    sign: 'the thread ended without having been asked to',
    effect:
      'Its partitions answer `NOT_LEADER_OR_FOLLOWER`, which every client retries; those of other shards are served.',
    wayBack: 'A new thread recovers them at once. The third death within a minute closes the broker.',
    metric: 'millrace_shard_deaths_total',
  },
} as const satisfies Record<string, Trouble>;

export type ShardTrouble = keyof typeof shardTroubles;
