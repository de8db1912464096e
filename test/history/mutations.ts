/** Plants one fault in a good history: of every class that the checker knows, as many kinds as it can come about. Test process. */
import type { AnomalyClass } from './checker.js';
import type { Random } from './good-history.js';
import type {
  Commit,
  Committed,
  ListOffsets,
  Operation,
  Poll,
  ReadAll,
  ReadBatch,
  ReadRecord,
  Send,
} from './history.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };
export type Draft = Mutable<Operation>;
type SendDraft = Mutable<Send>;
type PlacedSend = SendDraft & { baseOffset: number };
type RecordDraft = Mutable<ReadRecord>;
type ReadAllDraft = Mutable<ReadAll>;
type ListedDraft = Mutable<ListOffsets>;

/** Changes the history in place; the partition in which the fault lies, or null, with nothing changed, where it had no place. */
export type Mutation = (history: Draft[], random: Random) => string | null;

const pick = <T>(items: readonly T[], random: Random): T | undefined => items[random(items.length)];

const of =
  <F extends Operation['f']>(f: F) =>
  (history: Draft[]): Mutable<Extract<Operation, { f: F }>>[] =>
    history.filter((operation) => operation.f === f) as Mutable<Extract<Operation, { f: F }>>[];
const sends: (history: Draft[]) => SendDraft[] = of('send');
const polls: (history: Draft[]) => Mutable<Poll>[] = of('poll');
const commits: (history: Draft[]) => Mutable<Commit>[] = of('commit');
const committedReads: (history: Draft[]) => Mutable<Committed>[] = of('committed');
const everyRead: (history: Draft[]) => ReadAllDraft[] = of('read-all');
const listed: (history: Draft[]) => ListedDraft[] = of('list-offsets');

const fullReads = (history: Draft[], partition: string) =>
  everyRead(history).filter((read) => read.partition === partition);

/** A full read with at least so many records. */
const someRead = (history: Draft[], least: number, random: Random) =>
  pick(
    everyRead(history).filter((read) => read.records.length >= least),
    random,
  );

/** Every list of records that was read of one partition. */
function readsOf(history: Draft[], partition: string): RecordDraft[][] {
  return history.flatMap((operation) => {
    if (operation.f === 'poll') return operation.records[partition] ? [operation.records[partition]] : [];
    return operation.f === 'read-all' && operation.partition === partition ? [operation.records] : [];
  });
}

/** What one poll brought of one partition, where that are at least `least` records. */
function somePoll(
  history: Draft[],
  least: number,
  random: Random,
): { partition: string; records: RecordDraft[] } | undefined {
  const lists = polls(history).flatMap((poll) =>
    Object.entries(poll.records)
      .filter(([, records]) => records.length >= least)
      .map(([partition, records]) => ({ partition, records })),
  );
  return pick(lists, random);
}

function removeEverywhere(history: Draft[], partition: string, unwanted: (record: RecordDraft) => boolean): void {
  for (const list of readsOf(history, partition)) {
    for (let i = list.length - 1; i >= 0; i--) if (unwanted(list[i])) list.splice(i, 1);
  }
}

/** Everything at or behind an offset moves, as if so many records more, or fewer, had been written in front of it. */
function shift(history: Draft[], partition: string, from: number, by: number): void {
  for (const list of readsOf(history, partition)) {
    for (const record of list) if (record.offset >= from) record.offset += by;
  }
  for (const { batches } of fullReads(history, partition)) {
    for (const batch of batches) {
      if (batch.baseOffset < from) continue;
      batch.baseOffset += by;
      batch.lastOffset += by;
    }
  }
  for (const send of sends(history)) {
    if (send.partition === partition && send.baseOffset !== null && send.baseOffset >= from) send.baseOffset += by;
  }
}

const endOf = (history: Draft[], partition: string) => fullReads(history, partition).at(-1)?.records.length ?? 0;

const placed = (history: Draft[]) =>
  sends(history).filter((send): send is PlacedSend => send.outcome === 'ok' && send.baseOffset !== null);

/** Their records lie nowhere else, whatever was sent again. */
const idempotent = (history: Draft[]) => placed(history).filter((send) => send.idempotent);

/** What is known of a log's end when an operation is called. */
function endBy(
  history: Draft[],
  partition: string,
  invoked: number,
  by: 'send' | 'poll' | 'list-offsets' | 'read-all',
): number {
  let end = -1;
  for (const operation of history) {
    if (operation.f !== by || operation.completed >= invoked) continue;
    if (operation.f === 'poll') end = Math.max(end, (operation.records[partition]?.at(-1)?.offset ?? -1) + 1);
    else if (operation.partition !== partition) continue;
    else if (operation.f === 'read-all') end = Math.max(end, operation.records.length);
    else if (operation.f === 'list-offsets') end = Math.max(end, operation.at === 'latest' ? operation.offset : -1);
    else if (operation.outcome === 'ok' && operation.baseOffset !== null)
      end = Math.max(end, operation.baseOffset + operation.records.length);
  }
  return end;
}

/** An answer for `latest` that lies below what sends, polls or earlier answers had shown. */
const endGoesBack =
  (by: 'send' | 'poll' | 'list-offsets'): Mutation =>
  (history, random) => {
    const candidates = listed(history).flatMap((answer) => {
      const end = answer.at === 'latest' ? endBy(history, answer.partition, answer.invoked, by) : -1;
      return end > 0 ? [{ answer, end }] : [];
    });
    const found = pick(candidates, random);
    if (!found) return null;
    found.answer.offset = found.end - 1 - random(Math.min(3, found.end));
    return found.answer.partition;
  };

/** An answer for a time, changed into another offset. */
const wrongForTime =
  (fits: (answer: ListedDraft) => boolean, instead: (answer: ListedDraft) => number): Mutation =>
  (history, random) => {
    const candidates = listed(history).filter((answer) => typeof answer.at === 'number' && fits(answer));
    const answer = pick(candidates, random);
    if (!answer) return null;
    answer.offset = instead(answer);
    return answer.partition;
  };

/** What an assigned consumer reads of a partition: by turns, each with where it stood before. */
interface Turn {
  readonly partition: string;
  readonly records: RecordDraft[];
  /** Null in the first poll after an assignment. */
  readonly before: RecordDraft[] | null;
}

function turns(history: Draft[]): Turn[] {
  const found: Turn[] = [];
  const standing = new Map<string, Map<string, RecordDraft[]>>();
  for (const operation of [...history].sort((a, b) => a.invoked - b.invoked)) {
    if (operation.f === 'assign') standing.set(operation.process, new Map());
    if (operation.f !== 'poll') continue;
    const last = standing.get(operation.process);
    if (!last) continue;
    for (const [partition, records] of Object.entries(operation.records)) {
      if (records.length === 0) continue;
      found.push({ partition, records, before: last.get(partition) ?? null });
      last.set(partition, records);
    }
  }
  return found;
}

/** A committed offset that is read back after a commit of it, or of more, was acknowledged. */
function keptCommit(
  history: Draft[],
  random: Random,
): { read: Mutable<Committed>; partition: string; least: number } | undefined {
  const candidates = committedReads(history).flatMap((read) =>
    Object.keys(read.offsets).flatMap((partition) => {
      const least = Math.max(
        -1,
        ...commits(history)
          .filter(
            ({ group, outcome, completed }) => group === read.group && outcome === 'ok' && completed < read.invoked,
          )
          .map(({ offsets }) => offsets[partition] ?? -1),
      );
      return least > 0 ? [{ read, partition, least }] : [];
    }),
  );
  return pick(candidates, random);
}

const foreign = (offset: number): RecordDraft => ({
  value: 'from nowhere',
  hash: 'of nothing',
  offset,
  timestampMs: 1,
});

function appendToReads(history: Draft[], partition: string, added: readonly { value: string; hash: string }[]): void {
  const end = endOf(history, partition);
  for (const read of fullReads(history, partition)) {
    if (read.records.length !== end) continue;
    read.records.push(...added.map((record, i) => ({ ...record, offset: end + i, timestampMs: 1 })));
    read.batches.push({ baseOffset: end, lastOffset: end + added.length - 1, count: added.length });
  }
}

function swap<T>(list: T[], at: number): void {
  [list[at], list[at + 1]] = [list[at + 1], list[at]];
}

/** Changes the headers of one full read. */
const inHeaders =
  (fits: (read: ReadAllDraft) => boolean, change: (batches: Mutable<ReadBatch>[], random: Random) => void): Mutation =>
  (history, random) => {
    const read = pick(everyRead(history).filter(fits), random);
    if (!read) return null;
    change(read.batches, random);
    return read.partition;
  };

/** By the class under which the checker must tell it; then by what happened. */
export const mutations: Readonly<Record<AnomalyClass, Readonly<Record<string, Mutation>>>> = {
  'inconsistent-offsets': {
    'a poll brings a record from elsewhere'(history, random) {
      const list = somePoll(history, 1, random);
      if (!list) return null;
      const victim = list.records[random(list.records.length)];
      const others = fullReads(history, list.partition).at(-1)?.records ?? [];
      const other = pick(
        others.filter((record) => record.value !== victim.value),
        random,
      );
      if (!other) return null;
      victim.value = other.value;
      victim.hash = other.hash;
      return list.partition;
    },
    'an acknowledgement names an offset too high'(history, random) {
      const fit = idempotent(history).filter((send) => send.baseOffset + 1 < endOf(history, send.partition));
      const send = pick(fit, random);
      if (!send) return null;
      send.baseOffset += 1;
      return send.partition;
    },
  },

  duplicate: {
    'a record of an idempotent producer lies at the end once more'(history, random) {
      const send = pick(idempotent(history), random);
      if (!send) return null;
      appendToReads(history, send.partition, [send.records[random(send.records.length)]]);
      return send.partition;
    },
    'a batch of an idempotent producer is written twice in a row'(history, random) {
      const send = pick(idempotent(history), random);
      if (!send) return null;
      const { partition, baseOffset, records } = send;
      const next = baseOffset + records.length;
      shift(history, partition, next, records.length);
      for (const list of readsOf(history, partition)) {
        const last = list.findIndex((record) => record.offset === next - 1);
        if (last === -1) continue;
        list.splice(last + 1, 0, ...records.map((record, i) => ({ ...record, offset: next + i, timestampMs: 1 })));
      }
      for (const { batches } of fullReads(history, partition)) {
        const at = batches.findIndex((batch) => batch.baseOffset === baseOffset);
        if (at === -1) continue;
        batches.splice(at + 1, 0, { baseOffset: next, lastOffset: next + records.length - 1, count: records.length });
      }
      return partition;
    },
  },

  'lost-write': {
    'what a consumer had read is gone with all behind it'(history, random) {
      const list = somePoll(history, 1, random);
      if (!list) return null;
      const from = list.records[0].offset;
      for (const read of fullReads(history, list.partition)) {
        read.records = read.records.filter((record) => record.offset < from);
        read.batches = read.batches.filter((batch) => batch.lastOffset < from);
      }
      return list.partition;
    },
    'a record is missing from among the others'(history, random) {
      const fit = idempotent(history).filter(
        (send) => send.baseOffset + send.records.length < endOf(history, send.partition),
      );
      const send = pick(fit, random);
      if (!send) return null;
      const { value } = send.records[random(send.records.length)];
      removeEverywhere(history, send.partition, (record) => record.value === value);
      return send.partition;
    },
    'a batch is gone and the next ones have its offsets'(history, random) {
      const fit = idempotent(history).filter(
        (send) => send.baseOffset + 2 * send.records.length <= endOf(history, send.partition),
      );
      const send = pick(fit, random);
      if (!send) return null;
      const { partition, baseOffset, records } = send;
      const next = baseOffset + records.length;
      removeEverywhere(history, partition, ({ offset }) => offset >= baseOffset && offset < next);
      for (const read of fullReads(history, partition)) {
        read.batches = read.batches.filter((batch) => batch.baseOffset !== baseOffset);
      }
      shift(history, partition, next, -records.length);
      return partition;
    },
  },

  unseen: {
    'what was acknowledged never shows, with all behind it'(history, random) {
      const send = pick(placed(history), random);
      if (!send) return null;
      const { baseOffset, partition } = send;
      removeEverywhere(history, partition, (record) => record.offset >= baseOffset);
      for (const read of fullReads(history, partition)) {
        read.batches = read.batches.filter((batch) => batch.baseOffset < baseOffset);
      }
      return partition;
    },
  },

  'failed-write-read': {
    'a write that was refused is read'(history, random) {
      const send = pick(placed(history), random);
      if (!send) return null;
      send.outcome = 'fail';
      return send.partition;
    },
  },

  phantom: {
    'a record that nobody sent lies where another was'(history, random) {
      const list = somePoll(history, 1, random);
      if (!list) return null;
      const { offset } = list.records[random(list.records.length)];
      for (const read of readsOf(history, list.partition)) {
        for (const record of read) if (record.offset === offset) Object.assign(record, foreign(offset));
      }
      return list.partition;
    },
    'a record that nobody sent lies at the end'(history, random) {
      const read = pick(everyRead(history), random);
      if (!read) return null;
      const offset = read.records.length;
      read.records.push(foreign(offset));
      read.batches.push({ baseOffset: offset, lastOffset: offset, count: 1 });
      return read.partition;
    },
  },

  'torn-batch': {
    'the second part of a batch is missing'(history, random) {
      const fit = sends(history).filter((send) => send.records.length > 1 && send.outcome !== 'fail');
      const send = pick(fit, random);
      if (!send) return null;
      const cut = 1 + random(send.records.length - 1);
      const gone = new Set(send.records.slice(cut).map((record) => record.value));
      let there = false;
      removeEverywhere(history, send.partition, ({ value }) => {
        there ||= gone.has(value);
        return gone.has(value);
      });
      return there ? send.partition : null;
    },
    'two records of a batch have changed places'(history, random) {
      const send = pick(
        placed(history).filter((one) => one.records.length > 1),
        random,
      );
      if (!send) return null;
      const at = send.baseOffset + random(send.records.length - 1);
      for (const list of readsOf(history, send.partition)) {
        for (const record of list) {
          const place = record.offset === at ? 1 : record.offset === at + 1 ? 0 : -1;
          if (place !== -1) Object.assign(record, send.records[at - send.baseOffset + place]);
        }
      }
      return send.partition;
    },
    'a batch that was sent again lies there once more in part'(history, random) {
      const fit = placed(history).filter((send) => !send.idempotent && send.records.length > 1);
      const send = pick(fit, random);
      if (!send) return null;
      appendToReads(history, send.partition, send.records.slice(0, 1 + random(send.records.length - 1)));
      return send.partition;
    },
  },

  content: {
    'a poll brings other bytes'(history, random) {
      const list = somePoll(history, 1, random);
      if (!list) return null;
      list.records[random(list.records.length)].hash = 'changed';
      return list.partition;
    },
    'other bytes lie in the log from then on'(history, random) {
      const read = someRead(history, 1, random);
      if (!read) return null;
      const { offset } = read.records[random(read.records.length)];
      for (const list of readsOf(history, read.partition)) {
        for (const record of list) if (record.offset === offset) record.hash = 'changed';
      }
      return read.partition;
    },
  },

  'int-poll-skip': {
    'a poll leaves out a record'(history, random) {
      const list = somePoll(history, 3, random);
      if (!list) return null;
      list.records.splice(1 + random(list.records.length - 2), 1);
      return list.partition;
    },
  },

  'int-nonmonotonic-poll': {
    'a poll brings two records in the wrong order'(history, random) {
      const list = somePoll(history, 2, random);
      if (!list) return null;
      swap(list.records, random(list.records.length - 1));
      return list.partition;
    },
    'a poll brings a record twice'(history, random) {
      const list = somePoll(history, 1, random);
      if (!list) return null;
      const at = random(list.records.length);
      list.records.splice(at, 0, { ...list.records[at] });
      return list.partition;
    },
  },

  'poll-skip': {
    'a poll goes on behind the next record'(history, random) {
      const turn = pick(
        turns(history).filter(({ before, records }) => before && records.length > 1),
        random,
      );
      turn?.records.shift();
      return turn?.partition ?? null;
    },
    'the first poll begins behind where it was to begin'(history, random) {
      const turn = pick(
        turns(history).filter(({ before, records }) => before === null && records.length > 1),
        random,
      );
      turn?.records.shift();
      return turn?.partition ?? null;
    },
  },

  'nonmonotonic-poll': {
    'a poll brings the last record again'(history, random) {
      const turn = pick(
        turns(history).filter(({ before }) => before),
        random,
      );
      if (!turn?.before) return null;
      turn.records.unshift({ ...turn.before[turn.before.length - 1] });
      return turn.partition;
    },
    'a poll brings all of the last one again'(history, random) {
      const turn = pick(
        turns(history).filter(({ before }) => before),
        random,
      );
      if (!turn?.before) return null;
      turn.records.unshift(...turn.before.map((record) => ({ ...record })));
      return turn.partition;
    },
  },

  'nonmonotonic-send': {
    'two batches of one producer have changed places'(history, random) {
      const first = pick(placed(history), random);
      if (!first) return null;
      const fit = placed(history).filter(
        ({ process, partition, records, baseOffset }) =>
          process === first.process &&
          partition === first.partition &&
          records.length === first.records.length &&
          baseOffset !== first.baseOffset,
      );
      const second = pick(fit, random);
      if (!second) return null;
      const at = new Map([
        ...first.records.map((record, i) => [second.baseOffset + i, record] as const),
        ...second.records.map((record, i) => [first.baseOffset + i, record] as const),
      ]);
      for (const list of readsOf(history, first.partition)) {
        for (const record of list) Object.assign(record, at.get(record.offset));
      }
      [first.baseOffset, second.baseOffset] = [second.baseOffset, first.baseOffset];
      return first.partition;
    },
  },

  hole: {
    'an offset is left out'(history, random) {
      const read = someRead(history, 1, random);
      if (!read) return null;
      shift(history, read.partition, read.records[random(read.records.length)].offset, 1);
      return read.partition;
    },
    'a full read leaves out a record'(history, random) {
      const read = someRead(history, 2, random);
      if (!read) return null;
      read.records.splice(random(read.records.length - 1), 1);
      return read.partition;
    },
  },

  'batch-arithmetic': {
    'a header counts one record more or less': inHeaders(
      (read) => read.batches.length > 0,
      (batches, random) => {
        batches[random(batches.length)].count += random(2) === 0 ? 1 : -1;
      },
    ),
    'a header ends at another offset': inHeaders(
      (read) => read.batches.length > 0,
      (batches, random) => {
        batches[random(batches.length)].lastOffset += random(2) === 0 ? 1 : -1;
      },
    ),
    'a header begins at another offset': inHeaders(
      (read) => read.batches.length > 0,
      (batches, random) => {
        batches[random(batches.length)].baseOffset += random(2) === 0 ? 1 : -1;
      },
    ),
    'a batch is missing': inHeaders(
      (read) => read.batches.length > 0,
      (batches, random) => {
        batches.splice(random(batches.length), 1);
      },
    ),
  },

  're-read': {
    'two reads of one log differ in a byte'(history, random) {
      const read = pick(everyRead(history), random);
      if (!read) return null;
      const twins = fullReads(history, read.partition).filter((other) => other.records.length === read.records.length);
      if (twins.length < 2) return null;
      read.bytesHash = 'other bytes';
      return read.partition;
    },
  },

  'list-offsets': {
    'a log ends behind its last record'(history, random) {
      const answer = pick(
        listed(history).filter(({ at }) => at === 'latest'),
        random,
      );
      if (!answer) return null;
      answer.offset = endOf(history, answer.partition) + 1 + random(3);
      return answer.partition;
    },
    'a log begins behind its first record'(history, random) {
      const answer = pick(
        listed(history).filter(({ at }) => at === 'earliest'),
        random,
      );
      if (!answer) return null;
      answer.offset += 1 + random(3);
      return answer.partition;
    },
    'a look-up by time finds a record too late': wrongForTime(
      ({ offset }) => offset !== -1,
      ({ offset }) => offset + 1,
    ),
    'a look-up by time finds a record too early': wrongForTime(
      ({ offset }) => offset > 0,
      ({ offset }) => offset - 1,
    ),
    'a look-up by time finds nothing'(history, random) {
      const known = (answer: ListedDraft) =>
        Math.max(
          endBy(history, answer.partition, answer.invoked, 'send'),
          endBy(history, answer.partition, answer.invoked, 'poll'),
        );
      return wrongForTime(
        (answer) => answer.offset !== -1 && answer.offset < known(answer),
        () => -1,
      )(history, random);
    },
    'a look-up by time finds a record that is not so young'(history, random) {
      const older = ({ partition, at }: ListedDraft) =>
        fullReads(history, partition)
          .at(-1)
          ?.records.findLast(({ timestampMs }) => timestampMs < Number(at))?.offset ?? -1;
      return wrongForTime((answer) => answer.offset === -1 && older(answer) !== -1, older)(history, random);
    },
  },

  'went-back': {
    'a log ends before what was acknowledged': endGoesBack('send'),
    'a log ends before what was read': endGoesBack('poll'),
    'a log ends before where it had ended': endGoesBack('list-offsets'),
    'a full read ends before the end'(history, random) {
      const fit = everyRead(history).flatMap((read) => {
        const by = (f: 'send' | 'poll' | 'list-offsets' | 'read-all') =>
          endBy(history, read.partition, read.invoked, f);
        const end = Math.max(by('send'), by('poll'), by('list-offsets'), by('read-all'));
        return end > 0 ? [{ read, end }] : [];
      });
      const found = pick(fit, random);
      if (!found) return null;
      const { read } = found;
      const end = random(found.end);
      read.records = read.records.filter((record) => record.offset < end);
      read.batches = read.batches.filter((batch) => batch.baseOffset < end);
      return read.partition;
    },
    'a log begins before where it had begun'(history, random) {
      const asked = listed(history).filter(({ at }) => at === 'earliest');
      const fit = asked.filter((early) =>
        asked.some((late) => late.partition === early.partition && late.invoked > early.completed),
      );
      const early = pick(fit, random);
      if (!early) return null;
      early.offset += 1 + random(3);
      return early.partition;
    },
  },

  'committed-offset': {
    'a committed offset is forgotten'(history, random) {
      const found = keptCommit(history, random);
      if (!found) return null;
      found.read.offsets[found.partition] = -1;
      return found.partition;
    },
    'a committed offset is one of before'(history, random) {
      const found = keptCommit(history, random);
      if (!found) return null;
      const { read, partition, least } = found;
      const older = commits(history)
        .filter(({ group, invoked }) => group === read.group && invoked < read.invoked)
        .flatMap(({ offsets }) => (offsets[partition] < least ? [offsets[partition]] : []));
      read.offsets[partition] = pick(older, random) ?? least - 1;
      return partition;
    },
    'a committed offset was never committed'(history, random) {
      const read = pick(committedReads(history), random);
      const partition = read && pick(Object.keys(read.offsets), random);
      if (!read || partition === undefined) return null;
      const ever = new Set(commits(history).map(({ offsets }) => offsets[partition]));
      do read.offsets[partition] += 1;
      while (ever.has(read.offsets[partition]));
      return partition;
    },
    'a committed offset that was read back is gone'(history, random) {
      const reads = committedReads(history);
      const fit = reads.flatMap((late) =>
        Object.keys(late.offsets)
          .filter((partition) =>
            reads.some(
              (early) =>
                early.group === late.group && early.completed < late.invoked && (early.offsets[partition] ?? -1) > 0,
            ),
          )
          .map((partition) => ({ late, partition })),
      );
      const found = pick(fit, random);
      if (!found) return null;
      const { late, partition } = found;
      // Nobody was told that any of them was taken: that the first read saw one is all there is.
      for (const commit of commits(history)) if (partition in commit.offsets) commit.outcome = 'info';
      late.offsets[partition] = -1;
      return partition;
    },
  },
};
