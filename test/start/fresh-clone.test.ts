/** `npm start` on a machine that has nothing but the clone: installs, builds, serves. Test process. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { produceValues, readValues } from '../embedding/kafkajs-session.js';
import { projectRoot } from '../project-root.js';
import { hasTool, mustRun } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import { unreachable } from './registry.js';
import { flagsFor, ServeProcess } from './serve-process.js';

test('npm start in a fresh clone', async (t) => {
  if (!hasTool('git', '--version')) return t.skip('there is no git');
  if (!existsSync(join(projectRoot, '.git'))) return t.skip('this checkout has no history to clone');
  const cwd = join(temporaryFolder('clone'), 'millrace');
  await mustRun('git', ['clone', '--quiet', projectRoot, cwd]);
  const folder = join(cwd, 'millrace-data');
  const serve = ServeProcess.spawn(t, flagsFor(folder), { cwd, command: ['npm', 'start', '--'], hungAfterMs: 600_000 });
  let address: string;
  try {
    address = await serve.listening();
  } catch (error) {
    const reason = unreachable(serve.stderr);
    if (reason === null) throw error;
    return t.skip(reason);
  }
  assert.match(serve.stderr, /^Installing the locked dependencies/m);
  await produceValues(address, 'fresh', ['value']);
  assert.deepEqual(await readValues(address, 'fresh', 'group', 1), ['value']);
  assert.equal((await serve.stop()).code, 0);
  assert.equal(await mustRun('git', ['status', '--porcelain'], { cwd }), '', 'what is made is ignored by git');
});
