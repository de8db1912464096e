/** Random histories of a broker that keeps every promise, to try the checker on. Test process. */
import type { Operation, Outcome, ReadBatch, ReadRecord } from './history.js';

/** Numbers below `bound`, the same for the same seed. */
export type Random = (bound: number) => number;

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

interface Model {
  readonly name: string;
  readonly records: ReadRecord[];
  readonly batches: ReadBatch[];
}

const STEPS = 60;

/** Several producers, assigned and group consumers, commits and ListOffsets on up to three partitions. */
export function goodHistory(random: Random): Operation[] {
  const partitions: Model[] = Array.from({ length: 1 + random(3) }, (_, i) => ({
    name: `t-${i}`,
    records: [],
    batches: [],
  }));
  const operations: Operation[] = [];
  let now = 0;
  let sequence = 0;
  const tick = () => {
    now += 1;
    return now;
  };
  /** Acknowledgements that are still on their way to their producers. */
  const delayed: (() => void)[] = [];
  const positions = new Map<string, Map<Model, number>>();
  const committed = new Map<Model, number>();

  const append = (partition: Model, batch: readonly { value: string; hash: string }[]): number => {
    const base = partition.records.length;
    batch.forEach((record, i) => {
      partition.records.push({ ...record, offset: base + i, timestampMs: 1000 + 10 * (base + i) - random(25) });
    });
    partition.batches.push({ baseOffset: base, lastOffset: base + batch.length - 1, count: batch.length });
    return base;
  };

  const send = () => {
    const writer = random(4);
    const process = `producer ${writer}`;
    const idempotent = writer < 2;
    const partition = partitions[random(partitions.length)];
    const records = Array.from({ length: 1 + random(4) }, () => {
      sequence += 1;
      return { value: `${process}#${sequence}`, hash: `hash of ${sequence}` };
    });
    const invoked = tick();
    const fate = random(10);
    const outcome: Outcome = fate === 0 ? 'fail' : fate < 3 ? 'info' : 'ok';
    const lands = outcome === 'ok' || (outcome === 'info' && random(2) === 0);
    const base = lands ? append(partition, records) : -1;
    // A producer without idempotence may have written twice what it sent again.
    if (lands && !idempotent && random(8) === 0) append(partition, records);
    const complete = () => {
      const baseOffset = outcome === 'ok' ? base : null;
      const named = { process, partition: partition.name, idempotent, records, outcome, baseOffset };
      operations.push({ f: 'send', ...named, invoked, completed: tick() });
    };
    if (random(2) === 0) complete();
    else delayed.push(complete);
  };

  const poll = () => {
    const reader = random(4);
    const process = `consumer ${reader}`;
    const invoked = tick();
    const f = reader < 2 ? 'assign' : 'subscribe';
    let position = positions.get(process);
    if (!position || random(12) === 0) {
      position = new Map(partitions.map((partition) => [partition, random(partition.records.length + 1)]));
      positions.set(process, position);
      const from = Object.fromEntries([...position].map(([{ name }, offset]) => [name, offset]));
      operations.push(
        f === 'assign' ? { f, process, from, invoked, completed: tick() } : { f, process, invoked, completed: tick() },
      );
      return;
    }
    const records: Record<string, ReadRecord[]> = {};
    for (const partition of partitions) {
      const from = position.get(partition) ?? 0;
      const batch = partition.records.slice(from, from + random(8));
      if (batch.length > 0) records[partition.name] = batch;
      position.set(partition, from + batch.length);
    }
    operations.push({ f: 'poll', process, records, invoked, completed: tick() });
    if (f === 'subscribe') commit(process, position);
  };

  const commit = (process: string, position: ReadonlyMap<Model, number>) => {
    const invoked = tick();
    const offsets: Record<string, number> = {};
    const taken = random(5) > 0;
    for (const [partition, offset] of position) {
      if (offset <= (committed.get(partition) ?? 0)) continue;
      offsets[partition.name] = offset;
      if (taken) committed.set(partition, offset);
    }
    if (Object.keys(offsets).length === 0) return;
    const outcome = taken && random(6) > 0 ? 'ok' : 'info';
    operations.push({ f: 'commit', process, group: 'g', offsets, outcome, invoked, completed: tick() });
  };

  const readCommitted = () => {
    const offsets = Object.fromEntries(partitions.map((partition) => [partition.name, committed.get(partition) ?? -1]));
    operations.push({ f: 'committed', process: 'admin', group: 'g', offsets, invoked: tick(), completed: tick() });
  };

  const listOffsets = () => {
    const partition = partitions[random(partitions.length)];
    const { records, name } = partition;
    const kind = random(3);
    const at = kind === 0 ? 'earliest' : kind === 1 ? 'latest' : 1000 + random(10 * records.length + 10);
    const first = records.find((record) => typeof at === 'number' && record.timestampMs >= at);
    const offset = at === 'earliest' ? 0 : at === 'latest' ? records.length : (first?.offset ?? -1);
    operations.push({
      f: 'list-offsets',
      process: 'admin',
      partition: name,
      at,
      offset,
      invoked: tick(),
      completed: tick(),
    });
  };

  const readAll = (process: string, partition: Model) => {
    operations.push({
      f: 'read-all',
      process,
      partition: partition.name,
      records: [...partition.records],
      batches: [...partition.batches],
      bytesHash: `bytes up to ${partition.records.length}`,
      invoked: tick(),
      completed: tick(),
    });
  };

  for (let step = 0; step < STEPS; step++) {
    if (delayed.length > 0 && random(3) === 0) delayed.shift()?.();
    const dice = random(20);
    if (dice < 9) send();
    else if (dice < 16) poll();
    else if (dice < 17) readCommitted();
    else if (dice < 18) readAll('reader', partitions[random(partitions.length)]);
    else listOffsets();
  }
  for (const complete of delayed) complete();
  for (const partition of partitions) {
    readAll('final reader', partition);
    readAll('final reader', partition);
  }
  return operations;
}
