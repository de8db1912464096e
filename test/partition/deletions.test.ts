/** Deletions of one disk: in order, one at a time; how many wait is told, and whoever is in a hurry stops the pauses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeletionJob, Deletions } from '../../src/partition/deletions.js';
import { Handover } from '../../src/ring/handover.js';

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

test('one deletion at a time, in order, each told how many wait', async () => {
  const jobs = new HeldJobs();
  const deletions = new Deletions(jobs.run);
  const all = ['a', 'b', 'c'].map((path) => deletions.add([path]));
  await null;
  assert.deepEqual(jobs.last.paths, ['a']);
  assert.equal(jobs.last.handover.waiting, 2);
  all.push(deletions.add(['d']));
  assert.equal(jobs.last.handover.waiting, 3);
  for (const [at, waiting] of [2, 1, 0].entries()) {
    jobs.last.end();
    await all[at];
    assert.equal(jobs.begun.length, at + 2);
    assert.equal(jobs.last.handover.waiting, waiting);
    assert.equal(jobs.last.handover.stopped, false);
  }
  jobs.last.end();
  await Promise.all(all);
  assert.deepEqual(
    jobs.begun.flatMap(({ paths }) => paths),
    ['a', 'b', 'c', 'd'],
  );
});

test('hurry reaches what was added before, and nothing that comes later', async () => {
  const jobs = new HeldJobs();
  const deletions = new Deletions(jobs.run);
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
