/** Starts that must not be: one sentence on stderr, exit code 1, and nothing on the disk is touched. Test process. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { available, missing } from '../../src/base/libc.js';
import { crc32c } from '../../src/record/crc32c.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { runTool } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import { contentOf } from './folder-content.js';
import { type Ended, flagsFor, ServeProcess, serveCommand, serveToEnd } from './serve-process.js';

/** One sentence: a line that ends with a full stop, and nothing beside it but the log. */
function assertRefused(ended: Ended, words: RegExp): void {
  const said = ended.stderr.replace(/^\{.*\}\n/gm, '');
  assert.match(said, words);
  assert.match(said, /^[^\n]+[^.\n]\.\n$/, 'one sentence');
  assert.deepEqual([ended.code, ended.stdout], [1, '']);
}

/** A folder that a broker has served and left cleanly, with a record in it. */
async function servedFolder(): Promise<string> {
  const folder = temporaryFolder('start');
  const broker = await BrokerProcess.start({ dataDirectory: folder });
  await broker.stop();
  return folder;
}

async function assertUntouched(folder: string, refuse: () => Promise<void>): Promise<void> {
  const before = contentOf(folder);
  await refuse();
  assert.deepEqual(contentOf(folder), before);
}

suite('a start that is refused', { skip: brokerIsBuilt ? false : noBroker }, () => {
  test('the port is taken: no data folder is made', async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const folder = join(temporaryFolder('start'), 'data');
    const ended = await serveToEnd(t, flagsFor(folder, { listeners: `PLAINTEXT://127.0.0.1:${port}` }));
    assertRefused(ended, new RegExp(`127\\.0\\.0\\.1, port ${port}.*another program listens there`));
    assert.ok(!existsSync(folder));
  });

  test('the port is taken: a data folder that is there stays as it is', async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const folder = await servedFolder();
    await assertUntouched(folder, async () => {
      const ended = await serveToEnd(t, flagsFor(folder, { listeners: `PLAINTEXT://127.0.0.1:${port}` }));
      assertRefused(ended, /another program listens there/);
    });
  });

  test('one of two ports is taken', async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const folder = join(temporaryFolder('start'), 'data');
    const listeners = `PLAINTEXT://127.0.0.1:0,OTHER://127.0.0.1:${port}`;
    const settings = { listeners, 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT' };
    assertRefused(await serveToEnd(t, flagsFor(folder, settings)), new RegExp(`port ${port}`));
    assert.ok(!existsSync(folder));
  });

  test('an address that this machine does not have', async (t) => {
    // 192.0.2.0/24 is reserved for documentation: no machine has it.
    const folder = join(temporaryFolder('start'), 'data');
    const ended = await serveToEnd(t, flagsFor(folder, { listeners: 'PLAINTEXT://192.0.2.1:0' }));
    assertRefused(ended, /192\.0\.2\.1/);
    assert.ok(!existsSync(folder));
  });

  for (const koffi of ['with fcntl', 'by the owner file alone']) {
    test(`the data folder is held by another broker, ${koffi}`, async (t) => {
      const env: Record<string, string> = koffi === 'with fcntl' ? {} : { MILLRACE_NO_KOFFI: '1' };
      const folder = temporaryFolder('start');
      // Nothing of its own is to come into the folder meanwhile.
      const holder = ServeProcess.spawn(t, flagsFor(folder, { 'log.budget.bytes': 0 }), { env });
      await holder.listening();
      await assertUntouched(folder, async () => {
        assertRefused(await serveToEnd(t, flagsFor(folder), { env }), new RegExp(`in use by process ${holder.pid};`));
      });
      assert.equal((await holder.stop()).code, 0);
    });
  }

  test('the data folder is held by fcntl, and the owner file is gone', async (t) => {
    if (!available.lock) return t.skip(`no fcntl: ${missing()}`);
    const folder = temporaryFolder('start');
    const holder = ServeProcess.spawn(t, flagsFor(folder));
    await holder.listening();
    const owner = join(folder, 'millrace.pid');
    const words = readFileSync(owner);
    rmSync(owner);
    const ended = await serveToEnd(t, flagsFor(folder));
    writeFileSync(owner, words);
    assertRefused(ended, /is in use/);
  });

  test('the data folder is Apache Kafka’s', async (t) => {
    const folder = temporaryFolder('start');
    writeFileSync(join(folder, 'meta.properties'), 'version=1\ncluster.id=abc\nnode.id=1\n');
    mkdirSync(join(folder, 'topic-0'));
    await assertUntouched(folder, async () => {
      assertRefused(await serveToEnd(t, flagsFor(folder)), /belongs to Apache Kafka/);
    });
  });

  test('the data folder was written by a newer version', async (t) => {
    const folder = await servedFolder();
    const line = 'version=2\n';
    writeFileSync(join(folder, 'millrace.properties'), `${line}crc32c=${crc32c(Buffer.from(line)).toString(16)}\n`);
    await assertUntouched(folder, async () => {
      assertRefused(await serveToEnd(t, flagsFor(folder)), /newer Millrace \(on-disk version 2, .* up to 1\)/);
    });
  });

  test('the version file is damaged', async (t) => {
    const folder = await servedFolder();
    writeFileSync(join(folder, 'millrace.properties'), 'version=1\ncrc32c=0\n');
    await assertUntouched(folder, async () => {
      assertRefused(await serveToEnd(t, flagsFor(folder)), /millrace\.properties is damaged/);
    });
  });

  test('meta.properties is damaged', async (t) => {
    const folder = await servedFolder();
    writeFileSync(join(folder, 'meta.properties'), 'version=1\n');
    await assertUntouched(folder, async () => {
      assertRefused(await serveToEnd(t, flagsFor(folder)), /meta\.properties must name cluster\.id and node\.id/);
    });
  });

  test('the data folder is a file', async (t) => {
    const folder = temporaryFolder('start');
    writeFileSync(join(folder, 'data'), 'not a folder');
    await assertUntouched(folder, async () => {
      assertRefused(await serveToEnd(t, flagsFor(join(folder, 'data'))), /is not a folder/);
      assertRefused(await serveToEnd(t, flagsFor(join(folder, 'data', 'below'))), /is not a folder|cannot be made/);
    });
  });

  test('the data folder cannot be made', async (t) => {
    if (process.platform !== 'linux') return t.skip('/proc, where nobody may make a folder, is Linux’');
    assertRefused(await serveToEnd(t, flagsFor('/proc/millrace-data')), /\/proc\/millrace-data cannot be made/);
  });
});

/** A mount of its own for one process: nobody else sees it, and it goes with the process. */
async function readOnlyMount(folder: string): Promise<readonly string[] | string> {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const command = ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), 'sh', '-c', script];
  try {
    const [program, ...args] = [...command, folder, 'true'];
    const { code, stderr } = await runTool(program, args);
    return code === 0 ? [...command, folder] : `no mount can be made read-only here: ${stderr.trim()}`;
  } catch (error) {
    return `no mount can be made read-only here: ${(error as Error).message}`;
  }
}

suite('a read-only disk', { skip: brokerIsBuilt ? false : noBroker }, () => {
  const folders: Record<string, () => Promise<string> | string> = {
    'with a data folder that was served before': servedFolder,
    'with an empty data folder': () => temporaryFolder('start'),
  };
  for (const [name, make] of Object.entries(folders)) {
    test(name, async (t) => {
      const folder = await make();
      const mount = await readOnlyMount(folder);
      if (typeof mount === 'string') return t.skip(mount);
      await assertUntouched(folder, async () => {
        const ended = await serveToEnd(t, flagsFor(folder), { command: [...mount, ...serveCommand] });
        assertRefused(ended, /^The data folder .* cannot be written: EROFS/);
      });
    });
  }

  test('below which the data folder should be made', async (t) => {
    const parent = temporaryFolder('start');
    const mount = await readOnlyMount(parent);
    if (typeof mount === 'string') return t.skip(mount);
    const folder = join(parent, 'data');
    const ended = await serveToEnd(t, flagsFor(folder), { command: [...mount, ...serveCommand] });
    assertRefused(ended, /^The data folder .* cannot be made: EROFS/);
    assert.ok(!existsSync(folder));
  });
});

suite('flags and settings that cannot be', { skip: brokerIsBuilt ? false : noBroker }, () => {
  test('an unknown flag', async (t) => {
    const ended = await serveToEnd(t, ['--bogus']);
    assert.deepEqual([ended.code, ended.stdout], [1, '']);
    assert.match(ended.stderr, /^error: unknown option '--bogus'\n/);
  });

  test('a bad value in a file: file, line and bound', async (t) => {
    const folder = temporaryFolder('start');
    const file = join(folder, 'server.properties');
    writeFileSync(file, `# mine\nlog.dirs=${join(folder, 'data')}\n\nnum.partitions=0\n`);
    const ended = await serveToEnd(t, ['--config', file]);
    assert.equal(ended.stderr, `${file}:4: num.partitions must be a whole number of at least 1, but is "0"\n`);
    assert.deepEqual([ended.code, ended.stdout], [1, '']);
    assert.ok(!existsSync(join(folder, 'data')));
  });
});
