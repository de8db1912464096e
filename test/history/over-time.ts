/** The rules that speak of before and after: what was once true of a log's ends and of committed offsets stays true. Test process. */
import type { Report } from './checker.js';
import type { Committed, ListOffsets, Operation, ReadAll } from './history.js';
import type { PartitionView } from './partition-view.js';

/** Lower bounds that were known when an operation was called; its answer may not lie below them. */
interface Known {
  readonly bounds: ReadonlyMap<string, number>;
}

/** Walks calls and returns in the order in which they happened. */
export function checkOverTime(
  inOrder: readonly Operation[],
  viewOf: (name: string) => PartitionView,
  report: Report,
): void {
  const events = inOrder.flatMap((operation) => [
    { at: operation.invoked, operation, call: true },
    { at: operation.completed, operation, call: false },
  ]);
  events.sort((a, b) => a.at - b.at);
  const bounds = new Map<string, number>();
  const raise = (key: string, to: number): void => {
    if (to > (bounds.get(key) ?? -1)) bounds.set(key, to);
  };
  const known = new Map<Operation, Known>();
  const offered = new Map<string, Set<number>>();

  for (const { operation, call } of events) {
    if (call) {
      if (operation.f === 'read-all') known.set(operation, snapshot(bounds, `${operation.partition} `));
      if (operation.f === 'list-offsets') known.set(operation, snapshot(bounds, `${operation.partition} `));
      if (operation.f === 'committed') known.set(operation, snapshot(bounds, `commit ${operation.group} `));
      if (operation.f === 'commit') {
        for (const [partition, offset] of Object.entries(operation.offsets)) {
          const key = `commit ${operation.group} ${partition}`;
          const values = offered.get(key) ?? new Set([-1]);
          offered.set(key, values.add(offset));
        }
      }
      continue;
    }
    switch (operation.f) {
      case 'send':
        if (operation.outcome === 'ok' && operation.baseOffset !== null) {
          raise(`${operation.partition} end`, operation.baseOffset + operation.records.length);
        }
        break;
      case 'poll':
        for (const [partition, records] of Object.entries(operation.records)) {
          for (const record of records) raise(`${partition} end`, record.offset + 1);
        }
        break;
      case 'commit':
        if (operation.outcome !== 'ok') break;
        for (const [partition, offset] of Object.entries(operation.offsets)) {
          raise(`commit ${operation.group} ${partition}`, offset);
        }
        break;
      case 'committed':
        checkCommitted(operation, known.get(operation)?.bounds, offered, report);
        for (const [partition, offset] of Object.entries(operation.offsets)) {
          raise(`commit ${operation.group} ${partition}`, offset);
        }
        break;
      case 'read-all':
        checkReadEnd(operation, known.get(operation)?.bounds, report);
        raise(`${operation.partition} end`, endOf(operation));
        break;
      case 'list-offsets':
        checkListed(operation, known.get(operation)?.bounds, viewOf(operation.partition), report);
        if (operation.at === 'earliest') raise(`${operation.partition} start`, operation.offset);
        if (operation.at === 'latest') raise(`${operation.partition} end`, operation.offset);
        break;
    }
  }
}

function snapshot(bounds: ReadonlyMap<string, number>, prefix: string): Known {
  return { bounds: new Map([...bounds].filter(([key]) => key.startsWith(prefix))) };
}

function checkCommitted(
  read: Committed,
  bounds: ReadonlyMap<string, number> | undefined,
  offered: ReadonlyMap<string, ReadonlySet<number>>,
  report: Report,
): void {
  for (const [partition, offset] of Object.entries(read.offsets)) {
    const key = `commit ${read.group} ${partition}`;
    const least = bounds?.get(key) ?? -1;
    if (offset < least || !(offered.get(key) ?? new Set([-1])).has(offset)) {
      report('committed-offset', partition, `${read.group} reads ${offset} after ${least} was committed`);
    }
  }
}

/** One more than the last offset of a full read. */
const endOf = ({ records }: ReadAll): number => (records.at(-1)?.offset ?? -1) + 1;

function checkReadEnd(read: ReadAll, bounds: ReadonlyMap<string, number> | undefined, report: Report): void {
  const leastEnd = bounds?.get(`${read.partition} end`) ?? 0;
  const end = endOf(read);
  if (end < leastEnd) report('went-back', read.partition, `a read ends at ${end} after a log end of ${leastEnd}`);
}

function checkListed(
  answer: ListOffsets,
  bounds: ReadonlyMap<string, number> | undefined,
  view: PartitionView,
  report: Report,
): void {
  const { partition, at, offset } = answer;
  const leastEnd = bounds?.get(`${partition} end`) ?? 0;
  if (at === 'earliest') {
    const least = bounds?.get(`${partition} start`) ?? 0;
    if (offset < least) report('went-back', partition, `log start ${offset} after ${least}`);
    // Nothing deletes records here, so a log begins where it began.
    if (offset > 0) report('list-offsets', partition, `log start ${offset} although nothing was deleted`);
  } else if (at === 'latest') {
    if (offset < leastEnd) report('went-back', partition, `log end ${offset} after ${leastEnd}`);
    if (view.finalEnd !== null && offset > view.finalEnd) {
      report('list-offsets', partition, `log end ${offset}, but the last record is at ${view.finalEnd - 1}`);
    }
  } else {
    const first = view.firstAtOrAfter(at);
    // A log only grows: the first record of an age stays the first; "none" may become wrong by later records alone.
    const right = offset === -1 ? first === -1 || (first ?? 0) >= leastEnd : offset === first;
    if (first !== null && !right) report('list-offsets', partition, `${offset} for time ${at}, not ${first}`);
  }
}
