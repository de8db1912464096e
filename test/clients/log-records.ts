/** Records made of log lines, and what it means that they came back untouched. Test process. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { noRealLogs, realLogLines } from '../project-root.js';

/** One record as clients of every language tell it. */
export interface ClientRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly timestampMs: number;
}

export interface ReadClientRecord extends ClientRecord {
  readonly offset: number;
}

const MADE_LINES = 2_000;
const FIRST_TIMESTAMP_MS = 1_700_000_000_000;

/** The lines of a real log, or as many made ones (said so in the test's output) where the collection is absent. */
export function logLines(t: TestContext, file: string): string[] {
  const real = realLogLines(file);
  if (real) return real;
  t.diagnostic(`${noRealLogs}; made lines instead`);
  return Array.from(
    { length: MADE_LINES },
    (_, i) =>
      `Nov 22 17:${String(i % 60).padStart(2, '0')}:00 host app[${i}]: connection from 10.0.${i % 256}.7 closed ünder ${i} ms`,
  );
}

/** Log lines spread over partitions, with keys (some null), headers (some none) and timestamps of their own. */
export function logRecords(t: TestContext, file: string, partitions: number, count: number): ClientRecord[] {
  const lines = logLines(t, file);
  return Array.from({ length: count }, (_, i) => ({
    partition: i % partitions,
    key: i % 7 === 0 ? null : `${file}:${i}`,
    value: lines[i % lines.length],
    headers:
      i % 3 === 0
        ? []
        : [
            ['file', file],
            ['line', String(i)],
          ],
    timestampMs: FIRST_TIMESTAMP_MS + i * 7 - (i % 5) * 3,
  }));
}

/** Per partition the same records in the same order at offsets that grow by one from `firstOffset`. */
export function assertSameRecords(
  read: readonly ReadClientRecord[],
  sent: readonly ClientRecord[],
  firstOffset = 0,
): void {
  const partitions = new Set([...sent, ...read].map((record) => record.partition));
  for (const partition of partitions) {
    const got = read.filter((record) => record.partition === partition);
    const want = sent
      .filter((record) => record.partition === partition)
      .map((record, i) => ({ ...record, offset: firstOffset + i }));
    // One difference says more than a listing of thousands.
    for (const [i, record] of want.entries()) assert.deepEqual(got[i], record, `record ${i} of partition ${partition}`);
    assert.equal(got.length, want.length, `number of records in partition ${partition}`);
  }
}

/** The same lines in the same order. */
export function assertSameLines(read: readonly string[], sent: readonly string[]): void {
  for (const [i, line] of sent.entries()) assert.equal(read[i], line, `line ${i}`);
  assert.equal(read.length, sent.length);
}

export function toJsonLines(records: readonly ClientRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

export function fromJsonLines(text: string): ReadClientRecord[] {
  return text
    .split('\n')
    .filter((line) => line.length > 0)
    .map((line) => JSON.parse(line) as ReadClientRecord);
}
