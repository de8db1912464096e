/** Whatever has become of its caches, a data folder starts, and holds what it held: they are made anew from the logs. Test process. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, suite, test } from 'node:test';
import { createBroker } from '../../src/index.js';
import { type Contents, contentsOf } from '../formats/contents.js';
import { agelessOverrides, FORMATS_FOLDER, IDEMPOTENT_TOPIC } from '../formats/stored-folder.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';

/** Records in front of a start that DeleteRecords moved are there again where all that knew of it is lost. */
const CUT_TOPIC = 'cut';
const LOG_STARTS = 'log-start-offset-checkpoint';
const PROGRESS = 'millrace-progress';

/** Every kind of file of a data folder that is no log and says not whose folder it is. */
const kinds: Record<string, (name: string) => boolean> = {
  [PROGRESS]: (name) => name === PROGRESS,
  'recovery-point-offset-checkpoint': (name) => name === 'recovery-point-offset-checkpoint',
  [LOG_STARTS]: (name) => name === LOG_STARTS,
  'cleaner-offset-checkpoint': (name) => name === 'cleaner-offset-checkpoint',
  'millrace-scrub-checkpoint': (name) => name === 'millrace-scrub-checkpoint',
  'millrace-budget': (name) => name === 'millrace-budget',
  'leader-epoch-checkpoint': (name) => name === 'leader-epoch-checkpoint',
  'partition.metadata': (name) => name === 'partition.metadata',
  '.index': (name) => name.endsWith('.index'),
  '.timeindex': (name) => name.endsWith('.timeindex'),
  '.snapshot': (name) => name.endsWith('.snapshot'),
};
const notCaches = /\.log$|^(meta|millrace)\.properties$|^\.lock$|^\.kafka_cleanshutdown$/;

const ways: Record<string, (bytes: Buffer) => Buffer | null> = {
  'full of noise': (bytes) => Buffer.from(bytes.map((byte, at) => (byte * 31 + at * 17 + 101) & 0xff)),
  'cut in the middle': (bytes) => bytes.subarray(0, bytes.length >> 1),
  empty: () => Buffer.alloc(0),
  'all zeros': (bytes) => Buffer.alloc(bytes.length),
  gone: () => null,
};

function spoil(folder: string, isMeant: (name: string) => boolean, way: (bytes: Buffer) => Buffer | null): number {
  let spoilt = 0;
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!isMeant(basename(path))) continue;
    const whole = join(folder, path);
    const bytes = way(readFileSync(whole));
    if (bytes === null) rmSync(whole);
    else writeFileSync(whole, bytes);
    spoilt++;
  }
  return spoilt;
}

async function contentsAfterStart(folder: string): Promise<Contents> {
  const settings = { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0' };
  for (const [name, value] of Object.entries(agelessOverrides)) Object.assign(settings, { [name]: `${value}` });
  const broker = await createBroker({ settings });
  await broker.start();
  try {
    return await contentsOf(broker.bootstrapServers);
  } finally {
    await broker.close();
  }
}

function withoutCut({ topics: { [CUT_TOPIC]: cut, ...topics }, ...contents }: Contents) {
  const [{ start, end, batches }] = cut.partitions;
  return { cut: { start, end, lines: batches.flatMap(({ records }) => records) }, others: { ...contents, topics } };
}

suite('caches that are spoilt', () => {
  const folder = temporaryFolder('spoilt');
  let whole: Contents;

  before(async () => {
    const [release] = readdirSync(FORMATS_FOLDER).filter((name) => existsSync(join(FORMATS_FOLDER, name, 'data')));
    cpSync(join(FORMATS_FOLDER, release, 'data'), folder, { recursive: true });
    // What files there are today.
    whole = await contentsAfterStart(folder);
    assert.ok(whole.topics[IDEMPOTENT_TOPIC].partitions[0].end > 0);
  });

  async function tried(
    isMeant: (name: string) => boolean,
    way: (bytes: Buffer) => Buffer | null,
    starts = ['the first start'],
  ): Promise<void> {
    const copy = temporaryFolder('spoilt');
    cpSync(folder, copy, { recursive: true });
    assert.ok(spoil(copy, isMeant, way) > 0, 'there are such files');
    for (const start of starts) {
      const now = withoutCut(await contentsAfterStart(copy));
      const then = withoutCut(whole);
      assert.deepEqual(now.others, then.others, start);
      if (!isMeant(LOG_STARTS) || !isMeant(PROGRESS)) assert.deepEqual(now.cut, then.cut, start);
      assert.equal(now.cut.end, then.cut.end);
      assert.deepEqual(now.cut.lines.slice(-then.cut.lines.length), then.cut.lines);
    }
    removeTemporaryFolder(copy);
  }

  test('are all there is beside logs and identity', () => {
    const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const others = names.filter(({ name }) => !notCaches.test(name) && !name.endsWith('.deleted'));
    const unknown = others.filter(({ name }) => !Object.values(kinds).some((isMeant) => isMeant(name)));
    assert.deepEqual(
      unknown.map(({ name }) => name),
      [],
    );
  });

  for (const [at, [kind, isMeant]] of Object.entries(kinds).entries()) {
    const [how, way] = Object.entries(ways)[at % Object.keys(ways).length];
    test(`${kind}: every one ${how}`, () => tried(isMeant, way));
  }

  for (const [how, way] of Object.entries(ways)) {
    test(`all of them ${how}`, () => {
      const isAny = (name: string) => Object.values(kinds).some((isMeant) => isMeant(name));
      return tried(isAny, way, ['the first start', 'the one behind it']);
    });
  }
});
