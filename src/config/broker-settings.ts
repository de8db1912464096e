/** Every broker setting that is understood, one row each: types, checks, DescribeConfigs and the README table come from here. */
import { availableParallelism } from 'node:os';
import { GiB, KiB, MiB } from '../base/units.js';
import { boolean, choice, double, INT_MAX, int, LONG_MAX, list, long, type Setting, string } from './setting.js';
import { shareSettings } from './share-settings.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Broker settings that a topic may override are `dynamic`: see topic-settings.ts for which is whose synonym. */
export const brokerSettings = {
  // ---- This node and its doors
  'node.id': int({ default: 1, min: 0, doc: 'The number by which clients know this broker.' }),
  'broker.id': int({
    default: null,
    min: -1,
    doc: 'Older name of node.id, used where that is not set.',
  }),
  'cluster.id': string({
    default: null,
    doc: 'Given to a fresh data folder; drawn at random where it is not set.',
  }),
  listeners: list({
    default: ['PLAINTEXT://127.0.0.1:9092'],
    doc: 'Where to listen, as NAME://host:port. An empty host is every interface, port 0 any free port.',
  }),
  'advertised.listeners': list({
    default: null,
    doc: 'The addresses that clients are told to connect to. Not set: each client is told the address that it dialled.',
  }),
  'listener.security.protocol.map': list({
    default: ['PLAINTEXT:PLAINTEXT', 'SSL:SSL', 'SASL_PLAINTEXT:SASL_PLAINTEXT', 'SASL_SSL:SASL_SSL'],
    doc: 'Which security protocol a listener name stands for. Only PLAINTEXT is spoken.',
  }),
  'controller.listener.names': list({
    default: [],
    doc: 'Listeners that only a Kafka controller would use: they are not opened.',
  }),
  'http.listener': string({
    default: null,
    doc: 'Where metrics and health are asked for over HTTP, as host:port; a port alone is reached from this machine only. Not set: nowhere.',
  }),
  'log.dirs': list({
    default: null,
    doc: 'Data folders, one per disk; each partition lives in one of them. Not set: log.dir.',
  }),
  'log.dir': string({ default: './millrace-data', doc: 'The data folder where log.dirs is not set.' }),
  'log.level': choice({
    words: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'info',
    doc: 'How much the broker says on stderr.',
  }),

  // ---- Threads and rings
  shards: int({
    // Two also where one core is left beside the main thread: a thread in the middle of a write is at times held for milliseconds
    // while memory is found for it, and the other goes on. On two cores 1.37 times the MB/s with 64 KiB batches, 1.09 with 16 KiB.
    default: Math.max(2, availableParallelism() - 1),
    defaultName: 'cores - 1, at least 2',
    min: 1,
    max: 256,
    doc: 'Worker threads that own partitions.',
  }),
  'ring.bytes': int({
    default: 32 * MiB,
    min: 4 * MiB,
    max: GiB,
    powerOfTwo: true,
    doc: "Bytes of each shard's append ring. The largest batch may fill half of it.",
  }),

  // ---- Durability
  flush: choice({
    words: ['ack', 'interval', 'never'],
    default: 'ack',
    doc: 'ack: on disk before it is acknowledged. interval: acknowledged when written, shown to consumers when flushed. never: left to the operating system.',
  }),
  'log.flush.interval.messages': long({
    default: LONG_MAX,
    min: 1,
    dynamic: true,
    doc: 'With flush=interval: flush after this many records (10000 where not set).',
  }),
  'log.flush.interval.ms': long({
    default: null,
    min: 0,
    dynamic: true,
    doc: 'With flush=interval: flush after this many milliseconds (1000 where not set).',
  }),
  'log.flush.scheduler.interval.ms': long({
    default: LONG_MAX,
    min: 0,
    noEffect: true,
    doc: 'Flushes are due when they are due: there is no scheduler that looks around.',
  }),
  'log.flush.offset.checkpoint.interval.ms': int({
    default: 60_000,
    min: 0,
    doc: 'How often the recovery points are written.',
  }),
  'log.flush.start.offset.checkpoint.interval.ms': int({
    default: 60_000,
    min: 0,
    noEffect: true,
    doc: 'Log start offsets are written together with the recovery points.',
  }),
  'num.recovery.threads.per.data.dir': int({
    default: 2,
    min: 1,
    noEffect: true,
    doc: 'Each shard recovers its own partitions.',
  }),

  // ---- Topics
  'num.partitions': int({ default: 1, min: 1, doc: 'Partitions of a topic whose creator does not say.' }),
  'default.replication.factor': int({ default: 1, min: 1, doc: 'Replicas of a topic whose creator does not say.' }),
  'replication.factor.strict': boolean({
    default: false,
    doc: 'true refuses a replication factor above 1; false takes it as 1 and says so in the log.',
  }),
  'auto.create.topics.enable': boolean({ default: true, doc: 'Whether asking for a topic may create it.' }),
  'delete.topic.enable': boolean({ default: true, doc: 'Whether topics may be deleted.' }),
  'max.request.partition.size.limit': int({
    default: 2000,
    min: 1,
    doc: 'Partitions in one page of DescribeTopicPartitions.',
  }),

  // ---- What topics inherit
  'message.max.bytes': int({ default: 1_048_588, min: 0, dynamic: true, doc: 'Largest record batch.' }),
  'log.cleanup.policy': list({
    default: ['delete'],
    words: ['delete', 'compact'],
    dynamic: true,
    doc: 'What happens to old segments: delete, compact, or both.',
  }),
  'log.retention.ms': long({
    default: null,
    min: -1,
    dynamic: true,
    doc: 'How long records are kept; -1 is for ever. Not set: log.retention.minutes.',
  }),
  'log.retention.minutes': int({
    default: null,
    min: -1,
    doc: 'How long records are kept. Not set: log.retention.hours.',
  }),
  'log.retention.hours': int({ default: 168, min: -1, doc: 'How long records are kept.' }),
  'log.retention.bytes': long({
    default: -1,
    min: -1,
    dynamic: true,
    doc: 'Bytes kept of each partition; -1 is without bound.',
  }),
  'log.retention.time': choice({
    words: ['arrival', 'record'],
    default: 'arrival',
    dynamic: true,
    doc: "What ages count from: arrival of a segment's last batch, or record, Kafka's rule: its largest timestamp.",
  }),
  'log.retention.check.interval.ms': long({ default: 300_000, min: 1, doc: 'How often old segments are looked for.' }),
  'log.segment.bytes': int({ default: GiB, min: MiB, dynamic: true, doc: 'A segment is sealed at this size.' }),
  'log.roll.ms': long({
    default: null,
    min: 1,
    dynamic: true,
    doc: 'A segment is sealed at this age. Not set: log.roll.hours.',
  }),
  'log.roll.hours': int({ default: 168, min: 1, doc: 'A segment is sealed at this age.' }),
  'log.roll.jitter.ms': long({
    default: null,
    min: 0,
    dynamic: true,
    doc: 'Segments are sealed by up to so much before their age. Not set: log.roll.jitter.hours.',
  }),
  'log.roll.jitter.hours': int({ default: 0, min: 0, doc: 'Segments are sealed by up to so much before their age.' }),
  'log.index.size.max.bytes': int({
    default: 10 * MiB,
    min: 4,
    dynamic: true,
    doc: 'Largest offset index of a segment.',
  }),
  'log.index.interval.bytes': int({
    default: 4096,
    min: 0,
    dynamic: true,
    doc: 'Bytes of log between two entries of an index.',
  }),
  'log.prepared.bytes': int({
    default: 128 * KiB,
    min: 0,
    max: 4 * MiB,
    dynamic: true,
    doc: 'Zeros that appends write ahead of themselves, at most so many and a quarter of what the segment holds: writes and flushes into them are faster. 0: none.',
  }),
  'log.preallocate': boolean({
    default: false,
    dynamic: true,
    noEffect: true,
    doc: 'Files grow as they are written.',
  }),
  'log.message.timestamp.type': choice({
    words: ['CreateTime', 'LogAppendTime'],
    default: 'CreateTime',
    dynamic: true,
    doc: "Whether records carry the producer's time or the time of arrival.",
  }),
  'log.message.timestamp.before.max.ms': long({
    default: LONG_MAX,
    min: 0,
    dynamic: true,
    doc: "How far a record's timestamp may lie before its arrival.",
  }),
  'log.message.timestamp.after.max.ms': long({
    default: LONG_MAX,
    min: 0,
    dynamic: true,
    doc: "How far a record's timestamp may lie after its arrival. Without bound here, because a device with a wrong clock must not lose its logs (Kafka: 1 hour).",
  }),
  'log.segment.delete.delay.ms': long({
    default: 60_000,
    min: 0,
    dynamic: true,
    doc: 'How long the files of a deleted segment stay on disk for those who still read them.',
  }),
  'log.budget.bytes': long({
    default: null,
    defaultName: '80 % of what is free at the first start',
    min: 0,
    doc: 'What all logs of a folder of log.dirs together may take: the oldest segments of all topics are evicted first. 0 is no budget. Never evicted: internal and compacted topics, and those whose own retention.ms and retention.bytes are both -1.',
  }),
  'log.scrub.interval.ms': long({
    default: 7 * DAY_MS,
    min: 0,
    doc: 'How often all bytes of all logs are read again and checked, so that what rots on a disk is known before somebody needs it; at no more than 5 % of a core. 0: never.',
  }),
  'log.cleaner.enable': boolean({
    default: true,
    doc: 'Whether topics with cleanup.policy=compact are compacted.',
  }),
  'log.cleaner.threads': int({ default: 1, min: 1, max: 64, doc: 'Logs that are compacted at the same time.' }),
  'log.cleaner.backoff.ms': long({
    default: 15_000,
    min: 1,
    doc: 'How often logs that need to be compacted are looked for.',
  }),
  'log.cleaner.dedupe.buffer.size': long({
    default: 128 * MiB,
    min: MiB,
    doc: 'Memory for the keys of what is compacted, of all threads together; only taken while there is something to do, and no more than its keys need. Keys that do not fit are left for the next time.',
  }),
  'log.cleaner.io.buffer.load.factor': double({
    default: 0.9,
    min: 0.1,
    max: 0.99,
    doc: 'How full the memory for keys may be.',
  }),
  'log.cleaner.io.max.bytes.per.second': double({
    default: 100 * MiB,
    min: 1024,
    doc: 'How much compaction reads and writes, of all threads together, so that producers do not feel it (Kafka: without bound).',
  }),
  'log.cleaner.min.cleanable.ratio': double({
    default: 0.5,
    min: 0,
    max: 1,
    dynamic: true,
    doc: 'A log is compacted when so much of what may be rewritten has not been looked at by a compaction yet.',
  }),
  'log.cleaner.min.compaction.lag.ms': long({
    default: 0,
    min: 0,
    dynamic: true,
    doc: 'For so long after its arrival no record is taken away by compaction.',
  }),
  'log.cleaner.max.compaction.lag.ms': long({
    default: LONG_MAX,
    min: 1,
    dynamic: true,
    doc: 'After so long a record is looked at by compaction, however little there is with it.',
  }),
  'log.cleaner.delete.retention.ms': long({
    default: DAY_MS,
    min: 0,
    dynamic: true,
    doc: 'How long tombstones can still be read after compaction first saw them.',
  }),
  'record.validation': choice({
    words: ['off', 'header', 'records'],
    default: 'header',
    dynamic: true,
    doc: 'What is checked of a batch. off: length, magic, CRC, codec, count and sequences, on which the log and its readers rest; header: the timestamps that its header names, too; records: every record, also of compressed batches. Compacted topics look at every record whatever this says.',
  }),
  'compression.type': choice({
    words: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'producer',
    dynamic: true,
    doc: 'What batches are stored as: producer, as they were sent; any other word has those that came otherwise compressed anew, in the side-job pool.',
  }),
  'compression.gzip.level': int({
    default: -1,
    min: -1,
    max: 9,
    dynamic: true,
    doc: "How hard batches are compressed where compression.type is gzip; -1 is gzip's own default, 6.",
  }),
  'compression.lz4.level': int({
    default: 9,
    min: 1,
    max: 17,
    dynamic: true,
    noEffect: true,
    doc: 'lz4 is written in one way, the fast one, which is what Kafka takes at 9.',
  }),
  'compression.zstd.level': int({
    default: 3,
    min: -131_072,
    max: 22,
    dynamic: true,
    doc: 'How hard batches are compressed where compression.type is zstd.',
  }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    dynamic: true,
    noEffect: true,
    doc: 'Counts as 1: this node is the only replica there is.',
  }),
  'unclean.leader.election.enable': boolean({
    default: false,
    dynamic: true,
    noEffect: true,
    doc: 'There is nobody else to elect.',
  }),

  // ---- Producers
  'producer.id.expiration.ms': int({
    default: DAY_MS,
    min: 1,
    doc: 'How long an idle producer is remembered for telling its duplicates.',
  }),

  // ---- Groups
  'offsets.topic.num.partitions': int({
    default: 50,
    min: 1,
    doc: 'Partitions of __consumer_offsets, when it is made.',
  }),
  'offsets.topic.segment.bytes': int({ default: 100 * MiB, min: MiB, doc: 'Segment size of __consumer_offsets.' }),
  'offsets.topic.replication.factor': int({
    default: 1,
    min: 1,
    noEffect: true,
    doc: 'Counts as 1: this node is the only replica there is.',
  }),
  'offsets.retention.minutes': int({
    default: 10_080,
    min: 1,
    doc: 'How long committed offsets outlive the last member of their group.',
  }),
  'offsets.retention.check.interval.ms': long({
    default: 600_000,
    min: 1,
    doc: 'How often expired offsets are looked for.',
  }),
  'offset.metadata.max.bytes': int({ default: 4096, min: 0, doc: 'Largest note that may go with a committed offset.' }),
  'offsets.commit.timeout.ms': int({
    default: 5000,
    min: 1,
    noEffect: true,
    doc: 'A commit waits for the disk, however long.',
  }),
  'group.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    doc: 'How long an empty group waits for more members before its first rebalance.',
  }),
  'group.min.session.timeout.ms': int({ default: 6000, min: 1, doc: 'Shortest session timeout a member may ask for.' }),
  'group.max.session.timeout.ms': int({
    default: 1_800_000,
    min: 1,
    doc: 'Longest session timeout a member may ask for.',
  }),
  'group.max.size': int({ default: INT_MAX, min: 1, doc: 'Members that a group may have.' }),
  'group.leave.on.disconnect': boolean({
    default: false,
    doc: 'Whether a member leaves its group at once when its connection closes, instead of when its session times out. Static members keep their place in any case.',
  }),
  'group.consumer.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'How long a member of a consumer group (KIP-848) may be silent before it counts as gone.',
  }),
  'group.consumer.min.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'Smallest value of group.consumer.session.timeout.ms.',
  }),
  'group.consumer.max.session.timeout.ms': int({
    default: 60_000,
    min: 1,
    doc: 'Largest value of group.consumer.session.timeout.ms.',
  }),
  'group.consumer.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'How often members of consumer groups are told to heartbeat.',
  }),
  'group.consumer.min.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'Smallest value of group.consumer.heartbeat.interval.ms.',
  }),
  'group.consumer.max.heartbeat.interval.ms': int({
    default: 15_000,
    min: 1,
    doc: 'Largest value of group.consumer.heartbeat.interval.ms.',
  }),
  'group.consumer.max.size': int({ default: INT_MAX, min: 1, doc: 'Members that a consumer group may have.' }),
  'group.consumer.assignors': list({
    default: ['uniform', 'range'],
    words: ['uniform', 'range'],
    doc: 'What assigns partitions in consumer groups; the first where no member asks for another.',
  }),
  'group.consumer.migration.policy': choice({
    default: 'bidirectional',
    words: ['bidirectional', 'upgrade', 'downgrade', 'disabled'],
    doc: 'Which way groups with members may go between the classic protocol and that of consumer groups; empty ones go either way.',
  }),
  ...shareSettings,

  // ---- Network
  'socket.request.max.bytes': int({ default: 100 * MiB, min: 1024, doc: 'Largest request.' }),
  'socket.send.buffer.bytes': int({
    default: 100 * KiB,
    min: -1,
    doc: "Size of a connection's send buffer, twice that for replies above 4 MiB; -1 leaves it to the operating system.",
  }),
  'socket.receive.buffer.bytes': int({
    default: 100 * KiB,
    min: -1,
    noEffect: true,
    doc: 'The receive buffer is left to the operating system.',
  }),
  'socket.listen.backlog.size': int({ default: 50, min: 1, doc: 'Connections that may wait to be accepted.' }),
  'connections.max.idle.ms': long({
    default: 600_000,
    min: -1,
    doc: 'Idle connections are closed after this; -1 never.',
  }),
  'max.connections': int({ default: INT_MAX, min: 0, doc: 'Connections at one time.' }),
  'max.connections.per.ip': int({ default: INT_MAX, min: 0, doc: 'Connections at one time from one address.' }),
  'fetch.max.bytes': int({ default: 55 * MiB, min: 1024, doc: 'Largest answer to one fetch.' }),
  'max.incremental.fetch.session.cache.slots': int({
    default: 1000,
    min: 0,
    doc: 'Fetch sessions that are remembered.',
  }),
} as const satisfies Record<string, Setting>;

export type BrokerSettingName = keyof typeof brokerSettings;
export type BrokerSettingValue<Name extends BrokerSettingName> =
  (typeof brokerSettings)[Name] extends Setting<infer Value> ? Value : never;

export const brokerSettingNames = Object.keys(brokerSettings) as BrokerSettingName[];

export function isBrokerSetting(name: string): name is BrokerSettingName {
  return Object.hasOwn(brokerSettings, name);
}
