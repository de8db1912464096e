/**
 * Judges a history: was anything lost, doubled, reordered, changed, or taken back? Test process.
 *
 * The rules are those of Jepsen's checker for Kafka (inconsistent offsets, duplicates, lost and unseen writes, order of
 * sends and polls), and such as one node without transactions and without retention must keep besides: dense offsets,
 * honest batch headers, unchanged content, committed offsets and ListOffsets answers that agree with the log.
 */
import type { Operation, Poll, ReadAll, ReadRecord, Send } from './history.js';
import { checkOverTime } from './over-time.js';
import { PartitionView } from './partition-view.js';

export type AnomalyClass =
  | 'inconsistent-offsets'
  | 'duplicate'
  | 'lost-write'
  | 'unseen'
  | 'failed-write-read'
  | 'phantom'
  | 'torn-batch'
  | 'content'
  | 'int-poll-skip'
  | 'int-nonmonotonic-poll'
  | 'poll-skip'
  | 'nonmonotonic-poll'
  | 'nonmonotonic-send'
  | 'hole'
  | 'batch-arithmetic'
  | 're-read'
  | 'list-offsets'
  | 'went-back'
  | 'committed-offset';

export interface Anomaly {
  readonly class: AnomalyClass;
  readonly partition: string;
  readonly message: string;
}

export interface Verdict {
  readonly anomalies: readonly Anomaly[];
  /** Of all partitions: batches and records that were acknowledged, left undecided, and read. */
  readonly counts: { readonly acknowledged: number; readonly undecided: number; readonly read: number };
}

export type Report = (anomaly: AnomalyClass, partition: string, message: string) => void;

/** Every anomaly of the history; none for a broker that keeps its promises. */
export function checkHistory(operations: readonly Operation[]): Verdict {
  const anomalies: Anomaly[] = [];
  const report: Report = (name, partition, message) => anomalies.push({ class: name, partition, message });
  const inOrder = [...operations].sort((a, b) => a.invoked - b.invoked);
  const partitions = new Map<string, PartitionView>();
  const viewOf = (name: string): PartitionView => {
    let view = partitions.get(name);
    if (!view) {
      view = new PartitionView(name, report);
      partitions.set(name, view);
    }
    return view;
  };
  const counts = { acknowledged: 0, undecided: 0, read: 0 };

  for (const operation of inOrder) {
    if (operation.f !== 'send') continue;
    viewOf(operation.partition).sent(operation);
    if (operation.outcome === 'ok') counts.acknowledged += operation.records.length;
    if (operation.outcome === 'info') counts.undecided += operation.records.length;
  }
  for (const operation of inOrder) {
    for (const [partition, records] of readsOf(operation)) {
      const view = viewOf(partition);
      for (const record of records) view.saw(record);
      counts.read += records.length;
    }
  }
  for (const operation of inOrder) if (operation.f === 'read-all') viewOf(operation.partition).readAll(operation);
  for (const view of partitions.values()) view.close();
  checkPolls(inOrder, viewOf, report);
  checkSendOrder(inOrder, viewOf, report);
  checkOverTime(inOrder, viewOf, report);
  return { anomalies, counts };
}

function readsOf(operation: Operation): [string, readonly ReadRecord[]][] {
  if (operation.f === 'poll') return Object.entries(operation.records);
  if (operation.f === 'read-all') return [[operation.partition, operation.records]];
  return [];
}

/** Within a poll, and from one poll of a process to its next, each record follows the one before in the log. */
function checkPolls(inOrder: readonly Operation[], viewOf: (name: string) => PartitionView, report: Report): void {
  /** The index that each process reads next; `false` while a group decides what it reads, so that only single polls are judged. */
  const positions = new Map<string, Map<string, number> | false>();
  for (const operation of inOrder) {
    if (operation.f === 'assign') {
      const from = Object.entries(operation.from);
      const next = from.map(([name, offset]) => [name, viewOf(name).indexFrom(offset)] as const);
      positions.set(operation.process, new Map(next));
    }
    if (operation.f === 'subscribe') positions.set(operation.process, false);
    if (operation.f === 'poll') checkPoll(operation, positions.get(operation.process) ?? false, viewOf, report);
    if (operation.f === 'read-all') checkWithin(operation, viewOf(operation.partition), report);
  }
}

function checkPoll(
  poll: Poll,
  position: Map<string, number> | false,
  viewOf: (name: string) => PartitionView,
  report: Report,
): void {
  for (const [partition, records] of Object.entries(poll.records)) {
    if (records.length === 0) continue;
    const view = viewOf(partition);
    checkWithin({ process: poll.process, records }, view, report);
    if (!position) continue;
    const next = position.get(partition);
    const first = view.indexOf(records[0].offset);
    position.set(partition, view.indexOf(records[records.length - 1].offset) + 1);
    if (next === undefined || first === next) continue;
    const where = `${poll.process} read ${records[0].value} at ${records[0].offset}, index ${first} and not ${next}`;
    report(first > next ? 'poll-skip' : 'nonmonotonic-poll', partition, where);
  }
}

function checkWithin(read: Pick<ReadAll, 'process' | 'records'>, view: PartitionView, report: Report): void {
  for (let i = 1; i < read.records.length; i++) {
    const step = view.indexOf(read.records[i].offset) - view.indexOf(read.records[i - 1].offset);
    if (step === 1) continue;
    const where = `${read.process} read ${read.records[i].offset} right after ${read.records[i - 1].offset}`;
    report(step > 1 ? 'int-poll-skip' : 'int-nonmonotonic-poll', view.name, where);
  }
}

/** What a process sent later lies later in the log. */
function checkSendOrder(inOrder: readonly Operation[], viewOf: (name: string) => PartitionView, report: Report): void {
  const last = new Map<string, { send: Send; offset: number }>();
  for (const send of inOrder) {
    if (send.f !== 'send' || send.outcome === 'fail') continue;
    const offset = send.baseOffset ?? viewOf(send.partition).onlyOffsetOf(send.records[0].value);
    if (offset === null) continue;
    const key = `${send.process} ${send.partition}`;
    const before = last.get(key);
    if (before && offset <= before.offset) {
      const message = `${send.records[0].value} at ${offset} was sent after ${before.send.records[0].value} at ${before.offset}`;
      report('nonmonotonic-send', send.partition, message);
    }
    last.set(key, { send, offset });
  }
}
