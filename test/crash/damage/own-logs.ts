/** The broker's own logs in a damaged data folder, written and replayed by the broker's own code for them. Test process. */
import assert from 'node:assert/strict';
import { KafkaError } from '../../../src/base/kafka-error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { decodeGroupRecord, encodeGroupRecord } from '../../../src/coordinator/group/group-record.js';
import type { PartitionLog } from '../../../src/log/partition-log.js';
import { Catalogue } from '../../../src/metadata/catalogue.js';
import { type CatalogueRecord, encodeCatalogueRecord, topicKey } from '../../../src/metadata/catalogue-record.js';
import type { InternalLog, InternalRecord, VisitRecord } from '../../../src/partition/internal-log.js';
import { PartitionInternalLog } from '../../../src/partition/partition-internal-log.js';
import type { PartitionHandle } from '../../../src/partition/partitions.js';
import { decodeRecords } from '../../../src/record/record.js';
import { FakeClock } from '../../base/fake-clock.js';
import type { Random } from '../../history/good-history.js';
import type { FakeFileSystem } from '../../log/fake-file-system.js';
import { bytesOf, checked } from '../../log/testbed.js';

const TOPICS = 12;
const GROUPS = 12;

/** One of the broker's own logs. */
export interface OwnLog {
  readonly onDamage: 'refuse' | 'stepOver';
  /** A change as the broker writes one; `offset` is its place. */
  change(random: Random, offset: number): InternalRecord;
  /** What the broker knows once it has read the log. */
  read(log: InternalLog): Promise<unknown>;
}

export const CATALOGUE: OwnLog = {
  onDamage: 'refuse',
  change(random, offset) {
    const number = random(TOPICS);
    const id = `topic${number}`.padEnd(22, '-');
    if (random(6) === 0) return encodeCatalogueRecord(topicKey(id), null);
    const configs = { 'retention.ms': `${offset}` };
    const topic = { name: `t${number}`, id, partitions: 1 + random(9), internal: false, configs, deleting: false };
    return encodeCatalogueRecord(topicKey(id), { type: 'topic', version: 1, ...topic });
  },
  async read(log) {
    const catalogue = new Catalogue({ log, clock: new FakeClock(), logger: silentLogger, apply: async () => {} });
    await catalogue.replay();
    return Array.from(catalogue.records(), (record: CatalogueRecord) => record);
  },
};

export const OFFSETS: OwnLog = {
  onDamage: 'stepOver',
  change(random, offset) {
    const key = { type: 'offset', group: `g${random(GROUPS)}`, topic: 't', partition: 0 } as const;
    if (random(6) === 0) return encodeGroupRecord({ ...key, value: null });
    const times = { commitTimestampMs: 1_600_000_000_000 + offset, expireTimestampMs: -1 };
    const value = { offset, leaderEpoch: -1, metadata: 'm'.repeat(random(99)), ...times, topicId: 'A'.repeat(22) };
    return encodeGroupRecord({ ...key, value });
  },
  async read(log) {
    const offsets = new Map<string, unknown>();
    await log.replay((raw) => {
      const record = decodeGroupRecord(raw);
      assert.ok(record?.type === 'offset', 'a commit');
      if (record.value === null) offsets.delete(record.group);
      else offsets.set(record.group, record.value);
    });
    return [...offsets];
  },
};

/** What the broker knows once it has read `log`; a sentence where it must not start. */
export async function readByBroker(files: FakeFileSystem, own: OwnLog, log: PartitionLog): Promise<unknown> {
  const handle = { topic: 'own', index: 0, state: 'online' } as PartitionHandle;
  const internal = new PartitionInternalLog({
    ...{ handle, clock: new FakeClock(), logger: silentLogger, onDamage: own.onDamage },
    segmentFiles: { read: ({ slices }) => bytesOf(files, slices) },
    partitions: {
      append: () => assert.fail('a start reads'),
      opened: async () => {},
      watermarks: () => ({ ...log, logStartOffset: log.logStartOffset, highWatermark: log.logEndOffset }) as never,
      read(_handle, offset, maxBytes) {
        const { error, slices } = log.locate(offset, maxBytes, log.logEndOffset, true) ?? { error: 'NONE', slices: [] };
        const byteLength = slices.reduce((sum, { length }) => sum + length, 0);
        return { error, records: byteLength === 0 ? null : { byteLength, slices } };
      },
      examine: async (_handle, offset) => checked(files, log, offset),
    },
  });
  try {
    return await own.read(internal);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    assert.match(error.message, /^own-0 is damaged: its offsets \d+ to \d+ cannot be read/);
    return error.message;
  }
}

/** What it would know if `batches` were all there ever was. */
export function knownFrom(own: OwnLog, batches: readonly Buffer[]): Promise<unknown> {
  return own.read({
    append: () => assert.fail('nobody writes'),
    async replay(visit: VisitRecord) {
      for (const batch of batches) for (const record of decodeRecords(batch)) visit(record, record.offset, null);
    },
  });
}
