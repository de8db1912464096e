/**
 * R7: an error of the system at the N-th call of each kind, for N = 1, 2, 3 ... until none is met any more, once or for a
 * while: what was acknowledged is on the medium, nothing is acknowledged in between, the others serve, and the log comes back
 * without a restart. On the engine's shard, with a simulated disk. Test process.
 */
import assert from 'node:assert/strict';
import { decodeRecords, iterateBatches } from '../../src/record/record.js';
import { type Random, randomOf } from '../history/good-history.js';
import { type FileOperation, systemError } from '../log/fake-file-system.js';
import { ShardBench } from '../shard/shard-bench.js';
import { experiment, type Findings } from './lab/experiment.js';

const OPERATIONS: readonly FileOperation[] = [
  'open',
  'read',
  'writev',
  'truncate',
  'fdatasync',
  'fsyncDirectory',
  'syncFileSystem',
  'rename',
  'unlink',
  'mkdir',
  'writeAside',
];
const CODES = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE'] as const;
const LASTS = ['once', 'a while'] as const;
const KINDS = OPERATIONS.length * CODES.length * LASTS.length;
const STEPS = 16;
/** Steps that a fault lasts which is not met once only. */
const WHILE_STEPS = 4;
const SLOTS = [0, 1, 2] as const;
/** Which is met by the fault. */
const VICTIM = 1;

experiment({
  id: 'R7',
  title: 'the engine: an error of the disk at the N-th call of each kind, until none is met',
  unit: 'kinds of errors',
  ci: KINDS,
  long: 50 * KINDS,
  ciSeed: 0,
  trial: ({ seed, findings }) => {
    const operation = OPERATIONS[seed % OPERATIONS.length];
    const code = CODES[Math.floor(seed / OPERATIONS.length) % CODES.length];
    const lasts = LASTS[Math.floor(seed / OPERATIONS.length / CODES.length) % LASTS.length];
    for (let number = 1; ; number++) {
      const life = new EngineLife(randomOf(Math.floor(seed / KINDS)), { operation, code, lasts, number });
      try {
        life.live();
        life.endAndJudge(findings);
      } catch (error) {
        throw new Error(`${operation} number ${number}: ${code}, ${lasts}`, { cause: error });
      }
      if (!life.met) return;
    }
  },
});

interface EngineFault {
  readonly operation: FileOperation;
  readonly code: (typeof CODES)[number];
  readonly lasts: (typeof LASTS)[number];
  readonly number: number;
}

interface SentValue {
  readonly slot: number;
  readonly value: string;
  readonly id: number;
}

class EngineLife {
  met = false;
  readonly #bench = new ShardBench();
  readonly #sent: SentValue[] = [];
  readonly #logStart = [0, 0, 0];
  #seen = 0;
  #stepsLeft = 0;
  #armed = true;

  constructor(
    private readonly random: Random,
    private readonly fault: EngineFault,
  ) {}

  live(): void {
    const bench = this.#bench;
    this.#arm();
    for (const slot of SLOTS) bench.open(slot, config());
    bench.settle();
    for (let step = 0; step < STEPS; step++) this.#step();
    // The cause is gone: all of them serve again, in their own time and without a restart.
    this.#armed = false;
    for (let i = 0; i < 3; i++) this.#pass(60_000);
    for (const slot of SLOTS) this.#send(slot);
    bench.settle();
    for (const { slot, id } of this.#sent.slice(-SLOTS.length)) {
      assert.equal(bench.errorOf(id), 'NONE', `partition ${slot} is back`);
    }
  }

  /** The power goes, and with it all that was not synced. */
  endAndJudge(findings: Findings): void {
    const { files } = this.#bench;
    files.crash(() => 0);
    const after = new ShardBench(files);
    for (const slot of SLOTS) after.open(slot, config(), false, this.#logStart[slot]);
    after.settle();
    for (const slot of SLOTS) {
      const start = after.row(slot).logStartOffset;
      const stored = readAll(after, slot, start);
      const values = [...stored.values()];
      findings.duplicated += values.length - new Set(values).size;
      for (const { slot: of, value, id } of this.#sent) {
        const acknowledgement = this.#bench.acknowledged.find((one) => one.id === id);
        if (of !== slot || acknowledgement === undefined || acknowledgement.error !== 'NONE') continue;
        findings.acknowledged++;
        const { baseOffset } = acknowledgement;
        if (baseOffset >= start && stored.get(baseOffset) !== value) findings.lost++;
      }
    }
    assert.deepEqual([findings.lost, findings.duplicated], [0, 0], 'lost, duplicated');
  }

  #step(): void {
    const { random } = this;
    const bench = this.#bench;
    const wasOffline = this.#isOffline();
    const before = this.#sent.length;
    const what = random(8);
    if (what === 0) {
      const id = bench.request(VICTIM, { kind: 'deleteRecords', offset: -1 });
      bench.settle();
      const reply = bench.replies.get(id);
      if (reply?.error === 'NONE') this.#logStart[VICTIM] = reply.offset ?? 0;
    } else if (what === 1) {
      this.#pass(30_000);
    } else {
      for (const slot of SLOTS) if (slot === VICTIM || random(2) === 0) this.#send(slot);
      // Whoever comes while that is written shares its flush.
      if (random(3) === 0) bench.turn();
      if (random(2) === 0) this.#send(VICTIM);
      bench.settle();
    }
    for (const { slot, id } of this.#sent.slice(before)) {
      const error = bench.errorOf(id);
      assert.notEqual(error, 'unanswered');
      if (slot !== VICTIM && this.fault.operation !== 'syncFileSystem') assert.equal(error, 'NONE', 'the others serve');
      if (slot === VICTIM && wasOffline && this.#isOffline()) {
        assert.equal(error, 'KAFKA_STORAGE_ERROR', 'nothing is acknowledged as long as it fails');
      }
    }
    if (this.met && this.fault.lasts === 'a while' && --this.#stepsLeft === 0) this.#armed = false;
  }

  #send(slot: number): void {
    const value = `${slot}-${this.#sent.length}-${'x'.repeat(this.random(200))}`;
    this.#sent.push({ slot, value, id: this.#bench.append(slot, [value]) });
  }

  #pass(ms: number): void {
    this.#bench.clock.advance(ms);
    this.#bench.settle();
  }

  #isOffline(): boolean {
    const states = this.#bench.notices.flatMap((one) => (one.kind === 'state' && one.slot === VICTIM ? one.state : []));
    return states.at(-1) === 'offline';
  }

  #arm(): void {
    const { operation, code, lasts, number } = this.fault;
    this.#bench.files.before = (called, path) => {
      if (!this.#armed || called !== operation) return;
      if (operation !== 'syncFileSystem' && !path.includes(`/t${VICTIM}-0`)) return;
      if (++this.#seen < number || (lasts === 'once' && this.#seen > number)) return;
      if (!this.met) this.#stepsLeft = WHILE_STEPS;
      this.met = true;
      throw systemError(code);
    };
  }
}

/** Small segments, so that they are sealed; little room ahead, so that there is some. */
const config = () => ShardBench.config({ segmentBytesMax: 1200, preparedBytesMax: 512 });

function readAll(bench: ShardBench, slot: number, from: number): Map<number, string> {
  const found = new Map<number, string>();
  for (let offset = from; offset < bench.row(slot).highWatermark; ) {
    const id = bench.locate(slot, offset, 1_000_000);
    bench.settle();
    const slices = bench.replies.get(id)?.runs?.[0]?.slices ?? [];
    assert.ok(slices.length > 0, `partition ${slot} can be read at ${offset}: ${bench.replies.get(id)?.error}`);
    for (const { path, position, length } of slices) {
      const bytes = bench.files.content(path).subarray(position, position + length);
      for (const batch of iterateBatches(bytes)) {
        for (const record of decodeRecords(batch)) {
          found.set(record.offset, record.value?.toString() ?? '');
          offset = record.offset + 1;
        }
      }
    }
  }
  return found;
}
