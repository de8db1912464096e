/** Apache Kafka's own DumpLogSegments reads our segments, indexes, snapshots and epochs, and finds nothing wrong. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { emptyOutcome } from '../../src/log/append-outcome.js';
import { nodeFileSystem } from '../../src/log/file-system.js';
import { FlushSet } from '../../src/log/flush-set.js';
import { encodeBatch } from '../../src/record/record.js';
import { kafkaJars } from '../peers/kafka-jars.js';
import { openLog, readAll } from './testbed.js';

const TOOL = 'org.apache.kafka.tools.DumpLogSegments';

/**
 * What the tool prints where it dislikes something; its exit code stays 0. Of every segment but the first it says that
 * "-1 is followed by" its base offset, Kafka's own included: only other pairs are holes.
 */
const complaints =
  /timestamp mismatch|out of order|Index position|^ +\d+ is followed by|not valid|isvalid: false|Exception|Mismatches|corrupt/i;

/** The first few lines that say so. */
function complaintsIn(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => complaints.test(line))
    .slice(0, 5);
}

it('Apache Kafka finds nothing wrong with our files', (t) => {
  const jars = kafkaJars();
  if ('missing' in jars) {
    t.skip(`not compared with Apache Kafka: ${jars.missing}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-dump-'));
  try {
    const directory = join(folder, 'logs-0');
    mkdirSync(directory);
    const records = writeLog(directory);
    const names = readdirSync(directory);
    const paths = (suffix: string): string =>
      names
        .filter((name) => name.endsWith(suffix))
        .map((name) => join(directory, name))
        .join();
    assert.ok(names.filter((name) => name.endsWith('.log')).length > 3);
    const dumped = dump(jars.classPath, ['--deep-iteration', '--print-data-log', '--files', paths('.log')]);
    assert.deepEqual(complaintsIn(dumped), []);
    assert.equal(dumped.match(/^\| offset: /gm)?.length, records);
    const batches = dumped.match(/^baseOffset: .*$/gm) ?? [];
    assert.ok(batches.length > 0 && batches.every((line) => line.includes('isvalid: true')));
    const indexes = `${paths('.index')},${paths('.timeindex')}`;
    const verified = dump(jars.classPath, ['--verify-index-only', '--files', indexes]);
    assert.deepEqual(complaintsIn(verified), []);
    const checked = dump(jars.classPath, ['--index-sanity-check', '--files', paths('.index')]);
    assert.equal(checked.match(/passed sanity check/g)?.length, names.filter((name) => name.endsWith('.index')).length);
    const snapshots = dump(jars.classPath, ['--files', paths('.snapshot')]);
    assert.deepEqual(complaintsIn(snapshots), []);
    assert.ok(/producerId: 77 producerEpoch: 3/.test(snapshots), snapshots.slice(0, 500));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** What the tool prints. */
function dump(classPath: string, args: readonly string[]): string {
  const result = spawnSync('java', ['-XX:TieredStopAtLevel=1', '-cp', classPath, TOOL, ...args], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (result.error !== undefined) throw result.error;
  return `${result.stdout}${result.stderr}`;
}

/** Batches of many shapes over several segments, with a clean restart and a kill in between; returns the records' number. */
function writeLog(directory: string): number {
  const files = nodeFileSystem;
  const config = { segmentBytesMax: 60_000, indexIntervalBytes: 4096 };
  const topicId = 'q83vEjRWeJCrze8SNFZ4kA';
  let log = openLog(files, { directory, config, topicId });
  let records = 0;
  let sequence = 0;
  const outcome = emptyOutcome();
  const set = new FlushSet();
  for (let i = 0; i < 600; i++) {
    const count = 1 + (i % 7);
    const timestampMs = 1_700_000_000_000 + ((i * 7919) % 5000);
    const batch = encodeBatch({
      records: Array.from({ length: count }, (_, k) => ({
        key: k % 3 === 0 ? null : Buffer.from(`key-${k}`),
        value: i % 11 === 0 ? null : Buffer.from(`${i}-${k}-`.repeat(20)),
        timestampMs: timestampMs + k,
        headers: k % 2 === 0 ? [] : [{ key: 'h', value: Buffer.from('v') }],
      })),
      compression: i % 5 === 0 ? 'gzip' : 'none',
      ...(i % 2 === 0 ? { producerId: 77, producerEpoch: 3, baseSequence: sequence } : {}),
    });
    if (i % 2 === 0) sequence += count;
    log.stage(batch, 0, batch.length, timestampMs, true, outcome);
    assert.equal(outcome.error, 'NONE');
    records += count;
    if (i % 4 === 3) log.write();
    if (i === 200) {
      log.close();
      log = openLog(files, { directory, config, clean: true, leaderEpoch: 1 });
    }
    if (i === 400) {
      log.write();
      log.abandon();
      log = openLog(files, { directory, config, leaderEpoch: 2 });
    }
  }
  log.write();
  set.clear();
  log.collectUnflushed(set);
  for (const fd of set.files) files.fdatasync(fd);
  log.onFlushed();
  assert.equal(readAll(files, log, 20_000).records.length, records);
  log.close();
  return records;
}
