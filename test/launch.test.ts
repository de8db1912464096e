/** The launcher in a small project of its own: builds once, then keeps quiet; forgets what is gone; fails on type errors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { projectRoot } from './project-root.js';

suite('launch', () => {
  let folder: string;

  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
  const launch = () => spawnSync(process.execPath, [join(folder, 'src', 'launch.mjs')], { encoding: 'utf8' });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-launch-'));
    mkdirSync(join(folder, 'src'));
    mkdirSync(join(folder, 'workers'));
    for (const file of ['package.json', 'package-lock.json', 'src/launch.mjs']) {
      cpSync(join(projectRoot, file), join(folder, file));
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'dir');
    const compilerOptions = { rootDir: '.', outDir: 'dist', module: 'NodeNext', target: 'ES2022', types: [] };
    write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['src/**/*.ts', 'workers/**/*.ts'] }));
    write('src/answer.ts', 'export const answer: number = 42;\n');
    write('src/main.ts', "export { answer } from './answer.js';\n");
    write('workers/worker.ts', "export { answer } from '../src/answer.js';\n");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('builds what is new, and the second time does nothing', () => {
    const first = launch();
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /Building/);
    assert.equal(first.stdout, '');
    assert.ok(existsSync(join(folder, 'dist', 'src', 'main.js')));
    for (const entry of ['src/main.js', 'workers/worker.js']) {
      assert.match(readFileSync(join(folder, 'dist', entry), 'utf8'), /answer = 42/, 'an entry is one file');
    }
    const second = launch();
    assert.deepEqual([second.status, second.stdout, second.stderr], [0, '', '']);
  });

  test('builds again after a change, and removes what has no source any more', () => {
    write('src/gone.ts', 'export const gone = true;\n');
    launch();
    assert.ok(existsSync(join(folder, 'dist', 'src', 'gone.js')));
    rmSync(join(folder, 'src', 'gone.ts'));
    assert.match(launch().stderr, /Building/);
    assert.ok(!existsSync(join(folder, 'dist', 'src', 'gone.js')));
    assert.ok(existsSync(join(folder, 'dist', 'src', 'main.js')));
  });

  test('fails on a type error, and the next time again', () => {
    write('src/main.ts', "export const answer: number = 'many';\n");
    for (let run = 0; run < 2; run++) {
      const { status, stderr } = launch();
      assert.equal(status, 1);
      assert.match(stderr, /TS2322/);
    }
  });
});
