/** What a topic may be called. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collisionKey, isInternalName, isReservedName, topicNameProblem } from '../../src/metadata/topic-name.js';

test('legal names have no problem', () => {
  for (const name of ['a', 'a.b_c-D9', '...', '-', '__consumer_offsets', 'x'.repeat(249)]) {
    assert.equal(topicNameProblem(name), null, name);
  }
});

test('illegal names are told why', () => {
  for (const name of ['', '.', '..', 'a b', 'ä', 'a/b', 'a\n', 'x'.repeat(250)]) {
    assert.match(topicNameProblem(name) ?? '', /./, name);
  }
});

test('dots and underscores collide, dashes do not', () => {
  assert.equal(collisionKey('a.b_c'), collisionKey('a_b.c'));
  assert.notEqual(collisionKey('a-b'), collisionKey('a.b'));
});

test('the names that belong to the broker', () => {
  assert.ok(isInternalName('__consumer_offsets'));
  assert.ok(!isInternalName('logs'));
  assert.ok(isReservedName('__cluster_metadata'));
});
