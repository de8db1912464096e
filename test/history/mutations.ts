/** Plants one fault of a given class in a good history. Test process. */
import type { AnomalyClass } from './checker.js';
import type { Random } from './good-history.js';
import type { Committed, ListOffsets, Operation, Poll, ReadAll, ReadRecord, Send } from './history.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };
type Draft = Mutable<Operation>;
type SendDraft = Mutable<Send>;
type PollDraft = Mutable<Poll>;
type RecordDraft = Mutable<ReadRecord>;

/** Changes the history in place; false where it offers no place for this fault. */
type Mutation = (history: Draft[], random: Random) => boolean;

const pick = <T>(items: readonly T[], random: Random): T | undefined => items[random(items.length)];

const sends = (history: Draft[]) => history.filter((operation): operation is SendDraft => operation.f === 'send');
const polls = (history: Draft[]) => history.filter((operation): operation is PollDraft => operation.f === 'poll');
const fullReads = (history: Draft[], partition?: string) =>
  history.filter(
    (operation): operation is Mutable<ReadAll> =>
      operation.f === 'read-all' && (partition === undefined || operation.partition === partition),
  );

/** Every list of records that was read of one partition. */
function reads(history: Draft[], partition: string): RecordDraft[][] {
  return history.flatMap((operation) => {
    if (operation.f === 'poll') return operation.records[partition] ? [operation.records[partition]] : [];
    return operation.f === 'read-all' && operation.partition === partition ? [operation.records] : [];
  });
}

/** Lists of one poll and one partition with at least `least` records. */
function pollLists(history: Draft[], least: number): { partition: string; records: RecordDraft[] }[] {
  return polls(history).flatMap((poll) =>
    Object.entries(poll.records)
      .filter(([, records]) => records.length >= least)
      .map(([partition, records]) => ({ partition, records })),
  );
}

function removeEverywhere(history: Draft[], partition: string, unwanted: (record: RecordDraft) => boolean): void {
  for (const list of reads(history, partition)) {
    for (let i = list.length - 1; i >= 0; i--) if (unwanted(list[i])) list.splice(i, 1);
  }
}

const endOf = (history: Draft[], partition: string) => fullReads(history, partition).at(-1)?.records.length ?? 0;

const acknowledged = (history: Draft[]) =>
  sends(history).filter(
    (send): send is SendDraft & { baseOffset: number } => send.outcome === 'ok' && send.baseOffset !== null,
  );

/** Two polls of an assigned consumer, one right after the other, that both brought records of the partition. */
function consecutivePolls(
  history: Draft[],
  random: Random,
): { before: RecordDraft[]; after: RecordDraft[] } | undefined {
  const found: { before: RecordDraft[]; after: RecordDraft[] }[] = [];
  const last = new Map<string, RecordDraft[]>();
  for (const operation of [...history].sort((a, b) => a.invoked - b.invoked)) {
    if (operation.f === 'assign') {
      for (const key of [...last.keys()]) if (key.startsWith(`${operation.process} `)) last.delete(key);
    }
    if (operation.f !== 'poll' || !history.some((other) => other.f === 'assign' && other.process === operation.process))
      continue;
    for (const [partition, records] of Object.entries(operation.records)) {
      if (records.length === 0) continue;
      const key = `${operation.process} ${partition}`;
      const before = last.get(key);
      if (before) found.push({ before, after: records });
      last.set(key, records);
    }
  }
  return pick(found, random);
}

export const mutations: Readonly<Record<AnomalyClass, Mutation>> = {
  'inconsistent-offsets'(history, random) {
    const list = pick(pollLists(history, 1), random);
    if (!list) return false;
    const victim = list.records[random(list.records.length)];
    const other = pick(
      fullReads(history, list.partition)
        .at(-1)
        ?.records.filter((record) => record.value !== victim.value) ?? [],
      random,
    );
    if (!other) return false;
    victim.value = other.value;
    victim.hash = other.hash;
    return true;
  },

  duplicate(history, random) {
    const send = pick(
      acknowledged(history).filter((candidate) => candidate.idempotent),
      random,
    );
    if (!send) return false;
    const { value, hash } = send.records[random(send.records.length)];
    const offset = endOf(history, send.partition);
    for (const read of fullReads(history, send.partition)) {
      if (read.records.length !== offset) continue;
      read.records.push({ value, hash, offset, timestampMs: 1 });
      read.batches.push({ baseOffset: offset, lastOffset: offset, count: 1 });
    }
    return true;
  },

  'lost-write'(history, random) {
    if (random(2) === 0) {
      // Read by a consumer, and gone after a restart.
      const list = pick(pollLists(history, 1), random);
      if (!list) return false;
      const from = list.records[0].offset;
      for (const read of fullReads(history, list.partition)) {
        read.records = read.records.filter((record) => record.offset < from);
        read.batches = read.batches.filter((batch) => batch.lastOffset < from);
      }
      return true;
    }
    // Of an idempotent producer: a second copy of another's batch may be all that follows.
    const send = pick(
      acknowledged(history).filter((candidate) => candidate.idempotent),
      random,
    );
    if (!send || send.baseOffset + send.records.length >= endOf(history, send.partition)) return false;
    const { value } = send.records[random(send.records.length)];
    removeEverywhere(history, send.partition, (record) => record.value === value);
    return true;
  },

  unseen(history, random) {
    const send = pick(acknowledged(history), random);
    if (!send) return false;
    const { baseOffset } = send;
    removeEverywhere(history, send.partition, (record) => record.offset >= baseOffset);
    return true;
  },

  'failed-write-read'(history, random) {
    const send = pick(acknowledged(history), random);
    if (!send) return false;
    send.outcome = 'fail';
    return true;
  },

  phantom(history, random) {
    const list = pick(pollLists(history, 1), random);
    if (!list) return false;
    const { offset } = list.records[random(list.records.length)];
    for (const read of reads(history, list.partition)) {
      for (const record of read) if (record.offset === offset) record.value = 'from nowhere';
    }
    return true;
  },

  'torn-batch'(history, random) {
    const candidates = sends(history).filter((send) => send.records.length > 1 && send.outcome !== 'fail');
    const send = pick(candidates, random);
    if (!send) return false;
    const places = (value: string) =>
      new Set(
        reads(history, send.partition)
          .flat()
          .filter((record) => record.value === value)
          .map((record) => record.offset),
      ).size;
    // Where the batch was written twice, half of it missing shows as a loss of one copy only.
    if (send.records.some((record) => places(record.value) !== 1)) return false;
    const cut = 1 + random(send.records.length - 1);
    const gone = new Set(send.records.slice(cut).map((record) => record.value));
    removeEverywhere(history, send.partition, (record) => gone.has(record.value));
    return true;
  },

  content(history, random) {
    const list = pick(pollLists(history, 1), random);
    if (!list) return false;
    list.records[random(list.records.length)].hash = 'changed';
    return true;
  },

  'int-poll-skip'(history, random) {
    const list = pick(pollLists(history, 3), random);
    if (!list) return false;
    list.records.splice(1 + random(list.records.length - 2), 1);
    return true;
  },

  'int-nonmonotonic-poll'(history, random) {
    const list = pick(pollLists(history, 2), random);
    if (!list) return false;
    const at = random(list.records.length - 1);
    const [first, second] = list.records.slice(at, at + 2);
    list.records.splice(at, 2, second, first);
    return true;
  },

  'poll-skip'(history, random) {
    const pair = consecutivePolls(history, random);
    if (!pair || pair.after.length < 2) return false;
    pair.after.shift();
    return true;
  },

  'nonmonotonic-poll'(history, random) {
    const pair = consecutivePolls(history, random);
    if (!pair) return false;
    pair.after.unshift({ ...pair.before[pair.before.length - 1] });
    return true;
  },

  'nonmonotonic-send'(history, random) {
    const first = pick(acknowledged(history), random);
    if (!first) return false;
    const sameLine = acknowledged(history).filter(
      (send) => send !== first && send.process === first.process && send.partition === first.partition,
    );
    const second = pick(sameLine, random);
    if (!second) return false;
    [first.invoked, second.invoked] = [second.invoked, first.invoked];
    return true;
  },

  hole(history, random) {
    const read = pick(
      fullReads(history).filter((candidate) => candidate.records.length > 0),
      random,
    );
    if (!read) return false;
    const from = random(read.records.length);
    for (const list of reads(history, read.partition)) {
      for (const record of list) if (record.offset >= from) record.offset += 1;
    }
    for (const send of sends(history)) {
      if (send.partition === read.partition && send.baseOffset !== null && send.baseOffset >= from)
        send.baseOffset += 1;
    }
    return true;
  },

  'batch-arithmetic'(history, random) {
    const read = pick(
      fullReads(history).filter((candidate) => candidate.batches.length > 0),
      random,
    );
    if (!read) return false;
    const at = random(read.batches.length);
    const batch = read.batches[at];
    const fault = random(4);
    if (fault === 0) batch.count += 1;
    else if (fault === 1) batch.lastOffset += 1;
    else if (fault === 2 && at > 0) batch.baseOffset += 1;
    else if (read.batches.length > 1) read.batches.splice(at, 1);
    else batch.count -= 1;
    // Without its first batch a log only begins later, which is no matter of arithmetic.
    return !(read.batches[0].baseOffset > 0);
  },

  're-read'(history, random) {
    const read = pick(fullReads(history), random);
    if (!read) return false;
    const twins = fullReads(history, read.partition).filter((other) => other.records.length === read.records.length);
    if (twins.length < 2) return false;
    read.bytesHash = 'other bytes';
    return true;
  },

  'list-offsets'(history, random) {
    const answer = pick(
      history.filter((operation): operation is Mutable<ListOffsets> => operation.f === 'list-offsets'),
      random,
    );
    if (!answer) return false;
    if (answer.at === 'latest') answer.offset = endOf(history, answer.partition) + 1 + random(3);
    else if (answer.offset === -1) answer.offset = 0;
    else answer.offset += 1;
    return true;
  },

  'went-back'(history, random) {
    const answer = pick(
      history.filter(
        (operation): operation is Mutable<ListOffsets> => operation.f === 'list-offsets' && operation.at === 'latest',
      ),
      random,
    );
    if (!answer) return false;
    const ends = acknowledged(history)
      .filter((send) => send.partition === answer.partition && send.completed < answer.invoked)
      .map((send) => send.baseOffset + send.records.length);
    if (ends.length === 0) return false;
    answer.offset = Math.max(...ends) - 1 - random(2);
    return true;
  },

  'committed-offset'(history, random) {
    const read = pick(
      history.filter((operation): operation is Mutable<Committed> => operation.f === 'committed'),
      random,
    );
    const entry =
      read &&
      pick(
        Object.entries(read.offsets).filter(([, offset]) => offset > 0),
        random,
      );
    if (!read || !entry) return false;
    const [partition, offset] = entry;
    const commit = history.some(
      (operation) =>
        operation.f === 'commit' &&
        operation.outcome === 'ok' &&
        operation.completed < read.invoked &&
        operation.offsets[partition] === offset,
    );
    // Forgotten entirely, gone back, or never committed at all.
    const fault = random(2);
    if (fault === 0 && commit) read.offsets[partition] = random(2) === 0 ? -1 : offset - 1;
    else read.offsets[partition] = 1_000_000;
    return true;
  },
};
