/** `verify` and `repair` on the folder of a real broker: what they say, what they refuse, and that the broker goes on behind it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { millrace } from './command-line.js';

/** All files but the one that says who holds the folder, with their bytes. */
function contentOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}

/** Flips a bit of what was written last into a segment. */
function rotEnd(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 3] ^= 8;
  writeFileSync(path, bytes);
}

suite('verify and repair', { skip: brokerIsBuilt ? false : noBroker }, () => {
  test('damage in a topic and in the catalogue is found, refused, and forgotten on demand alone', async () => {
    const folder = temporaryFolder('repair');
    const broker = await BrokerProcess.start({ dataDirectory: folder });
    const done = async (args: readonly string[], input?: string) => {
      const { exitCode, stdout, stderr } = await millrace(args, input);
      assert.equal(exitCode, 0, stderr);
      return stdout;
    };
    await done(['topic', 'create', 'kept', '-b', broker.bootstrap]);
    for (const value of ['one', 'two', 'three']) {
      await done(['produce', 'kept', '-b', broker.bootstrap], `${value}\n`);
    }
    await done(['topic', 'create', 'forgotten', '-b', broker.bootstrap]);
    const busy = await millrace(['verify', folder]);
    assert.equal(busy.exitCode, 1);
    assert.match(busy.stderr, /is in use by process \d+; stop that broker/);
    await broker.stop();

    assert.match(await done(['verify', folder]), /\d+ logs, \d+ segments, .* read: nothing is lost\n$/);
    const sound = JSON.parse(await done(['verify', folder, '--json']));
    assert.deepEqual([sound.folders[0].lost, sound.folders[0].harmless], [[], []]);
    assert.match(await done(['repair', '--accept-loss', folder]), /nothing is lost/);

    rotEnd(join(folder, 'kept-0', '00000000000000000000.log'));
    rotEnd(join(folder, '__millrace_catalogue-0', '00000000000000000000.log'));
    const before = contentOf(folder);
    const verified = await millrace(['verify', folder]);
    assert.equal(verified.exitCode, 2, verified.stderr);
    assert.match(verified.stdout, /kept-0\/0+\.log: bytes \d+ to \d+ are damaged: offsets 2 to 2 \(at most 1 record\)/);
    assert.match(verified.stdout, /2 ranges are lost/);
    const refused = await millrace(['repair', folder]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /Nothing was changed\. With --accept-loss/);
    assert.deepEqual(contentOf(folder), before);
    await assert.rejects(BrokerProcess.start({ dataDirectory: folder }), /must not be forgotten/);

    const accepted = await done(['repair', folder, '--accept-loss']);
    assert.match(accepted, /kept-0.*: offsets 2 to 2 .*\n {2}forgotten; its bytes are in .*\.aside\n/);
    assert.match(accepted, /catalogue-0.*\n {2}forgotten; .*topics, settings and ids go back/);
    assert.match(await done(['verify', folder]), /nothing is lost/);
    const again = await BrokerProcess.start({ dataDirectory: folder });
    const read = ['consume', 'kept', '--from-beginning', '--exit', '-b', again.bootstrap];
    assert.equal(await done(read), 'one\ntwo\n');
    await done(['produce', 'kept', '-b', again.bootstrap], 'four\n');
    assert.equal(JSON.parse((await done([...read, '--json'])).trim().split('\n')[2]).offset, 3);
    await again.stop();
    removeTemporaryFolder(folder);
  });

  test('what is no data folder is named', async () => {
    const folder = temporaryFolder('repair');
    const { exitCode, stderr } = await millrace(['verify', folder]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /is not the data folder of a Millrace broker/);
    assert.deepEqual(readdirSync(folder), []);
    removeTemporaryFolder(folder);
  });
});
