/** Every metric, one row: its name, kind, unit, labels and meaning. Registry, README and checks come from here. Any thread. */

export type InstrumentKind = 'counter' | 'gauge' | 'histogram';

export interface Instrument {
  readonly kind: InstrumentKind;
  /** What one of it is; for people. Names end in it where Prometheus asks for that. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly doc: string;
  /** Of a histogram: upper bounds of its buckets, rising; one more without a bound follows. */
  readonly bounds: readonly number[];
}

interface Row<Label extends string> {
  unit: string;
  labels?: readonly Label[];
  doc: string;
}

function row<const Kind extends InstrumentKind, Label extends string>(
  kind: Kind,
  { unit, labels = [], doc }: Row<Label>,
  bounds: readonly number[] = [],
): { kind: Kind; unit: string; labels: readonly Label[]; doc: string; bounds: readonly number[] } {
  return { kind, unit, labels, doc, bounds };
}

/** Only grows, and begins at 0 with the process. */
const counter = <const Label extends string = never>(fields: Row<Label>) => row('counter', fields);
const gauge = <const Label extends string = never>(fields: Row<Label>) => row('gauge', fields);

/** From a page cache that takes it at once to a disk that is dying. */
const FLUSH_BOUNDS_SECONDS = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** Names beginning with kafka_ are those that existing dashboards of Kafka's JMX exporter and of kafka_exporter ask for. */
export const instruments = {
  // ---- The process
  millrace_build_info: gauge({
    unit: 'always 1',
    labels: ['version', 'node'],
    doc: 'Which release runs, on which Node.js.',
  }),
  millrace_event_loop_active_seconds_total: counter({
    unit: 'seconds',
    doc: 'Time that the main thread was busy; its rate is the share of a core.',
  }),
  process_start_time_seconds: gauge({ unit: 'seconds', doc: 'When the process started, since 1970.' }),
  process_cpu_seconds_total: counter({ unit: 'seconds', doc: 'Processor time of all threads, user and system.' }),
  process_resident_memory_bytes: gauge({ unit: 'bytes', doc: 'Memory of the process, rings included.' }),

  // ---- Requests and connections
  millrace_connections: gauge({ unit: 'connections', doc: 'Open connections.' }),
  kafka_network_requestmetrics_requests_total: counter({
    unit: 'requests',
    labels: ['request'],
    doc: 'Requests that came, by API.',
  }),

  // ---- Shards and flushes
  millrace_fsync_seconds: histogram({
    unit: 'seconds',
    labels: ['shard'],
    doc: 'How long the disk took for one group commit.',
    bounds: FLUSH_BOUNDS_SECONDS,
  }),
  millrace_shard_stalls_total: counter({
    unit: 'stalls',
    labels: ['shard', 'trouble'],
    doc: 'Times that a shard stood still for a second: for its disk (slow disk), or for whoever holds its thread (frozen shard).',
  }),
  millrace_shard_deaths_total: counter({
    unit: 'deaths',
    labels: ['shard'],
    doc: 'Shards that ended by a defect and were started anew.',
  }),
  millrace_storage_errors_total: counter({
    unit: 'errors',
    labels: ['topic', 'trouble'],
    doc: 'Times that a disk closed a log, or refused a write for want of room, by what was wrong: see "When a disk fails".',
  }),

  kafka_log_logmanager_offlinelogdirectorycount: gauge({
    unit: 'folders',
    doc: 'Folders of log.dirs that are missing or refuse writes.',
  }),

  // ---- Topics and their logs
  kafka_server_replicamanager_partitioncount: gauge({ unit: 'partitions', doc: 'Partitions of all topics.' }),
  kafka_server_replicamanager_leadercount: gauge({ unit: 'partitions', doc: 'Partitions that can be used now.' }),
  kafka_controller_kafkacontroller_offlinepartitionscount: gauge({
    unit: 'partitions',
    doc: 'Partitions that cannot be used now: their logs failed or are being recovered.',
  }),
  kafka_controller_kafkacontroller_activecontrollercount: gauge({ unit: 'controllers', doc: 'Always 1.' }),
  kafka_server_brokertopicmetrics_bytesin_total: counter({
    unit: 'bytes',
    labels: ['topic'],
    doc: 'Bytes of batches that producers sent, stored or not.',
  }),
  kafka_server_brokertopicmetrics_bytesout_total: counter({
    unit: 'bytes',
    labels: ['topic'],
    doc: 'Bytes of batches that readers were answered with.',
  }),
  kafka_server_brokertopicmetrics_messagesin_total: counter({
    unit: 'records',
    labels: ['topic'],
    doc: 'Records stored.',
  }),
  millrace_segments_deleted_total: counter({
    unit: 'segments',
    labels: ['topic', 'reason'],
    doc: 'Segments that were deleted, by what had them deleted: retention.ms, retention.bytes, DeleteRecords, disk budget.',
  }),
  millrace_deleted_bytes_total: counter({
    unit: 'bytes',
    labels: ['topic', 'reason'],
    doc: 'Bytes of batches in those segments.',
  }),
  millrace_budget_bytes: gauge({ unit: 'bytes', doc: 'What all logs together may take: log.budget.bytes.' }),
  millrace_budget_used_bytes: gauge({ unit: 'bytes', doc: 'What they take.' }),
  millrace_disk_free_bytes: gauge({ unit: 'bytes', doc: 'What the disk has left, whoever fills it.' }),
  millrace_disk_state: gauge({
    unit: 'state',
    doc: '0 ok; 1 low: less room than the budget needs, and nothing is left to evict; 2 full: what clients produce is refused.',
  }),
  millrace_topic_oldest_age_seconds: gauge({
    unit: 'seconds',
    labels: ['topic'],
    doc: 'How long ago the oldest record that is kept arrived.',
  }),
  millrace_topic_bound_bytes: gauge({
    unit: 'bytes',
    labels: ['topic', 'reason'],
    doc: 'What all partitions of a topic together may take: by retention.bytes, or with all others by the disk budget.',
  }),
  millrace_topic_next_deletion_seconds: gauge({
    unit: 'seconds',
    labels: ['topic', 'reason'],
    doc: 'In about how long the oldest segment of a topic goes, and by which rule.',
  }),
  millrace_group_missed_records: gauge({
    unit: 'records',
    labels: ['group', 'topic'],
    doc: 'Offsets between what a group has committed and the log start: deleted before the group had read them.',
  }),
  millrace_compactions_total: counter({
    unit: 'compactions',
    labels: ['topic'],
    doc: 'Times that a log of the topic was compacted.',
  }),
  millrace_compaction_removed_bytes_total: counter({
    unit: 'bytes',
    labels: ['topic'],
    doc: 'Bytes that compaction took away.',
  }),
  millrace_compaction_failures_total: counter({
    unit: 'failures',
    labels: ['topic'],
    doc: 'Times that a log could not be compacted; it stays as it is and is tried again.',
  }),
  millrace_scrubbed_bytes_total: counter({
    unit: 'bytes',
    doc: 'Bytes of logs that were read again and checked: log.scrub.interval.ms.',
  }),
  millrace_scrubbed_timestamp_seconds: gauge({
    unit: 'seconds',
    doc: 'Unix time at which the log that has waited longest had all its segments checked; 0 where one never had.',
  }),
  millrace_damaged_ranges_found_total: counter({
    unit: 'ranges',
    labels: ['topic'],
    doc: 'Damaged parts of logs that checking has brought to light, a line in the log each.',
  }),
  millrace_scrub_failures_total: counter({
    unit: 'failures',
    labels: ['topic'],
    doc: 'Segments that the disk would not let be read to be checked.',
  }),
  kafka_brokers: gauge({ unit: 'brokers', doc: 'Always 1.' }),
  kafka_topic_partitions: gauge({ unit: 'partitions', labels: ['topic'], doc: 'Partitions of a topic.' }),
  kafka_topic_partition_current_offset: gauge({
    unit: 'offset',
    labels: ['topic', 'partition'],
    doc: 'The high watermark: the first offset that consumers may not read yet.',
  }),
  kafka_topic_partition_oldest_offset: gauge({
    unit: 'offset',
    labels: ['topic', 'partition'],
    doc: 'The first offset that is kept.',
  }),
  kafka_log_log_size: gauge({ unit: 'bytes', labels: ['topic', 'partition'], doc: 'Bytes of batches on disk.' }),
  kafka_log_log_numlogsegments: gauge({ unit: 'segments', labels: ['topic', 'partition'], doc: 'Segments on disk.' }),
  kafka_log_log_logstartoffset: gauge({
    unit: 'offset',
    labels: ['topic', 'partition'],
    doc: 'The first offset that is kept.',
  }),
  kafka_log_log_logendoffset: gauge({
    unit: 'offset',
    labels: ['topic', 'partition'],
    doc: 'The next offset to be written.',
  }),
} as const satisfies Record<string, Instrument>;

type Table = typeof instruments;
export type InstrumentName = keyof Table;
type NamesOf<Kind extends InstrumentKind> = {
  [Name in InstrumentName]: Table[Name]['kind'] extends Kind ? Name : never;
}[InstrumentName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;
/** A value for each label of the instrument. */
export type LabelsOf<Name extends InstrumentName> = Readonly<Record<Table[Name]['labels'][number], string>>;

export const instrumentNames = Object.keys(instruments) as InstrumentName[];

/** Values fall into buckets; quantiles are estimated from them. */
function histogram<const Label extends string = never>({
  bounds,
  ...fields
}: Row<Label> & { bounds: readonly number[] }) {
  return row('histogram', fields, bounds);
}
