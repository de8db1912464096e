/** Deletions of one disk: in order, one at a time; for how long others wait is told, and whoever is in a hurry stops the pauses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeletionJob, Deletions } from '../../src/partition/deletions.js';
import { Handover } from '../../src/ring/handover.js';
import { FakeClock } from '../base/fake-clock.js';

/** Stands for the pool: each job lasts until it is ended here. */
class HeldJobs {
  readonly begun: { readonly paths: readonly string[]; readonly handover: Handover<never, never>; end(): void }[] = [];

  readonly run = (job: DeletionJob): Promise<void> =>
    new Promise((resolve) => {
      this.begun.push({ paths: job.paths, handover: new Handover(job.handover), end: resolve });
    });

  get last(): (typeof this.begun)[number] {
    return this.begun[this.begun.length - 1];
  }
}

test('one deletion at a time, in order, each told for how long the next one has waited', async () => {
  const clock = new FakeClock();
  const jobs = new HeldJobs();
  const deletions = new Deletions(clock, jobs.run);
  const waitingMs = (): number => jobs.last.handover.waitingMs(clock.nowMs());
  const all = [deletions.add(['a'])];
  await null;
  assert.equal(waitingMs(), 0);
  for (const path of ['b', 'c']) {
    clock.advance(5000);
    all.push(deletions.add([path]));
  }
  clock.advance(5000);
  assert.deepEqual(jobs.last.paths, ['a']);
  assert.equal(waitingMs(), 10_000);
  jobs.last.end();
  await all[0];
  assert.deepEqual(jobs.last.paths, ['b']);
  assert.equal(waitingMs(), 5000);
  jobs.last.end();
  await all[1];
  assert.deepEqual(jobs.last.paths, ['c']);
  assert.equal(waitingMs(), 0);
  assert.equal(jobs.last.handover.stopped, false);
  jobs.last.end();
  await Promise.all(all);
});

test('hurry reaches what was added before, and nothing that comes later', async () => {
  const jobs = new HeldJobs();
  const deletions = new Deletions(new FakeClock(), jobs.run);
  const first = deletions.add(['a']);
  const second = deletions.add(['b']);
  await null;
  deletions.hurry();
  const third = deletions.add(['c']);
  assert.equal(jobs.last.handover.stopped, true);
  jobs.last.end();
  await first;
  assert.equal(jobs.last.handover.stopped, true);
  jobs.last.end();
  await second;
  assert.equal(jobs.last.handover.stopped, false);
  const ended = deletions.end();
  assert.equal(jobs.last.handover.stopped, true);
  const fourth = deletions.add(['d']);
  jobs.last.end();
  await Promise.all([third, ended]);
  await null;
  assert.equal(jobs.last.handover.stopped, true);
  jobs.last.end();
  await fourth;
});
