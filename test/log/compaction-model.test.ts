/** A compacted log against a list in memory, under random appends, rolls, compactions, clock jumps, crashes and restarts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CompactionMemory } from '../../src/base/compaction-plan.js';
import type { LogConfig } from '../../src/config/log-config.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import type { Compression } from '../../src/record/compression.js';
import { encodeBatch, type LogRecord } from '../../src/record/record.js';
import { fc } from '../property.js';
import { FakeFileSystem } from './fake-file-system.js';
import { AMPLE_MEMORY, compact, flush, openLog, readAll, stage } from './testbed.js';

const DELETE_RETENTION_MS = 5000;

interface ModelRecord {
  readonly key: string;
  /** null: a tombstone. */
  readonly value: string | null;
  readonly timestampMs: number;
  readonly appendedMs: number;
}

interface Sent {
  readonly producerId: number;
  readonly sequence: number;
  readonly count: number;
  readonly baseOffset: number;
  /** Not the producer's last when the log was opened, so that only the batches themselves know it; compaction may take those. */
  inLogOnly: boolean;
  forgotten: boolean;
}

/** Everything that was ever appended, by offset, and what of it survives a crash. */
class Model {
  records: ModelRecord[] = [];
  flushedEnd = 0;
  logStart = 0;
  nowMs = 1_700_000_000_000;
  sent: Sent[] = [];
}

interface World {
  files: FakeFileSystem;
  log: PartitionLog;
  serial: number;
  readonly config: Partial<LogConfig>;
}

type Step = fc.Command<Model, World>;

/** The log was opened anew: of each producer a snapshot knows the last batch. */
function reopened({ sent }: Model): void {
  for (const one of sent) one.inLogOnly = sent.findLast(({ producerId }) => producerId === one.producerId) !== one;
}

function lastOffsets(records: readonly ModelRecord[]): Map<string, number> {
  return new Map(records.map(({ key }, offset) => [key, offset]));
}

/** What every reader is promised, whenever he reads. */
function check(model: Model, { files, log }: World): void {
  assert.equal(log.logEndOffset, model.records.length);
  assert.equal(log.logStartOffset, model.logStart);
  const { records, refused } = readAll(files, log, 700);
  assert.deepEqual(refused, []);
  let before = -1;
  for (const { offset, key, value, timestampMs } of records as readonly LogRecord[]) {
    assert.ok(offset > before, `offset ${offset} behind ${before}`);
    before = offset;
    const original = model.records[offset];
    assert.deepEqual(
      [String(key), value === null ? null : String(value), timestampMs],
      [original.key, original.value, original.timestampMs],
      `offset ${offset}`,
    );
  }
  const seen = new Map(records.map(({ offset, key }) => [String(key), offset]));
  for (const [key, offset] of lastOffsets(model.records)) {
    if (offset < model.logStart) continue;
    const { value, appendedMs } = model.records[offset];
    const mayBeGone = value === null && model.nowMs >= appendedMs + DELETE_RETENTION_MS;
    // A tombstone that went has taken with it all that it replaced.
    if (!mayBeGone || seen.has(key)) assert.equal(seen.get(key), offset, `the last of key ${key}`);
  }
}

const KEYS = ['a', 'b', 'c', 'd', 'e'];

class Append implements Step {
  constructor(
    readonly words: readonly { readonly key: number; readonly size: number | null; readonly agoMs: number }[],
    readonly compression: Compression,
    readonly producerId: number,
  ) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    const records = this.words.map(({ key, size, agoMs }) => ({
      key: KEYS[key],
      value: size === null ? null : `${world.serial++}:${'x'.repeat(size)}`,
      timestampMs: 1_000_000 - agoMs,
      appendedMs: model.nowMs,
    }));
    const sequence = this.nextSequence(model);
    const batch = encodeBatch({
      records: records.map(({ key, value, timestampMs }) => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestampMs,
      })),
      compression: this.compression,
      ...(this.producerId < 0 ? {} : { producerId: this.producerId, producerEpoch: 0, baseSequence: sequence }),
    });
    world.files.nowMs = model.nowMs;
    const outcome = stage(world.log, batch, model.nowMs);
    world.log.write();
    assert.deepEqual([outcome.error, outcome.baseOffset], ['NONE', model.records.length]);
    if (this.producerId >= 0) {
      const { producerId } = this;
      model.sent.push({
        producerId,
        sequence,
        count: records.length,
        baseOffset: outcome.baseOffset,
        inLogOnly: false,
        forgotten: false,
      });
    }
    model.records.push(...records);
  }
  private nextSequence({ sent }: Model): number {
    const last = sent.findLast(({ producerId }) => producerId === this.producerId);
    return last === undefined ? 0 : last.sequence + last.count;
  }
  toString = (): string => `append(${this.words.length}, ${this.compression}, ${this.producerId})`;
}

class Repeat implements Step {
  constructor(
    readonly producerId: number,
    readonly back: number,
  ) {}
  check = (model: Model): boolean => this.originalIn(model)?.forgotten === false;
  private originalIn = ({ sent }: Model): Sent | undefined =>
    sent.filter(({ producerId }) => producerId === this.producerId).at(-1 - this.back);
  run(model: Model, { log }: World): void {
    const original = this.originalIn(model) as Sent;
    const again = encodeBatch({
      records: Array.from({ length: original.count }, () => ({ key: Buffer.from('a'), value: null, timestampMs: 1 })),
      producerId: this.producerId,
      producerEpoch: 0,
      baseSequence: original.sequence,
    });
    const { error, duplicate, baseOffset } = stage(log, again);
    assert.deepEqual([error, duplicate, baseOffset], ['NONE', true, original.baseOffset]);
  }
  toString = (): string => `repeat(${this.producerId}, ${this.back})`;
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
  }
  toString = (): string => 'flush';
}

class Read implements Step {
  check = (): boolean => true;
  run = (model: Model, world: World): void => check(model, world);
  toString = (): string => 'read';
}

class Wait implements Step {
  constructor(readonly ms: number) {}
  check = (): boolean => true;
  run(model: Model): void {
    model.nowMs += this.ms;
  }
  toString = (): string => `wait(${this.ms})`;
}

class Compact implements Step {
  constructor(readonly memory: CompactionMemory) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    const { files, log } = world;
    const before = log.compaction.firstDirtyOffset;
    const outcome = compact(files, log, model.nowMs, this.memory, () => check(model, world));
    check(model, world);
    if (outcome === null) return;
    for (const one of model.sent) one.forgotten ||= one.inLogOnly;
    assert.ok(log.compaction.firstDirtyOffset > before, 'every round comes further');
    // Below the mark each key stands once.
    const clean = readAll(files, log).records.filter(({ offset }) => offset < log.compaction.firstDirtyOffset);
    assert.equal(new Set(clean.map(({ key }) => String(key))).size, clean.length);
  }
  toString = (): string => `compact(${this.memory.bytesMax})`;
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

/** What a start may find: everything as it was left, or all that can be rebuilt gone. */
function forget(files: FakeFileSystem): void {
  for (const path of files.paths())
    if (/\.(snapshot|index|timeindex)$|epoch-checkpoint$/.test(path)) files.unlink(path);
}

class Restart implements Step {
  constructor(readonly forgets: boolean) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    const { firstDirtyOffset } = world.log.compaction;
    world.log.close();
    world.files.crash(() => 0);
    if (this.forgets) forget(world.files);
    model.flushedEnd = model.records.length;
    world.log = openLog(world.files, {
      config: world.config,
      clean: true,
      logStartOffset: model.logStart,
      firstDirtyOffset,
    });
    reopened(model);
    check(model, world);
  }
  toString = (): string => `restart(${this.forgets})`;
}

class Crash implements Step {
  constructor(
    readonly chances: readonly number[],
    readonly remembersDirty: boolean,
    readonly forgets: boolean,
  ) {}
  check = (): boolean => true;
  run(model: Model, world: World): void {
    const firstDirtyOffset = this.remembersDirty ? world.log.compaction.firstDirtyOffset : 0;
    let draw = 0;
    // With flush=never nothing is promised where the power goes, and all where the process dies.
    if (world.config.flush === 'never') world.files.kill();
    else world.files.crash((below) => (this.chances[draw++ % this.chances.length] ?? 0) % below);
    if (this.forgets) forget(world.files);
    const recoveryPoint = model.flushedEnd;
    const { config } = world;
    world.log = openLog(world.files, { config, recoveryPoint, logStartOffset: model.logStart, firstDirtyOffset });
    const end = world.log.logEndOffset;
    assert.ok(end >= model.flushedEnd && end <= model.records.length);
    model.records.length = end;
    model.flushedEnd = end;
    model.sent = model.sent.filter((sent) => sent.baseOffset < end);
    reopened(model);
    check(model, world);
  }
  toString = (): string => `crash(${this.chances.join()}, ${this.remembersDirty}, ${this.forgets})`;
}

const append = fc
  .tuple(
    fc.array(
      fc.record({
        key: fc.nat(KEYS.length - 1),
        size: fc.option(fc.nat(120), { freq: 3 }),
        agoMs: fc.nat(1000),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    fc.constantFrom<Compression>('none', 'none', 'gzip', 'lz4', 'snappy', 'zstd'),
    fc.constantFrom(-1, 3, 4),
  )
  .map(([words, compression, producerId]) => new Append(words, compression, producerId));
const tiny: CompactionMemory = { bytesMax: 20 * 11, loadFactor: 0.2 };
const compaction = fc.constantFrom(AMPLE_MEMORY, AMPLE_MEMORY, tiny).map((memory) => new Compact(memory));
const roll = fc.constant(new Roll());
const steps = [
  append,
  append,
  append,
  roll,
  roll,
  compaction,
  compaction,
  fc.constant(new Flush()),
  fc.constant(new Flush()),
  fc.tuple(fc.constantFrom(3, 4), fc.nat(4)).map(([producerId, back]) => new Repeat(producerId, back)),
  fc.constant(new Read()),
  fc.constantFrom(1000, DELETE_RETENTION_MS).map((ms) => new Wait(ms)),
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => new DeleteRecords(share)),
  fc.boolean().map((forgets) => new Restart(forgets)),
  fc
    .tuple(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), fc.boolean(), fc.boolean())
    .map(([chances, remembers, forgets]) => new Crash(chances, remembers, forgets)),
];

for (const flushMode of ['ack', 'interval', 'never'] as const) {
  it(`a compacted log with flush=${flushMode} keeps the last value of every key, and its offsets`, () => {
    const config: Partial<LogConfig> = {
      flush: flushMode,
      compacted: true,
      deleted: false,
      segmentBytesMax: 900,
      indexIntervalBytes: 150,
      deleteRetentionMs: DELETE_RETENTION_MS,
    };
    fc.assert(
      fc.property(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) => {
        const files = new FakeFileSystem();
        const log = openLog(files, { config });
        fc.modelRun(() => ({ model: new Model(), real: { files, log, serial: 0, config } }), commands);
      }),
      { numRuns: Number(process.env.MODEL_RUNS ?? 150) },
    );
  });
}
