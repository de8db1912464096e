/** Zeros behind the data of a segment: never taken for data, gone from files that are left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeFileSystem, systemError } from './fake-file-system.js';
import { append, DIRECTORY, flush, openLog, readAll, testConfig } from './testbed.js';

const first = `${DIRECTORY}/00000000000000000000.log`;
const config = { preparedBytesMax: 4096 };
const value = (serial: number): string => `${serial}:${'x'.repeat(500)}`;

function filled(files: FakeFileSystem, batches = 40) {
  const log = openLog(files, { config });
  for (let serial = 0; serial < batches; serial++) append(log, { values: [value(serial)] });
  return log;
}

function values(files: FakeFileSystem, log: ReturnType<typeof openLog>): string[] {
  return readAll(files, log).records.map((record) => String(record.value));
}

test('a file with small appends ends in zeros, and the log does not', () => {
  const files = new FakeFileSystem();
  const log = filled(files);
  const content = files.readFile(first);
  assert.equal(content.length % 4096, 0);
  assert.ok(content.length > log.endPosition);
  assert.equal(
    content.subarray(log.endPosition).findIndex((byte) => byte !== 0),
    -1,
  );
  assert.equal(log.sizeBytes, log.endPosition);
});

test('after a clean stop, a roll and a crash no file has room', () => {
  for (const end of ['close', 'roll', 'kill'] as const) {
    const files = new FakeFileSystem();
    let log = filled(files);
    const { endPosition } = log;
    if (end === 'kill') files.kill();
    else log[end]();
    if (end !== 'roll') log = openLog(files, { config, clean: end === 'close' });
    assert.equal(files.readFile(first).length, endPosition, end);
    assert.equal(values(files, log).length, 40, end);
  }
});

test('where the power took a cut back, a sealed segment ends with its data, were the room a byte long', () => {
  for (let bytes = 1; bytes <= 70; bytes++) {
    const files = new FakeFileSystem();
    const log = filled(files, 1);
    const { endPosition } = log;
    // The batch that makes the room as short as that.
    const valueBytes = 4096 - bytes - 2 * endPosition + value(0).length;
    append(log, { values: ['y'.repeat(valueBytes)] });
    assert.ok(Math.abs(4096 - bytes - log.endPosition) <= 3, `${log.endPosition}`);
    const dataEnd = log.endPosition;
    flush(files, log);
    log.roll();
    append(log, { values: [value(1)] });
    files.kill();
    files.setContent(first, Buffer.concat([files.content(first)], 4096));
    const again = openLog(files, { config, recoveryPoint: 2 });
    assert.equal(files.content(first).length, dataEnd);
    assert.equal(values(files, again).length, 3);
  }
});

test('the cut leaves a segment the time of its last append', () => {
  const files = new FakeFileSystem();
  const log = filled(files);
  const before = files.stat(first)?.mtimeMs;
  files.nowMs += 86_400_000;
  log.close();
  assert.notEqual(files.readFile(first).length % 4096, 0);
  assert.ok(Math.abs((files.stat(first)?.mtimeMs ?? 0) - (before ?? 0)) < 86_400_000);
});

test('a disk that has no room for room takes batches all the same', () => {
  const files = new FakeFileSystem();
  const log = openLog(files, { config });
  const writev = files.writev.bind(files);
  let refused = 0;
  files.writev = (fd, buffers, position) => {
    if (buffers.at(-1)?.every((byte) => byte === 0)) {
      refused++;
      throw systemError('ENOSPC');
    }
    return writev(fd, buffers, position);
  };
  for (let serial = 0; serial < 40; serial++) {
    assert.equal(append(log, { values: [value(serial)] }).error, 'NONE');
  }
  assert.ok(refused > 0);
  assert.equal(values(files, log).length, 40);
});

test('none is made where none is wanted', () => {
  const files = new FakeFileSystem();
  const log = openLog(files, { config: { ...testConfig, preparedBytesMax: 0 } });
  for (let serial = 0; serial < 40; serial++) append(log, { values: [value(serial)] });
  assert.equal(files.readFile(first).length, log.endPosition);
});

test('large appends have room where pages differ in size', () => {
  const roomWith = (hasLargePages: boolean): number => {
    const files = new FakeFileSystem();
    files.hasLargePages = hasLargePages;
    const log = openLog(files, { config: { preparedBytesMax: 128 * 1024 } });
    for (let serial = 0; serial < 20; serial++) append(log, { values: ['x'.repeat(16_000)] });
    assert.equal(values(files, log).length, 20);
    const content = files.readFile(first);
    assert.ok(content.subarray(log.endPosition).every((byte) => byte === 0));
    return content.length - log.endPosition;
  };
  assert.ok(roomWith(true) > 0);
  assert.equal(roomWith(false), 0);
});
