/**
 * A node without sockets and threads: the engine's shards on a disk, a clock and dice of our own, and what the main
 * thread does with them: opens logs, hears notices, runs side jobs, saves checkpoints, starts after a crash. Test process.
 */
import assert from 'node:assert/strict';
import { NEVER_SCRUBBED } from '../../../src/base/segment-check.js';
import type { LogConfig } from '../../../src/config/log-config.js';
import { takeCleanShutdownMarker, writeCleanShutdownMarker } from '../../../src/log/checkpoint.js';
import { CLAIM_MARK_FILE } from '../../../src/log/data-directory.js';
import { type DirectoryProgress, readProgress, writeProgress } from '../../../src/log/directory-progress.js';
import { flushSealed } from '../../../src/log/sealed-flush.js';
import { BATCH_HEADER_BYTES } from '../../../src/record/batch-layout.js';
import { decodeRecords } from '../../../src/record/record.js';
import { baseOffsetOf, computeCrc, crcOf, lastOffsetOf, sizeOf } from '../../../src/record/record-batch.js';
import type { ShardNotice, ShardReply } from '../../../src/ring/completions.js';
import { FakeClock } from '../../base/fake-clock.js';
import type { Random } from '../../history/good-history.js';
import { PowerCut } from '../../log/fake-file-system.js';
import { PartitionModel, type SentBatch, type SimProducer } from './partition-model.js';
import { type SimDisk, ThreadDeath } from './sim-disk.js';
import { SimPartition } from './sim-partition.js';
import { SimShard } from './sim-shard.js';

const DATA = '/data';
/** More rounds than any start of so small a node may need. */
const ROUNDS_MAX = 3000;
/** More than the longest pause between two attempts to open a log. */
const PATIENCE_MS = 120_000;
const DELETED_FOLDER = /^.+\.[\w-]{22}-delete$/;

type Job =
  | { readonly kind: 'flush'; readonly partition: SimPartition; readonly segmentBase: number; readonly path: string }
  | { readonly kind: 'delete'; readonly paths: readonly string[]; readonly dueMs: number }
  | { readonly kind: 'checkpoint'; readonly done: ((saved: boolean) => void)[]; progress: DirectoryProgress[] | null };

export interface SimTopic {
  readonly name: string;
  incarnation: number;
  readonly count: number;
  config: LogConfig;
}

export class SimNode {
  readonly partitions: SimPartition[] = [];
  readonly clock = new FakeClock();
  life = 0;
  private shards: SimShard[] = [];
  private slots: number[] = [];
  private jobs: Job[] = [];
  /** Shards that were told what became of a segment, and have not answered. */
  private readonly flushesUnheard = new Set<number>();
  private epoch = 0;
  private serial = 0;

  constructor(
    readonly disk: SimDisk,
    readonly topics: readonly SimTopic[],
    private readonly shardCount: number,
    readonly note: (line: string) => void,
  ) {
    for (const topic of topics) {
      for (let index = 0; index < topic.count; index++) {
        const model = new PartitionModel(`${topic.name}-${index}`, topic.config);
        this.partitions.push(new SimPartition(-1, -1, specOf(topic, index), model));
      }
    }
  }

  // --- starting and ending

  /** Starts on what the disk holds. Throws what the disk throws where the end comes during the start. */
  boot(): void {
    this.life++;
    const { disk } = this;
    if (this.life === 1) disk.setContent(`${DATA}/${CLAIM_MARK_FILE}`, Buffer.alloc(0));
    const { recoveryPoints, logStartOffsets } = this.main(() => readProgress(disk, DATA));
    const marked = this.main(() => takeCleanShutdownMarker(disk, DATA));
    const clean = (marked && recoveryPoints !== null) || this.life === 1;
    if (!clean) this.epoch++;
    this.note(`start: life ${this.life}, ${clean ? 'after a clean stop' : 'after a crash'}`);
    this.jobs = [];
    this.flushesUnheard.clear();
    this.slots = Array.from({ length: this.shardCount }, () => 0);
    this.shards = Array.from({ length: this.shardCount }, (_, index) => {
      const hear = {
        notice: (notice: ShardNotice) => this.hear(index, notice),
        progress: (slot: number) => this.look(this.at(index, slot)),
      };
      return new SimShard(disk, this.clock, hear);
    });
    const garbage = disk.readdir(DATA).filter((name) => DELETED_FOLDER.test(name));
    if (garbage.length > 0)
      this.jobs.push({ kind: 'delete', paths: garbage.map((name) => `${DATA}/${name}`), dueMs: 0 });
    this.partitions.forEach((partition, at) => {
      const key = `${partition.spec.topic} ${partition.spec.index}`;
      const recoveryPoint = recoveryPoints?.get(key) ?? 0;
      const logStartOffset = logStartOffsets.get(key) ?? 0;
      this.seat(at, { ...partition.spec, clean, recoveryPoint, logStartOffset }, partition);
    });
    this.settle();
  }

  /** Gives the partition a row on its shard and opens it. */
  private seat(at: number, spec: SimPartition['spec'], before: SimPartition, model = before.model): SimPartition {
    const shard = at % this.shardCount;
    const partition = new SimPartition(shard, this.slots[shard]++, { ...spec, leaderEpoch: this.epoch }, model);
    partition.deleting = before.deleting;
    this.partitions[at] = partition;
    this.shards[shard].request(partition.slot, partition.spec, () => {});
    return partition;
  }

  /** Rounds until every partition is online. */
  settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let worked = false;
      for (let shard = 0; shard < this.shardCount; shard++) worked = this.turn(shard) || worked;
      this.finishDeletions();
      if (this.partitions.every((partition) => partition.state === 'online' && !partition.deleting)) return;
      if (!worked) {
        // A log that failed is tried again after a while, and deletions wait for jobs.
        this.clock.advance(PATIENCE_MS / 8);
        while (this.runJob(0));
      }
    }
    const stuck = this.partitions.filter(({ state, deleting }) => state !== 'online' || deleting);
    assert.fail(`not live: ${stuck.map(({ label, state }) => `${label} is ${state}`).join(', ')}`);
  }

  /** The process dies, or the power goes. */
  end(how: 'kill' | 'cut', random: Random): void {
    const { disk } = this;
    this.note(how === 'kill' ? 'the process dies' : 'the power goes');
    if (how === 'kill') disk.kill();
    else disk.crash(random, random(3) === 0 ? 'inOrder' : 'anyOrder');
    disk.heal();
    disk.arm();
    for (const { model } of this.partitions) {
      if (how === 'cut') model.powerLost = true;
      model.unanswered();
    }
  }

  /** An orderly stop, and the power after it for good measure. False where a fault made it a disorderly one. */
  stop(): boolean {
    const { disk } = this;
    this.note('orderly stop');
    // Nobody stops before the shards have heard what became of their segments.
    for (const shard of this.flushesUnheard) while (this.turn(shard) && this.flushesUnheard.has(shard));
    const replies: ShardReply[] = [];
    for (const shard of this.shards) shard.request(0, { kind: 'close' }, (reply) => replies.push(reply));
    for (let shard = 0; shard < this.shardCount; shard++) {
      for (let round = 0; round < ROUNDS_MAX && replies.length <= shard; round++) this.turn(shard);
    }
    const isClean = replies.length === this.shardCount && replies.every(({ error }) => error === 'NONE');
    const isExcused = disk.faultsFired > 0 || this.partitions.some(({ state }) => state !== 'online');
    assert.ok(isClean || isExcused, `not clean: ${replies.map(({ message }) => message).join()}`);
    for (const { model } of this.partitions) model.unanswered();
    try {
      this.main(() => writeProgress(disk, DATA, this.progress()));
      if (isClean) this.main(() => writeCleanShutdownMarker(disk, DATA));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return false;
    }
    return isClean;
  }

  // --- what shards say

  private at(shard: number, slot: number): SimPartition | undefined {
    return this.partitions.find((partition) => partition.shard === shard && partition.slot === slot);
  }

  private hear(shard: number, notice: ShardNotice): void {
    switch (notice.kind) {
      case 'log':
        this.note(`  shard ${shard} ${notice.level}: ${notice.message} ${JSON.stringify(notice.fields)}`);
        break;
      case 'garbage':
        this.jobs.push({ kind: 'delete', paths: notice.paths, dueMs: this.clock.monotonicMs() + notice.delayMs });
        break;
      case 'sealed': {
        const { segmentBase, path } = notice;
        const partition = this.at(shard, notice.slot);
        if (partition !== undefined) this.jobs.push({ kind: 'flush', partition, segmentBase, path });
        break;
      }
      case 'state': {
        const partition = this.at(shard, notice.slot);
        if (partition === undefined || partition.removing) break;
        this.note(`  ${partition.label} is ${notice.state}`);
        partition.state = notice.state;
        partition.place = null;
        if (this.disk.lostPages.has(partition.spec.directory)) partition.model.powerLost = true;
        if (notice.state === 'offline' || partition.deleting) break;
        this.disk.lostPages.delete(partition.spec.directory);
        const row = this.row(partition);
        partition.model.recovered(row.logEndOffset, row.logStartOffset);
        this.look(partition);
      }
    }
  }

  row(partition: SimPartition): ReturnType<SimShard['row']> {
    return this.shards[partition.shard].row(partition.slot);
  }

  /** The board's row, held against what it showed before; and what a reader at the tail would be sent since. */
  private look(partition: SimPartition | undefined): void {
    if (partition === undefined || partition.state !== 'online' || partition.deleting) return;
    const row = this.row(partition);
    const { model, place } = partition;
    model.shown(row.flushedEndOffset, row.highWatermark, row.logStartOffset);
    assert.ok(row.flushedEndOffset <= row.logEndOffset && row.logStartOffset <= row.logEndOffset, `${model.label} row`);
    assert.ok(row.highWatermark <= row.logEndOffset, `${model.label} high watermark`);
    const moved = row.highWatermark !== place?.offset;
    if (moved && place !== null && place.segmentBase === row.segmentBase && row.position > place.position) {
      const path = `${partition.spec.directory}/${String(row.segmentBase).padStart(20, '0')}.log`;
      const slice = { path, position: place.position, length: row.position - place.position };
      const bytes = this.bytesOf([slice]);
      const read = bytes === null ? null : this.check(partition, bytes, place.offset);
      if (read?.isSound) assert.equal(read.end, row.highWatermark, `${model.label}: a tail reader's slice`);
    }
    partition.place = { offset: row.highWatermark, segmentBase: row.segmentBase, position: row.position };
  }

  /** One round of a shard, and what becomes of it where its thread ends in it. */
  turn(shard: number): boolean {
    const { disk } = this;
    let worked = false;
    // What was said before the end still counts; what somebody says who has not noticed it does not.
    disk.onEnd = () => this.shards[shard].drain();
    try {
      worked = this.shards[shard].turn();
    } catch (error) {
      if (!(error instanceof ThreadDeath)) throw error;
    } finally {
      disk.onEnd = () => {};
    }
    if (disk.over) throw new PowerCut(disk.endsWith);
    if (!disk.threadOver) this.shards[shard].drain();
    if (disk.threadOver) {
      this.restartShard(shard);
      return true;
    }
    for (const partition of this.partitions) if (partition.shard === shard) this.look(partition);
    return worked;
  }

  /** As the pool of shards does it: the board tells where each log stood. */
  private restartShard(index: number): void {
    const { disk } = this;
    this.note(`  the thread of shard ${index} ends`);
    disk.threadOver = false;
    disk.threadEndsIn = -1;
    const shard = this.shards[index];
    shard.begin();
    for (const partition of this.partitions) {
      if (partition.shard !== index || partition.unseated) continue;
      shard.board.repair(partition.slot);
      partition.state = 'offline';
      partition.place = null;
      partition.removing = false;
      const row = this.row(partition);
      partition.spec = {
        ...partition.spec,
        clean: false,
        recoveryPoint: Math.max(partition.spec.recoveryPoint, row.flushedEndOffset),
        logStartOffset: Math.max(partition.spec.logStartOffset, row.logStartOffset),
      };
      shard.request(partition.slot, partition.spec, () => {});
    }
  }

  // --- clients

  /** Sends a batch of a fresh name; false where the ring has no room. */
  send(partition: SimPartition, batch: SentBatch): boolean {
    const { model } = partition;
    const flush = model.config.flush;
    const { life } = this;
    const sent = this.shards[partition.shard].append(partition.slot, batch.bytes, (error, baseOffset, message) => {
      if (life !== this.life) return;
      batch.inFlight = false;
      if (error === 'NONE') this.acknowledged(partition, batch, baseOffset, flush);
      else this.refused(partition, batch, error, message);
    });
    if (!sent) return false;
    batch.inFlight = true;
    batch.life = this.life;
    batch.fate = 'open';
    model.batches.set(batch.name, batch);
    return true;
  }

  /** Sends a stored batch once more; whatever is answered, it stays where it was. */
  repeat(partition: SimPartition, { batch, baseOffset }: SimProducer['stored'][number]): void {
    const { life } = this;
    const { model } = partition;
    const bytes = Buffer.from(batch.bytes);
    this.shards[partition.shard].append(partition.slot, bytes, (error, again) => {
      if (life !== this.life || goesOn(error) || partition.deleting) return;
      // A turn that found the disk full stores nothing and answers nothing else.
      if (error === 'NOT_ENOUGH_REPLICAS' && this.disk.faultsFired > 0) return;
      if (error === 'RECORD_LIST_TOO_LARGE' && bytes.length > model.config.segmentBytesMax) return;
      if (batch.fate !== 'acknowledged' || model.hasRotted) return;
      // What was retired may be forgotten, too.
      if (baseOffset < this.row(partition).logStartOffset) return;
      assert.deepEqual([error, again], ['NONE', baseOffset], `repeated: ${model.label} ${batch.name}`);
    });
  }

  private acknowledged(partition: SimPartition, batch: SentBatch, baseOffset: number, flush: string): void {
    // Its log may be gone already, and have begun anew for as long as nobody hears of that.
    if (partition.deleting) return;
    const { model } = partition;
    this.note(`  ${model.label}: ${batch.name} acknowledged at ${baseOffset}`);
    const end = baseOffset + batch.count;
    if (flush === 'ack' && model.config.flush === 'ack') {
      assert.ok(this.row(partition).flushedEndOffset >= end, `${batch.name} was acknowledged before it was on disk`);
      model.durableEnd = Math.max(model.durableEnd, end);
    }
    model.acknowledged(batch, baseOffset);
    const { producer } = batch;
    if (producer === null) return;
    const at = producer.open.indexOf(batch);
    if (at >= 0) producer.open.splice(at, 1);
    producer.stored.push({ batch, baseOffset });
    if (producer.stored.length > 5) producer.stored.shift();
  }

  private refused(partition: SimPartition, batch: SentBatch, error: string, message: string | null): void {
    const { model } = partition;
    this.note(`  ${model.label}: ${batch.name} answered ${error} ${message ?? ''}`);
    if (error === 'NOT_ENOUGH_REPLICAS') {
      assert.ok(this.disk.faultsFired > 0, 'nothing was full');
      model.refused(batch);
    } else if (error === 'RECORD_LIST_TOO_LARGE') {
      model.refused(batch);
      if (batch.producer !== null) model.retire(batch.producer);
    } else if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER') {
      const { producer } = batch;
      // Where its log began is told by nobody any more.
      if (partition.deleting) return;
      const earlier = producer?.open.slice(0, producer.open.indexOf(batch)) ?? [];
      // Sent again without need, and no longer recognised: a snapshot names one batch of a producer, and its log is gone.
      const isForgotten = batch.isUncertain && this.row(partition).logStartOffset > 0;
      // Refused for its length, which nobody heard, while those behind it were taken: a log does not know where a producer began.
      const wasTooLarge = batch.isUncertain && batch.bytes.length > model.segmentBytesLeast;
      const isExpected = model.hasRotted || isForgotten || wasTooLarge || earlier.some((one) => !one.inFlight);
      assert.ok(isExpected, `sequence: ${model.label} ${batch.name}: ${message}`);
      model.refused(batch);
      if ((model.hasRotted || isForgotten || wasTooLarge) && producer !== null) model.retire(producer);
    } else if (goesOn(error)) {
      batch.isUncertain = true;
      if (partition.deleting) return;
      assert.ok(error !== 'KAFKA_STORAGE_ERROR' || this.disk.faultsFired > 0, `${batch.name}: ${message}`);
    } else {
      assert.fail(`unexpected: ${batch.name}: ${error} ${message}`);
    }
  }

  producerOf(model: PartitionModel, at: number): SimProducer {
    return (model.producers[at] ??= { id: 1000 + this.serial++, nextSequence: 0, open: [], stored: [] });
  }

  nextName(label: string): string {
    return `${label}#${this.serial++}`;
  }

  /** One fetch; `done` hears where the next would begin, or null where there was nothing. */
  read(
    partition: SimPartition,
    offset: number,
    bytesMax: number,
    done: (next: number | null, error: string) => void,
  ): void {
    const { life } = this;
    this.shards[partition.shard].locate(partition.slot, offset, bytesMax, (reply) => {
      if (life !== this.life) return;
      done(this.readReply(partition, offset, reply), reply.error);
    });
  }

  private readReply(partition: SimPartition, offset: number, reply: ShardReply): number | null {
    const { model } = partition;
    if (partition.deleting) return null;
    if (reply.error === 'CORRUPT_MESSAGE') {
      assert.ok(model.rotten.has(offset), `refused: ${model.label} offset ${offset} is sound and was called damaged`);
      return null;
    }
    if (reply.error === 'KAFKA_STORAGE_ERROR') assert.ok(this.disk.faultsFired > 0, `${model.label}: ${reply.message}`);
    if (reply.error !== 'NONE') return null;
    let at = offset;
    for (const run of reply.runs ?? []) {
      assert.equal(run.offset, at, `${model.label}: runs follow each other`);
      const bytes = this.bytesOf(run.slices);
      if (bytes === null) return null;
      if (bytes.length === 0) return null;
      const { end, isSound } = this.check(partition, bytes, at);
      if (!isSound) return end > offset ? end : null;
      at = end;
      if (run.next !== null) assert.equal(run.next.offset, at, `${model.label}: where the next run begins`);
    }
    return at;
  }

  /** As the main thread would send them; null where the file is gone, which a client takes for "ask again". */
  private bytesOf(slices: readonly { path: string; position: number; length: number }[]): Buffer | null {
    const parts: Buffer[] = [];
    for (const { path, position, length } of slices) {
      const held = [path, `${path}.deleted`].find((one) => this.disk.exists(one));
      if (held === undefined) return null;
      parts.push(this.disk.content(held).subarray(position, position + length));
    }
    return Buffer.concat(parts);
  }

  /**
   * Whole, sound batches side by side, the first of which holds `offset`; answers the offset behind them. A client stops
   * where a batch is damaged: `isSound` is false then, and `end` is where the damage begins.
   */
  private check(partition: SimPartition, bytes: Buffer, offset: number): { end: number; isSound: boolean } {
    const { model } = partition;
    let end = offset;
    for (let at = 0; at < bytes.length; ) {
      const size = at + BATCH_HEADER_BYTES <= bytes.length ? sizeOf(bytes, at) : 0;
      const isWhole = size >= BATCH_HEADER_BYTES && at + size <= bytes.length;
      if (!isWhole || computeCrc(bytes, at, size) !== crcOf(bytes, at)) {
        assert.ok(model.rotten.has(end), `served: ${model.label} what is no batch at ${end}`);
        return { end, isSound: false };
      }
      const batch = bytes.subarray(at, at + size);
      const base = baseOffsetOf(batch, 0);
      // A base offset lies outside of the checksum.
      const isRotten = model.rotten.has(base) || model.rotten.has(end);
      const isInPlace = at === 0 ? base <= offset : base >= end;
      assert.ok(isInPlace || isRotten, `order: ${model.label} ${base} behind ${end}`);
      if (!isInPlace) return { end, isSound: false };
      for (let gap = end; gap < base; gap++) assert.ok(model.rotten.has(gap), `gap: ${model.label} at ${gap}`);
      for (const record of decodeRecords(batch)) {
        const text = record.value?.toString('latin1') ?? '';
        model.saw(record.offset, text.slice(0, text.indexOf(' ')));
      }
      end = lastOffsetOf(batch, 0) + 1;
      assert.ok(end > offset, `${model.label}: ${offset} is not in what was sent`);
      at += size;
    }
    return { end, isSound: true };
  }

  /** Reads the whole log from its start to its high watermark; false where something kept it from that. */
  verify(partition: SimPartition, bytesMax: number): boolean {
    const { model } = partition;
    if (partition.deleting) return false;
    const refused = new Set<number>();
    const start = this.row(partition).logStartOffset;
    let offset = start;
    while (offset < this.row(partition).highWatermark) {
      let answered = false;
      let stopped = false;
      this.read(partition, offset, bytesMax, (next, error) => {
        answered = true;
        if (error === 'CORRUPT_MESSAGE' || (next === null && error === 'NONE' && model.rotten.has(offset))) {
          refused.add(offset++);
        } else if (next === null) stopped = true;
        else offset = next;
      });
      for (let round = 0; round < 100 && !answered; round++) this.turn(partition.shard);
      if (!answered || stopped) return false;
    }
    const row = this.row(partition);
    if (row.logStartOffset !== start || row.highWatermark !== row.logEndOffset) return false;
    model.wasReadWhole(start, row.highWatermark, refused, this.life);
    return true;
  }

  deleteRecords(partition: SimPartition, offset: number): void {
    const { model } = partition;
    const { life } = this;
    this.shards[partition.shard].request(partition.slot, { kind: 'deleteRecords', offset }, (reply) => {
      if (life !== this.life || reply.error !== 'NONE') return;
      // The client hears of it once it is written down.
      this.checkpoint((saved) => {
        if (!saved) return;
        this.note(`  ${model.label}: records deleted up to ${reply.offset}`);
        model.deletedTo = Math.max(model.deletedTo, reply.offset ?? 0);
      });
    });
  }

  lookUp(partition: SimPartition, timestampMs: number): void {
    const { life } = this;
    const { model } = partition;
    const asked = { ...this.row(partition) };
    this.shards[partition.shard].request(partition.slot, { kind: 'offsetAtTime', timestampMs }, (reply) => {
      if (life !== this.life || reply.error !== 'NONE' || partition.deleting) return;
      if (model.hasRotted || !model.keepsTimestamps) return;
      const found = reply.offset ?? -1;
      const start = Math.max(asked.logStartOffset, this.row(partition).logStartOffset);
      for (let offset = start; offset < (found < 0 ? asked.highWatermark : found); offset++) {
        const early = model.at.get(offset)?.batch.timestampMs ?? -1;
        assert.ok(
          early < timestampMs,
          `look-up: ${model.label} ${offset} has ${early}, ${found} was found for ${timestampMs}`,
        );
      }
      const late = model.at.get(found)?.batch.timestampMs ?? timestampMs;
      assert.ok(late >= timestampMs, `look-up: ${model.label} ${found} has ${late}, ${timestampMs} was asked for`);
    });
  }

  reconfigure(partition: SimPartition, config: LogConfig): void {
    const { model } = partition;
    const { life } = this;
    model.keepsTimestamps &&= config.timestampType === 'CreateTime';
    model.segmentBytesLeast = Math.min(model.segmentBytesLeast, config.segmentBytesMax);
    this.shards[partition.shard].request(partition.slot, { kind: 'reconfigure', config }, ({ error }) => {
      if (life !== this.life || error !== 'NONE') return;
      model.config = config;
      partition.spec = { ...partition.spec, config };
    });
  }

  /** The topic is deleted and made anew under its name; durable in the catalogue from here on. */
  recreate(topic: SimTopic): void {
    for (const partition of this.partitions) if (partition.spec.topic === topic.name) partition.deleting = true;
    this.finishDeletions();
  }

  private finishDeletions(): void {
    this.partitions.forEach((partition, at) => {
      if (!partition.deleting || partition.removing || partition.state === 'opening') return;
      partition.removing = true;
      const { life } = this;
      this.shards[partition.shard].request(partition.slot, { kind: 'remove' }, (reply) => {
        if (life !== this.life || this.partitions[at] !== partition) return;
        if (reply.error !== 'NONE') {
          partition.removing = false;
          return;
        }
        partition.unseated = true;
        if ((reply.garbage ?? []).length > 0) this.jobs.push({ kind: 'delete', paths: reply.garbage ?? [], dueMs: 0 });
        // What is saved of this log must not be taken for that of the next one with its name.
        this.checkpoint((saved) => {
          if (!saved) partition.removing = false;
          else this.beginAnew(at, partition);
        });
      });
    });
  }

  private beginAnew(at: number, before: SimPartition): void {
    const topic = this.topics.find(({ name }) => name === before.spec.topic) as SimTopic;
    const { index } = before.spec;
    topic.incarnation++;
    const model = new PartitionModel(before.model.label, topic.config);
    const fresh = new SimPartition(-1, -1, specOf(topic, index), model);
    this.note(`  ${before.label} begins anew`);
    this.seat(at, { ...fresh.spec, clean: true }, fresh);
  }

  // --- side jobs

  /** Saves where the logs stand: one after the other, each with what is known when it begins. */
  checkpoint(done: (saved: boolean) => void = () => {}): void {
    const waiting = this.jobs.find((job) => job.kind === 'checkpoint' && job.progress === null);
    if (waiting?.kind === 'checkpoint') waiting.done.push(done);
    else this.jobs.push({ kind: 'checkpoint', done: [done], progress: null });
  }

  private progress(): DirectoryProgress[] {
    return this.partitions
      .filter((partition) => !partition.removing)
      .map((partition) => {
        const { spec, state } = partition;
        const row = this.row(partition);
        return {
          topic: spec.topic,
          index: spec.index,
          flushedEndOffset: state === 'online' ? row.flushedEndOffset : spec.recoveryPoint,
          logStartOffset: Math.max(spec.logStartOffset, row.logStartOffset),
          firstDirtyOffset: spec.firstDirtyOffset,
          damagedRanges: Math.max(spec.damagedRanges, row.damagedRanges),
          scrub: NEVER_SCRUBBED,
        };
      });
  }

  /** Runs one of the jobs that wait, if there is any that is due. */
  runJob(choice: number): boolean {
    const nowMs = this.clock.monotonicMs();
    const due = this.jobs.filter((job) => job.kind !== 'delete' || job.dueMs <= nowMs);
    if (due.length === 0) return false;
    const job = due[choice % due.length];
    this.jobs.splice(this.jobs.indexOf(job), 1);
    let done = false;
    try {
      done = this.main(() => this.run(job));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.note(`  side job ${job.kind} failed: ${(error as Error).message}`);
    }
    if (job.kind === 'checkpoint') for (const tell of job.done) tell(done);
    return true;
  }

  private run(job: Job): boolean {
    const { disk } = this;
    if (job.kind === 'checkpoint') {
      writeProgress(disk, DATA, this.progress());
      return true;
    }
    if (job.kind === 'delete') {
      for (const path of job.paths) removeTree(disk, path);
      return true;
    }
    const { partition, segmentBase, path } = job;
    const outcome = flushSealed({ path, topicId: partition.spec.topicId }, disk);
    if (outcome !== null && this.partitions.includes(partition)) {
      const { shard, slot } = partition;
      this.flushesUnheard.add(shard);
      const heard = (): void => void this.flushesUnheard.delete(shard);
      this.shards[shard].request(slot, { kind: 'sealedFlushed', segmentBase, ...outcome }, heard);
    }
    return outcome?.failure === null;
  }

  /** What the main thread or the pool does with the disk: no shard's thread ends over it. */
  private main<T>(action: () => T): T {
    const { threadEndsIn } = this.disk;
    this.disk.threadEndsIn = -1;
    try {
      return action();
    } finally {
      this.disk.threadEndsIn = threadEndsIn;
    }
  }
}

/** The partition is not to be had now, or was deleted: nobody knows whether the batch was stored. */
function goesOn(error: string): boolean {
  return ['NOT_LEADER_OR_FOLLOWER', 'KAFKA_STORAGE_ERROR', 'UNKNOWN_TOPIC_OR_PARTITION'].includes(error);
}

function specOf(topic: SimTopic, index: number): SimPartition['spec'] {
  return {
    kind: 'open',
    topic: topic.name,
    topicId: `${topic.name}i${topic.incarnation}p${index}`.padEnd(22, 'A').slice(0, 22),
    index,
    directory: `${DATA}/${topic.name}-${index}`,
    config: topic.config,
    leaderEpoch: 0,
    recoveryPoint: 0,
    logStartOffset: 0,
    firstDirtyOffset: 0,
    damagedRanges: 0,
    clean: true,
  };
}

function removeTree(disk: SimDisk, path: string): void {
  for (const each of disk.paths()) if (each === path || each.startsWith(`${path}/`)) disk.unlink(each);
  disk.rmdir(path);
}

function isSystemError(error: unknown): boolean {
  return typeof (error as { code?: unknown }).code === 'string' || (error as Error).name === 'StorageError';
}
