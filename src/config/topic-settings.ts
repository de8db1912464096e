/** Every setting that a topic may have of its own, with the broker settings that it inherits from. Main thread. */
import { GiB, MiB } from '../base/units.js';
import type { BrokerSettingName } from './broker-settings.js';
import { boolean, choice, double, int, LONG_MAX, list, long, type Setting, type SettingValue } from './setting.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A broker setting that a topic without a value of its own follows; `unit` turns its numbers into the topic's. */
export interface Synonym {
  readonly name: BrokerSettingName;
  readonly unit: number;
}

export interface TopicSetting<Value extends SettingValue = SettingValue> extends Setting<Value> {
  /** Strongest first. */
  readonly synonyms: readonly Synonym[];
}

type SynonymRow = BrokerSettingName | readonly [BrokerSettingName, number];

function inherits<Value extends SettingValue>(row: Setting<Value>, ...names: SynonymRow[]): TopicSetting<Value> {
  const synonyms = names.map((entry): Synonym => {
    if (typeof entry === 'string') return { name: entry, unit: 1 };
    return { name: entry[0], unit: entry[1] };
  });
  return { ...row, dynamic: true, synonyms };
}

export const topicSettings = {
  'cleanup.policy': inherits(
    list({
      default: ['delete'],
      words: ['delete', 'compact'],
      doc: 'What happens to old segments: delete, compact, or both; empty keeps everything.',
    }),
    'log.cleanup.policy',
  ),
  'retention.ms': inherits(
    long({ default: 7 * DAY_MS, min: -1, doc: 'How long records are kept; -1 is for ever.' }),
    'log.retention.ms',
    ['log.retention.minutes', MINUTE_MS],
    ['log.retention.hours', HOUR_MS],
  ),
  'retention.bytes': inherits(
    long({ default: -1, min: -1, doc: 'Bytes kept of each partition; -1 is without bound.' }),
    'log.retention.bytes',
  ),
  'millrace.budget.floor.bytes': inherits(
    long({
      default: 0,
      min: 0,
      doc: 'What the topic keeps of its newest records when the disk budget (log.budget.bytes) is short, all partitions together.',
    }),
  ),
  'millrace.budget.priority': inherits(
    int({
      default: 0,
      min: -1000,
      max: 1000,
      doc: 'Topics of lower priority lose their oldest segments first when the disk budget is short.',
    }),
  ),
  'millrace.retention.time': inherits(
    choice({
      words: ['arrival', 'record'],
      default: 'arrival',
      doc: "What retention.ms and segment.ms count from: arrival of a segment's last batch, or record, Kafka's rule: its largest timestamp (arrival where no record has one).",
    }),
    'log.retention.time',
  ),
  'segment.bytes': inherits(
    int({
      default: GiB,
      min: MiB,
      doc: 'A segment is sealed at this size; where nobody has set it, at 1/64 of the disk budget if that is less (at least 16 MiB).',
    }),
    'log.segment.bytes',
  ),
  'segment.ms': inherits(
    long({ default: 7 * DAY_MS, min: 1, doc: 'A segment is sealed at this age.' }),
    'log.roll.ms',
    ['log.roll.hours', HOUR_MS],
  ),
  'segment.jitter.ms': inherits(
    long({
      default: 0,
      min: 0,
      doc: 'Segments are sealed by up to so much before segment.ms, so that not all are at once.',
    }),
    'log.roll.jitter.ms',
    ['log.roll.jitter.hours', HOUR_MS],
  ),
  'segment.index.bytes': inherits(
    int({ default: 10 * MiB, min: 4, doc: 'Largest offset index of a segment.' }),
    'log.index.size.max.bytes',
  ),
  'index.interval.bytes': inherits(
    int({ default: 4096, min: 0, doc: 'Bytes of log between two entries of an index.' }),
    'log.index.interval.bytes',
  ),
  'max.message.bytes': inherits(
    int({ default: 1_048_588, min: 0, doc: 'Largest record batch; at most half of ring.bytes.' }),
    'message.max.bytes',
  ),
  'message.timestamp.type': inherits(
    choice({
      words: ['CreateTime', 'LogAppendTime'],
      default: 'CreateTime',
      doc: "Whether records carry the producer's time or the time of arrival.",
    }),
    'log.message.timestamp.type',
  ),
  'message.timestamp.before.max.ms': inherits(
    long({ default: LONG_MAX, min: 0, doc: "How far a record's timestamp may lie before its arrival." }),
    'log.message.timestamp.before.max.ms',
  ),
  'message.timestamp.after.max.ms': inherits(
    long({ default: LONG_MAX, min: 0, doc: "How far a record's timestamp may lie after its arrival." }),
    'log.message.timestamp.after.max.ms',
  ),
  'flush.messages': inherits(
    long({
      default: LONG_MAX,
      min: 1,
      doc: 'Set on a topic: it is flushed by interval, at the latest after this many records.',
    }),
    'log.flush.interval.messages',
  ),
  'flush.ms': inherits(
    long({
      default: LONG_MAX,
      min: 0,
      doc: 'Set on a topic: it is flushed by interval, at the latest after this many milliseconds.',
    }),
    'log.flush.interval.ms',
  ),
  'file.delete.delay.ms': inherits(
    long({
      default: MINUTE_MS,
      min: 0,
      doc: 'How long the files of a deleted segment stay on disk for those who still read them.',
    }),
    'log.segment.delete.delay.ms',
  ),
  'delete.retention.ms': inherits(
    long({
      default: DAY_MS,
      min: 0,
      doc: 'How long tombstones can still be read after compaction first saw them.',
    }),
    'log.cleaner.delete.retention.ms',
  ),
  'min.cleanable.dirty.ratio': inherits(
    double({
      default: 0.5,
      min: 0,
      max: 1,
      doc: 'A log is compacted when so much of what may be rewritten has not been looked at by a compaction yet.',
    }),
    'log.cleaner.min.cleanable.ratio',
  ),
  'min.compaction.lag.ms': inherits(
    long({
      default: 0,
      min: 0,
      doc: 'For so long after its arrival no record is taken away by compaction.',
    }),
    'log.cleaner.min.compaction.lag.ms',
  ),
  'max.compaction.lag.ms': inherits(
    long({
      default: LONG_MAX,
      min: 1,
      doc: 'After so long a record is looked at by compaction, however little there is with it.',
    }),
    'log.cleaner.max.compaction.lag.ms',
  ),
  'millrace.record.validation': inherits(
    choice({
      words: ['off', 'header', 'records'],
      default: 'header',
      doc: 'What is checked of a batch. off: length, magic, CRC, codec, count and sequences, on which the log and its readers rest; header: the timestamps that its header names, too; records: every record, also of compressed batches. Compacted topics look at every record whatever this says.',
    }),
    'record.validation',
  ),
  'compression.type': inherits(
    choice({
      words: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
      default: 'producer',
      doc: 'What batches are stored as: producer, as they were sent; any other word has those that came otherwise compressed anew, in the side-job pool.',
    }),
    'compression.type',
  ),
  'compression.gzip.level': inherits(
    int({
      default: -1,
      min: -1,
      max: 9,
      doc: "How hard batches are compressed where compression.type is gzip; -1 is gzip's own default, 6.",
    }),
    'compression.gzip.level',
  ),
  'compression.lz4.level': inherits(
    int({
      default: 9,
      min: 1,
      max: 17,
      noEffect: true,
      doc: 'lz4 is written in one way, the fast one, which is what Kafka takes at 9.',
    }),
    'compression.lz4.level',
  ),
  'compression.zstd.level': inherits(
    int({ default: 3, min: -131_072, max: 22, doc: 'How hard batches are compressed where compression.type is zstd.' }),
    'compression.zstd.level',
  ),
  'min.insync.replicas': inherits(
    int({ default: 1, min: 1, noEffect: true, doc: 'Counts as 1: this node is the only replica there is.' }),
    'min.insync.replicas',
  ),
  'unclean.leader.election.enable': inherits(
    boolean({ default: false, noEffect: true, doc: 'There is nobody else to elect.' }),
    'unclean.leader.election.enable',
  ),
  preallocate: inherits(
    boolean({ default: false, noEffect: true, doc: 'Files grow as they are written.' }),
    'log.preallocate',
  ),
  'remote.storage.enable': inherits(
    boolean({
      default: false,
      only: false,
      because: 'there is no remote tier to send segments to',
      doc: 'Only false: there is no remote tier.',
    }),
  ),
  'local.retention.ms': inherits(
    long({ default: -2, min: -2, noEffect: true, doc: 'Follows retention.ms: there is no remote tier.' }),
  ),
  'local.retention.bytes': inherits(
    long({ default: -2, min: -2, noEffect: true, doc: 'Follows retention.bytes: there is no remote tier.' }),
  ),
  'leader.replication.throttled.replicas': inherits(
    list({ default: [], noEffect: true, doc: 'Nothing is replicated, so nothing is throttled.' }),
  ),
  'follower.replication.throttled.replicas': inherits(
    list({ default: [], noEffect: true, doc: 'Nothing is replicated, so nothing is throttled.' }),
  ),
} as const satisfies Record<string, TopicSetting>;

export type TopicSettingName = keyof typeof topicSettings;
export type TopicSettingValue<Name extends TopicSettingName> =
  (typeof topicSettings)[Name] extends TopicSetting<infer Value> ? Value : never;

export const topicSettingNames = Object.keys(topicSettings) as TopicSettingName[];

export function isTopicSetting(name: string): name is TopicSettingName {
  return Object.hasOwn(topicSettings, name);
}
