/** Rules of the house that no compiler knows: what may stand in which room, and how every file begins. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { suite, test } from 'node:test';
import { projectRoot } from './project-root.js';

interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Without comments and string contents: what the machine does. */
  readonly code: string;
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(path);
    return /\.(ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

/** Blanks comments and the insides of quotes; good enough to look for words of code. */
function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, (quoted) => (/^'(node:|\.)/.test(quoted) ? quoted : "''"));
}

function read(folders: readonly string[]): SourceFile[] {
  return folders.flatMap(filesUnder).map((path) => {
    const text = readFileSync(join(projectRoot, path.split('/').join(sep)), 'utf8');
    return { path, text, code: codeOf(text) };
  });
}

const product = read(['src', 'workers']).filter(({ path }) => path.endsWith('.ts'));
const everything = read(['src', 'workers', 'bench', 'test']);

/** Says which files break a rule, so that a failure is a to-do list. */
function nobody(files: readonly SourceFile[], breaks: (file: SourceFile) => boolean, rule: string): void {
  const guilty = files.filter(breaks).map(({ path }) => path);
  assert.deepEqual(guilty, [], rule);
}

function onlyIn(word: RegExp, homes: readonly string[]): void {
  const home = (path: string) => homes.some((place) => path === place || path.startsWith(place));
  nobody(product, ({ path, code }) => !home(path) && word.test(code), `${word} lives only in ${homes.join(', ')}`);
}

suite('what lives only where', () => {
  test('threads meet in the rings', () => {
    onlyIn(/\bAtomics\b/, ['src/ring/', 'src/log/parallel-sync.ts', 'workers/']);
    onlyIn(/\bnew SharedArrayBuffer\b/, ['src/ring/', 'src/partition/shard-pool.ts']);
  });

  test('files are touched behind a few doors', () => {
    onlyIn(/'node:fs(\/promises)?'/, [
      'src/log/file-system.ts',
      // Looks into /proc whether the folder's owner is alive.
      'src/log/data-directory.ts',
      // Run in the pool, on files that no log owns any more.
      'src/log/side-job.ts',
      'src/log/removal.ts',
      'src/config/load.ts',
      // Reads the code of a package that is no JavaScript, once.
      'src/record/zstd-wasm.ts',
      'src/network/response-pipe.ts',
      'src/partition/segment-files.ts',
      // Asks for room, and keeps some: asynchronously.
      'src/partition/budget-folder.ts',
    ]);
  });

  test('sockets are the business of the network and of the command line', () => {
    onlyIn(/'node:(net|tls|dgram|http)'/, ['src/network/', 'src/http/', 'src/cli/client.ts']);
  });

  test('time enters through the clock', () => {
    onlyIn(/\b(Date\.now|setTimeout|setInterval|performance\.now)\(/, ['src/base/clock.ts']);
    onlyIn(/\bnew Date\(\)/, ['src/base/clock.ts']);
  });

  test('coordinators and parked fetches have no timers but those of the wheel', () => {
    const waiting = product.filter(({ path }) => /^src\/(coordinator\/|partition\/purgatory\.ts)/.test(path));
    assert.ok(waiting.length > 0);
    nobody(waiting, ({ code }) => /\.after\(/.test(code), 'their deadlines and pauses lie in the broker’s timer wheel');
    onlyIn(/\bnew TimerWheel\(/, ['src/broker.ts']);
  });

  test('the storage engine waits for nobody', () => {
    const synchronous = product.filter(({ path }) => /^src\/(log|shard|record)\//.test(path));
    nobody(synchronous, ({ code }) => /\b(async|await|Promise)\b/.test(code), 'no promise in log, shard and record');
  });

  test('errors have names; their numbers stand in one table', () => {
    const outside = product.filter(({ path }) => path !== 'src/base/error-code.ts');
    nobody(outside, ({ code }) => /\berrorCode: -?\d/.test(code), 'an error code as a number');
  });

  test('the process belongs to main', () => {
    onlyIn(/\bprocess\.(exit|exitCode|on|once)\b/, ['src/main.ts']);
  });

  test('C is spoken behind one door', () => {
    onlyIn(/\bkoffi\b/i, ['src/base/libc.ts']);
  });

  test('side jobs run where the pool is', () => {
    onlyIn(/'piscina'|\bnew Piscina\b/, ['src/partition/']);
  });
});

suite('every file', () => {
  test('begins with a sentence on what it is', () => {
    nobody(
      everything,
      ({ text }) => !/^(#!.*\n)?\/\*\*\s*\S/.test(text),
      'the first line is a comment that says what the file is',
    );
  });

  test('has a noun of its own for a name', () => {
    const vague = /(^|[/-])(utils?|helpers?|managers?|misc|common)([.-]|$)/;
    nobody(everything, ({ path }) => vague.test(path), 'a name that says nothing');
  });

  test('is short enough to be read', () => {
    nobody(product, ({ text }) => text.split('\n').length > 720, 'more than 720 lines');
  });

  test('leaves nothing for later', () => {
    const later = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['XX', 'X'].join('')})\\b`);
    nobody(everything, ({ text }) => later.test(text), 'work left for later');
    nobody(product, ({ text }) => /not implemented/i.test(text), 'something that is not there yet');
  });

  test('handles what it catches', () => {
    nobody(everything, ({ code }) => /catch\s*(\([^)]*\))?\s*\{\s*\}/.test(code), 'an error swallowed');
  });

  test('has no enum and no default export', () => {
    nobody(product, ({ code }) => /^\s*(export )?(const )?enum\b/m.test(code), 'an enum');
    nobody(product, ({ code }) => /^export default\b/m.test(code), 'a default export');
  });

  test('speaks of this project alone', () => {
    nobody(product, ({ text }) => /\/work\/|\.\.\/shared/.test(text), 'a place outside of the project');
  });
});

suite('the map', () => {
  const rules = createRequire(import.meta.url)(join(projectRoot, '.dependency-cruiser.cjs')) as {
    forbidden: { name: string }[];
  };
  const ruled = new Set(rules.forbidden.map(({ name }) => name));

  test('every room has a row that says whom it may import', () => {
    const rooms = readdirSync(join(projectRoot, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const lawless = rooms.filter(({ name }) => !ruled.has(`room-${name}`)).map(({ name }) => name);
    assert.deepEqual(lawless, []);
  });

  test('handlers and messages carry the same names', () => {
    const names = (folder: string) => {
      return filesUnder(folder)
        .map((path) => relative(folder, path))
        .filter((name) => /^\d\d-/.test(name));
    };
    const messages = new Set(names('src/protocol/messages'));
    assert.deepEqual(
      names('src/handlers').filter((name) => !messages.has(name)),
      [],
    );
  });

  test('entry points of threads decide nothing', () => {
    const workers = product.filter(({ path }) => path.startsWith('workers/'));
    nobody(workers, ({ text }) => text.split('\n').length > 45, 'more than 45 lines');
  });
});
