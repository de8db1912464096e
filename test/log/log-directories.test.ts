/** The folders of log.dirs: whose they are, what goes where, and that nothing begins afresh beside what is only missing. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { randomUuid } from '../../src/base/uuid.js';
import { writePartitionTopicId } from '../../src/log/checkpoint.js';
import { type FileSystem, nodeFileSystem } from '../../src/log/file-system.js';
import { LogDirectories, type LogDirectory } from '../../src/log/log-directories.js';
import { placeOn } from '../../src/partition/placement.js';
import { temporaryFolder } from '../temp-folder.js';
import { systemError } from './fake-file-system.js';

const CATALOGUE = 'catalogue-0';
const TOPIC_ID = randomUuid();

function directories(paths: readonly string[], files: FileSystem = nodeFileSystem): LogDirectories {
  const parts = { files, logger: silentLogger, nodeId: 1, clusterId: null };
  return new LogDirectories({ ...parts, catalogueFolder: CATALOGUE }, paths);
}

function claimed(paths: readonly string[], known = new Map<string, string>(), files?: FileSystem): LogDirectories {
  const all = directories(paths, files);
  all.claimFirst();
  try {
    all.claimOthers(known);
  } catch (error) {
    all.release(false, null);
    throw error;
  }
  mkdirSync(join(all.first.path, CATALOGUE), { recursive: true });
  return all;
}

function threePaths(): string[] {
  const folder = temporaryFolder('log-dirs');
  return ['a', 'b', 'c'].map((name) => join(folder, name));
}

function put(folder: string, topicId = TOPIC_ID): void {
  mkdirSync(join(folder, 'logs-0'), { recursive: true });
  writePartitionTopicId(nodeFileSystem, join(folder, 'logs-0'), topicId);
}

const logs = (directoryId: string | null) => ({ topic: 'logs', topicId: TOPIC_ID, index: 0, directoryId });
const pathOf = (home: LogDirectory | string): string => (typeof home === 'string' ? home : home.path);

test('new partitions go where there are the fewest, and not where the disk is in trouble', () => {
  const all = claimed(threePaths());
  const [a, b, c] = all.all;
  a.partitionCount = 3;
  b.partitionCount = 1;
  assert.deepEqual(all.deal(5), [c.id, b.id, c.id, b.id, c.id]);
  c.trouble = 'it refuses writes';
  assert.deepEqual(all.deal(3), [b.id, b.id, null]);
  all.release(true, null);
});

test('folders keep their identity in any order, and with the catalogue in any place', () => {
  const paths = threePaths();
  const before = claimed(paths);
  const ids = before.all.map(({ id }) => id);
  before.release(true, () => []);
  const after = claimed([paths[2], paths[1], paths[0]]);
  assert.deepEqual(
    after.all.map(({ id }) => id),
    [ids[2], ids[1], ids[0]],
  );
  assert.equal(after.first.path, paths[0]);
  assert.equal(after.clean, true);
  assert.equal(pathOf(after.homeOf(logs(ids[1]))), paths[1]);
  assert.equal(pathOf(after.homeOf(logs(null))), paths[0]);
  after.release(true, () => []);
});

test('without the folder that has the catalogue nothing is begun afresh', () => {
  const paths = threePaths();
  claimed(paths).release(true, () => []);
  renameSync(paths[0], `${paths[0]}-away`);
  assert.throws(() => directories(paths), /belongs to a catalogue that is in none of the folders.*is its disk mounted/);
  assert.equal(nodeFileSystem.exists(paths[0]), false, 'not even a folder was made');
});

test('an empty folder in the place of one that partitions live in is not taken for it', () => {
  const paths = threePaths();
  const before = claimed(paths);
  const [, { id }] = before.all;
  assert.ok(id !== null);
  before.release(true, () => []);
  renameSync(paths[1], `${paths[1]}-away`);
  mkdirSync(paths[1]);
  const known = new Map([[id, paths[1]]]);
  const after = claimed(paths, known);
  assert.match(after.all[1].trouble ?? '', /is empty, and partitions live in the one that was there/);
  assert.deepEqual(nodeFileSystem.readdir(paths[1]), []);
  assert.match(pathOf(after.homeOf(logs(id))), new RegExp(`is missing \\(id ${id}, last at ${paths[1]}\\)`));
  after.release(true, () => []);
  // Nobody lives there any more: it is a folder like any other.
  const later = claimed(paths);
  assert.equal(later.all[1].trouble, null);
  later.release(true, () => []);
});

test('a folder whose disk fails is left out, one that belongs to somebody else ends the start', () => {
  const paths = threePaths();
  const failing: FileSystem = {
    ...nodeFileSystem,
    readFile(path) {
      if (path.startsWith(paths[2])) throw systemError('EIO');
      return nodeFileSystem.readFile(path);
    },
  };
  const all = claimed(paths, new Map(), failing);
  assert.match(all.all[2].trouble ?? '', /cannot be read: EIO/);
  assert.equal(all.all[1].trouble, null);
  all.release(true, () => []);
  const foreign = threePaths();
  claimed([foreign[0]]).release(true, () => []);
  assert.throws(() => claimed([paths[0], foreign[0]]), /have a catalogue each/);
  const alsoForeign = threePaths();
  claimed(alsoForeign).release(true, () => []);
  assert.throws(() => claimed([paths[0], alsoForeign[1]]), /belongs to the one with id .* cannot be served together/);
});

test('a partition that was moved by hand is found, a second copy is left alone, an older one is not served', () => {
  const paths = threePaths();
  const before = claimed(paths);
  const [, b, c] = before.all.map(({ id }) => id as string);
  before.release(true, () => []);
  put(paths[2]);
  put(paths[0], randomUuid());
  const moved = claimed(paths);
  assert.equal(pathOf(moved.homeOf(logs(b))), paths[2]);
  moved.release(true, () => []);
  put(paths[1]);
  const twice = claimed(paths);
  assert.equal(pathOf(twice.homeOf(logs(b))), paths[1]);
  assert.match(pathOf(twice.homeOf(logs(null))), new RegExp(`is in ${paths[1]} and ${paths[2]}; leave it in one`));
  twice.release(true, () => []);
  renameSync(paths[2], `${paths[2]}-away`);
  const without = claimed(paths, new Map([[c, paths[2]]]));
  assert.match(pathOf(without.homeOf(logs(c))), /is missing .* may be older/);
  without.release(true, () => []);
  // The operator takes the lost folder out of log.dirs: what was saved of it is all there is.
  const given = claimed(paths.slice(0, 2), new Map([[c, paths[2]]]));
  assert.equal(pathOf(given.homeOf(logs(c))), paths[1]);
  given.release(true, () => []);
});

test('a shard serves one folder as long as there are enough of them', () => {
  for (const shards of [1, 2, 3, 4, 7, 16]) {
    for (const folders of [1, 2, 3, 5]) {
      const owners = new Map<number, Set<number>>();
      for (let folder = 0; folder < folders; folder++) {
        for (let index = 0; index < 100; index++) {
          const shard = placeOn(shards, 'logs', index, folders, folder);
          assert.ok(shard >= 0 && shard < shards, `${shard} of ${shards}`);
          owners.set(shard, (owners.get(shard) ?? new Set()).add(folder));
        }
      }
      if (shards < folders) continue;
      assert.equal(owners.size, shards, 'every shard has something to do');
      for (const served of owners.values()) assert.equal(served.size, 1);
    }
  }
});
