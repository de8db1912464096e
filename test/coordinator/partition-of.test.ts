/** Group ids must land where Kafka's coordinators put them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { javaHash, partitionOf } from '../../src/coordinator/partition-of.js';

test('hashes are Java’s', () => {
  assert.equal(javaHash(''), 0);
  assert.equal(javaHash('a'), 97);
  assert.equal(javaHash('hello'), 99_162_322);
  assert.equal(javaHash('polygenelubricants'), -0x80000000);
  assert.equal(javaHash('日志'), 0x65e5 * 31 + 0x5fd7);
});

test('negative hashes lose their sign, and the smallest int is 0', () => {
  assert.equal(partitionOf('hello', 50), 22);
  assert.equal(partitionOf('polygenelubricants', 50), 0);
  assert.equal(javaHash('logstash-indexers') < 0, true);
  assert.equal(partitionOf('logstash-indexers', 50), -javaHash('logstash-indexers') % 50);
});
