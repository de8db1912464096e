/** Expressions that members subscribe with: RE2's syntax, and neither time nor memory for whoever means harm. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MiB } from '../../src/base/units.js';
import { checkTopicRegex, matchesTopic } from '../../src/coordinator/group/topic-regex.js';
import { randomOf } from '../history/good-history.js';

const NAME_CHARS_MAX = 249;

test('the whole name has to match, by the rules of RE2', () => {
  const cases: [string, string, boolean][] = [
    ['logs', 'logs', true],
    ['logs', 'logs-a', false],
    ['ogs', 'logs', false],
    ['^logs$', 'logs', true],
    ['logs|metrics', 'metrics', true],
    ['a|ab', 'ab', true],
    ['(?i)LOGS-.*', 'logs-a', true],
    ['LOGS-.*', 'logs-a', false],
    ['logs\\.[[:digit:]]{2,3}', 'logs.42', true],
    ['logs\\.\\d{2,3}', 'logs.4', false],
    ['(?P<kind>logs|metrics)-(?:a|b)', 'metrics-b', true],
    ['.*?', '', true],
    ['\\pL+', 'logs', true],
    ['\\Qa.b\\E', 'a.b', true],
    ['\\Qa.b\\E', 'aab', false],
  ];
  for (const [regex, name, matches] of cases) assert.equal(matchesTopic(regex, name), matches, `${regex} on ${name}`);
});

test('what RE2 does not have is refused by name, and so is what would be too long', () => {
  const refused = [
    ...[
      'logs-[',
      '(',
      'a)',
      '*a',
      'a**',
      '[z-a]',
      '\\8',
      '(a)\\1',
      '(?=a)b',
      '(?!a)b',
      '(?<=a)b',
      '(?>a)b',
      'a++',
      '\\C',
    ],
    ...['a{1001}', '(a{100}){100}', '(?:(?:a{30}){30}){30}', '((a?){100}){10}', '(?i)(k|s){600}', 'x'.repeat(1_001)],
  ];
  for (const regex of refused) {
    assert.throws(() => checkTopicRegex(regex), { error: 'INVALID_REGULAR_EXPRESSION' }, regex);
    assert.equal(matchesTopic(regex, 'a'), false, 'what an older release let in matches nothing');
  }
  checkTopicRegex('x'.repeat(1_000));
  checkTopicRegex('.{1,249}');
});

/** Each takes a backtracking matcher 2 ** 100 steps or more on one of the names below. */
const CATASTROPHES = [
  ...['(a+)+', '(a*)*', '(a|aa)+', '(a|a?)+', '(.*a){25}b', '(x+x+)+y', '(.*)*z', '((a*)*)*', '([a-z]+)*[0-9]'],
  ...['(a?){370}b', '(.{0,30}a){20}', '(?:a?){240}a{240}', '(a|b|c|x)*a(a|b|c|x){12}', '[\\p{L}]{248}z'],
];

test('no expression takes more than its length times the name’s', { timeout: 60_000 }, () => {
  const long = 'a'.repeat(NAME_CHARS_MAX - 1);
  for (const regex of CATASTROPHES) {
    for (const end of ['!', 'a', 'b']) assert.equal(typeof matchesTopic(regex, long + end), 'boolean');
  }
  assert.equal(matchesTopic('(a+)+', `${long}!`), false);
  assert.equal(matchesTopic('(a+)+', `${long}a`), true);
});

test('expressions without end, each on many names, take a bounded amount of memory', { timeout: 120_000 }, () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const heapBytes = () => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const random = randomOf(1);
  const names = Array.from({ length: 15 }, () =>
    Array.from({ length: NAME_CHARS_MAX }, () => 'abcax'[random(5)]).join(''),
  );
  // Each sets out to remember another state for every letter of every name.
  const subscribe = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const regex = `(?:${'q'.repeat(i % 30)}${i}|(a|b|c|x)*a(a|b|c|x){12})`;
      for (const name of names) matchesTopic(regex, name);
    }
  };
  subscribe(0, 10);
  const before = heapBytes();
  subscribe(10, 110);
  const grown = heapBytes() - before;
  assert.ok(grown < 40 * MiB, `${(grown / MiB).toFixed(0)} MiB for 100 expressions`);
  // And the compiled programs themselves are not all kept.
  const early = heapBytes();
  for (let i = 0; i < 400; i++) checkTopicRegex(`(a?){360}${i}`);
  const programs = heapBytes() - early;
  assert.ok(programs < 80 * MiB, `${(programs / MiB).toFixed(0)} MiB for 400 long programs`);
});
