/** The log against a list in memory, under random appends, rolls, flushes, crashes and clean restarts on a disk that forgets. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LogConfig } from '../../src/config/log-config.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { fc } from '../property.js';
import { FakeFileSystem } from './fake-file-system.js';
import { append, batchOf, flush, openLog, readAll, stage } from './testbed.js';

interface ModelRecord {
  readonly value: string;
  readonly timestampMs: number;
}

interface Sent {
  readonly sequence: number;
  readonly count: number;
  readonly baseOffset: number;
}

/** What the log must hold: `records[offset]`; everything below `flushedEnd` survives a crash. */
class Model {
  records: ModelRecord[] = [];
  flushedEnd = 0;
  logStart = 0;
  sent: Sent[] = [];
}

interface World {
  files: FakeFileSystem;
  log: PartitionLog;
  serial: number;
  readonly config: Partial<LogConfig>;
}

const base = { segmentBytesMax: 6000, indexIntervalBytes: 1024 };
const PRODUCER_ID = 9;

type Step = fc.Command<Model, World>;

function check(model: Model, { files, log }: World): void {
  assert.equal(log.logEndOffset, model.records.length);
  assert.equal(log.logStartOffset, model.logStart);
  const { records, refused } = readAll(files, log, 2500);
  assert.deepEqual(refused, []);
  assert.deepEqual(
    records.map((record) => `${record.offset} ${record.value} ${record.timestampMs}`),
    model.records
      .slice(model.logStart)
      .map((record, i) => `${model.logStart + i} ${record.value} ${record.timestampMs}`),
  );
}

/** A snapshot holds a producer's last batch; the ones before it are read from the log, where they are still there. */
function forgetDeletedBatches(model: Model): void {
  model.sent = model.sent.filter(({ baseOffset }, at) => baseOffset >= model.logStart || at === model.sent.length - 1);
}

function nextSequence(model: Model): number {
  const last = model.sent.at(-1);
  return last === undefined ? 0 : last.sequence + last.count;
}

class Append implements Step {
  constructor(
    readonly batches: readonly {
      readonly sizes: readonly number[];
      readonly timestampMs: number;
      readonly idempotent: boolean;
    }[],
  ) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    for (const { sizes, timestampMs, idempotent } of this.batches) {
      const values = sizes.map((size) => `${world.serial++}:${'x'.repeat(size)}`);
      const sequence = nextSequence(model);
      const spec = { values, timestampMs, ...(idempotent ? { producerId: PRODUCER_ID, baseSequence: sequence } : {}) };
      const outcome = stage(world.log, batchOf(spec));
      assert.equal(outcome.error, 'NONE');
      assert.equal(outcome.duplicate, false);
      assert.equal(outcome.baseOffset, model.records.length);
      if (idempotent) model.sent.push({ sequence, count: values.length, baseOffset: outcome.baseOffset });
      for (const value of values) model.records.push({ value, timestampMs });
    }
    world.log.write();
  }
  toString = (): string => `append(${this.batches.length})`;
}

class Repeat implements Step {
  constructor(readonly back: number) {}
  check = (model: Model): boolean => model.sent.length > this.back;
  run(model: Model, { log }: World): void {
    const original = model.sent[model.sent.length - 1 - this.back];
    const outcome = append(log, {
      values: Array.from({ length: original.count }, () => 'again'),
      producerId: PRODUCER_ID,
      baseSequence: original.sequence,
    });
    assert.deepEqual([outcome.error, outcome.duplicate, outcome.baseOffset], ['NONE', true, original.baseOffset]);
  }
  toString = (): string => `repeat(${this.back})`;
}

class Roll implements Step {
  check = (): boolean => true;
  run = (_model: Model, { log }: World): void => log.roll();
  toString = (): string => 'roll';
}

class Flush implements Step {
  check = (): boolean => true;
  run(model: Model, { files, log }: World): void {
    flush(files, log);
    model.flushedEnd = model.records.length;
    assert.equal(log.flushedEndOffset, model.flushedEnd);
  }
  toString = (): string => 'flush';
}

class Read implements Step {
  check = (): boolean => true;
  run = (model: Model, world: World): void => check(model, world);
  toString = (): string => 'read';
}

class LookUp implements Step {
  constructor(
    readonly timestampMs: number,
    readonly upToShare: number,
  ) {}
  check = (): boolean => true;
  run(model: Model, { log }: World): void {
    const upTo = Math.floor(this.upToShare * model.records.length);
    const visible = model.records
      .slice(0, upTo)
      .map((record, offset) => ({ ...record, offset }))
      .slice(model.logStart);
    const first = visible.find((record) => record.timestampMs >= this.timestampMs);
    assert.equal(log.offsetAtTime(this.timestampMs, upTo)?.offset ?? -1, first?.offset ?? -1);
    const largest = visible.reduce((max, record) => Math.max(max, record.timestampMs), -1);
    const expected = visible.find((record) => record.timestampMs === largest);
    assert.equal(log.maxTimestamp(upTo)?.timestampMs ?? -1, expected?.timestampMs ?? -1);
    assert.equal(log.maxTimestamp(upTo)?.offset ?? -1, expected?.offset ?? -1);
  }
  toString = (): string => `lookUp(${this.timestampMs}, ${this.upToShare})`;
}

class DeleteRecords implements Step {
  constructor(readonly share: number) {}
  check = (model: Model): boolean => model.flushedEnd > model.logStart;
  run(model: Model, { files, log }: World): void {
    const offset = model.logStart + Math.floor(this.share * (model.flushedEnd - model.logStart));
    for (const path of log.deleteRecordsBefore(offset).paths) files.unlink(path);
    model.logStart = offset;
  }
  toString = (): string => `deleteRecords(${this.share})`;
}

class Restart implements Step {
  check = (): boolean => true;
  run(model: Model, world: World): void {
    world.log.close();
    world.files.crash(() => 0);
    model.flushedEnd = model.records.length;
    forgetDeletedBatches(model);
    world.log = openLog(world.files, { config: world.config, clean: true, logStartOffset: model.logStart });
    assert.equal(world.log.flushedEndOffset, model.flushedEnd);
    check(model, world);
  }
  toString = (): string => 'restart';
}

class Crash implements Step {
  constructor(
    readonly chances: readonly number[],
    readonly knowsRecoveryPoint: boolean,
  ) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    let draw = 0;
    world.files.crash((below) => (this.chances[draw++ % this.chances.length] ?? 0) % below);
    const recoveryPoint = this.knowsRecoveryPoint ? model.flushedEnd : 0;
    world.log = openLog(world.files, { config: world.config, recoveryPoint, logStartOffset: model.logStart });
    const end = world.log.logEndOffset;
    assert.ok(end >= model.flushedEnd, `${end} is below what was flushed, ${model.flushedEnd}`);
    assert.ok(end <= model.records.length);
    model.records.length = end;
    model.flushedEnd = end;
    model.sent = model.sent.filter((sent) => sent.baseOffset < end);
    forgetDeletedBatches(model);
    check(model, world);
  }
  toString = (): string => `crash(${this.chances.join()}, ${this.knowsRecoveryPoint})`;
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const batch = fc.record({
  sizes: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 4 }),
  timestampMs: fc.integer({ min: 1000, max: 2000 }),
  idempotent: fc.boolean(),
});
const steps = [
  fc.array(batch, { minLength: 1, maxLength: 6 }).map((batches) => new Append(batches)),
  fc.array(batch, { minLength: 1, maxLength: 6 }).map((batches) => new Append(batches)),
  fc.integer({ min: 0, max: 4 }).map((back) => new Repeat(back)),
  fc.constant(new Roll()),
  fc.constant(new Flush()),
  fc.constant(new Read()),
  fc.tuple(fc.integer({ min: 900, max: 2100 }), share).map(([timestampMs, upTo]) => new LookUp(timestampMs, upTo)),
  share.map((value) => new DeleteRecords(value)),
  fc.constant(new Restart()),
  fc
    .tuple(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), fc.boolean())
    .map(([chances, knows]) => new Crash(chances, knows)),
];

for (const mode of ['ack', 'interval', 'never'] as const) {
  it(`a log with flush=${mode} does what a list would do, and keeps what was flushed`, () => {
    const config = { ...base, flush: mode };
    fc.assert(
      fc.property(fc.commands(steps, { maxCommands: 40, size: 'max' }), (commands) => {
        const files = new FakeFileSystem();
        const log = openLog(files, { config });
        fc.modelRun(() => ({ model: new Model(), real: { files, log, serial: 0, config } }), commands);
      }),
      { numRuns: Number(process.env.MODEL_RUNS ?? 150) },
    );
  });
}
