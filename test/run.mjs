#!/usr/bin/env node
/** `npm test`: installs, builds with the type check, then format, lint, import directions, quick tests and slow ones. */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const testFolder = join(root, 'dist', 'test');
/** What starts many brokers, other people's programs or installations: after the quick ones, or not at all. */
const slowPlaces = ['crash/', 'clients/', 'start/fresh-clone.', 'start/package.'];
const minuteMs = 60_000;
/** A guard against a test that hangs, not a measure of speed. */
const hungAfterMs = { quick: 3 * minuteMs, slow: 5 * minuteMs };
/** A file that takes longer is told of by itself. */
const tellAfterS = 5;

process.chdir(root);
const startedAt = performance.now();
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function say(line = '') {
  process.stdout.write(`${line}\n`);
}

function fail(name, detail) {
  counts.failed++;
  failures.push(name);
  say(`✖ ${name}`);
  if (detail) say(detail.replace(/^/gm, '    '));
}

/** Runs a tool from node_modules; its words are shown only where it complains. */
function check(name, path, args) {
  return new Promise((resolve) => {
    const output = [];
    const child = spawn(process.execPath, [join(root, 'node_modules', path), ...args], { cwd: root });
    child.stdout.on('data', (bytes) => output.push(bytes));
    child.stderr.on('data', (bytes) => output.push(bytes));
    child.on('error', (error) => output.push(Buffer.from(String(error))));
    child.on('close', (code) => {
      if (code === 0) {
        counts.passed++;
        say(`✔ ${name}`);
      } else {
        fail(name, Buffer.concat(output).toString());
      }
      resolve();
    });
  });
}

function testFiles(folder = testFolder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

/** `message` and stack of what a test threw, as deep as it says anything new. */
function describeError(error) {
  const lines = [];
  for (let at = error; at; at = at.cause) {
    if (at.failureType !== 'testCodeFailure' || !at.cause) lines.push(at.stack ?? String(at));
    if (!(at instanceof Error) && typeof at !== 'object') break;
  }
  return lines.join('\n');
}

/** Runs one file in a process of its own, and gives it up, naming the tests under way, after `timeoutMs`. */
async function runFile(path, timeoutMs) {
  const file = relative(testFolder, path).replaceAll('\\', '/').replace(/\.js$/, '');
  const fileStartedAt = performance.now();
  const underWay = [];
  let passed = 0;
  for await (const { type, data } of run({ files: [path], timeout: timeoutMs })) {
    if (type === 'test:stderr' || type === 'test:stdout') process.stdout.write(data.message);
    else if (type === 'test:dequeue' && data.name !== path) underWay.push(data.name);
    else if (type === 'test:complete' && underWay.includes(data.name)) {
      underWay.splice(underWay.lastIndexOf(data.name), 1);
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { error } = data.details;
    const name = `${file}: ${data.name}`;
    // A suite is no test, and a parent fails with its children: neither is counted beside them.
    const suite = data.details.type === 'suite';
    if (data.skip !== undefined || data.todo !== undefined) {
      counts.skipped++;
      say(`- ${name}: skipped: ${typeof data.skip === 'string' ? data.skip : 'no reason given'}`);
    } else if (type === 'test:pass') {
      // A file that holds no test of its own reports itself; that proves nothing.
      if (!suite && data.name !== data.file) passed++;
    } else if (error?.failureType === 'testTimeoutFailure' && data.name === path) {
      fail(
        `${file}: hung`,
        `after ${timeoutMs / 1000} s under way: ${underWay.join(' > ') || 'what comes after its tests'}`,
      );
    } else if (error?.failureType !== 'subtestsFailed') {
      fail(name, describeError(error));
    }
  }
  counts.passed += passed;
  const seconds = (performance.now() - fileStartedAt) / 1000;
  // Said while it is new: a run that is cut short shows how far it came.
  if (seconds > tellAfterS) say(`  ${file}: ${passed} passed, ${seconds.toFixed(0)} s`);
}

async function runTests(files, lanes, timeoutMs) {
  const waiting = [...files];
  const lane = async () => {
    for (let path = waiting.shift(); path; path = waiting.shift()) await runFile(path, timeoutMs);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const launch = spawnSync(process.execPath, [join(root, 'src', 'launch.mjs')], { stdio: 'inherit' });
if (launch.status !== 0) {
  fail('build and type check');
} else {
  counts.passed++;
  say('✔ build and type check');
  // Words after `npm test --` choose test files by a part of their path, and leave the checks out.
  const wanted = process.argv.slice(2);
  const files = testFiles().filter((path) => wanted.length === 0 || wanted.some((word) => path.includes(word)));
  const isSlow = (path) =>
    slowPlaces.some((place) => relative(testFolder, path).replaceAll('\\', '/').startsWith(place));
  if (wanted.length === 0) {
    await Promise.all([
      check('format and lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']),
      check('import directions', 'dependency-cruiser/bin/dependency-cruise.mjs', [
        ...['src', 'workers', 'bench', 'test'],
        ...['--config', '.dependency-cruiser.cjs', '--output-type', 'err'],
      ]),
    ]);
  }
  const cores = Math.max(2, availableParallelism());
  await runTests(
    files.filter((path) => !isSlow(path)),
    cores,
    hungAfterMs.quick,
  );
  const slow = files.filter(isSlow);
  if (process.env.MILLRACE_TEST_QUICK === '1') say(`- ${slow.length} slow test files left out (MILLRACE_TEST_QUICK=1)`);
  else if (slow.length > 0) await runTests(slow, 2, hungAfterMs.slow);
}

say();
for (const name of failures) say(`✖ ${name}`);
say(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed > 0 ? 1 : 0);
