/** The one list of handlers: whole, without repeats, and what ApiVersions tells of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handlers } from '../../src/handlers/handlers.js';
import { startAdmin } from './admin-fixture.js';

test("every handler stands under its own key, and ApiVersions tells of all that are Kafka's", async () => {
  const { ask } = await startAdmin();
  for (const [key, { api }] of handlers) assert.equal(api.key, key);
  const apiVersions = handlers.get(18);
  assert.ok(apiVersions);
  const answer = await ask(apiVersions, {}, 0);
  assert.deepEqual(
    (answer as { apiKeys: unknown }).apiKeys,
    [...handlers.values()]
      .filter(({ api }) => api.advertised)
      .map(({ api: { key, versions } }) => ({ apiKey: key, minVersion: versions.min, maxVersion: versions.max }))
      .sort((a, b) => a.apiKey - b.apiKey),
  );
});

test('the old versions that clients probe for are in the ranges', () => {
  // librdkafka up to 2.11 turns a feature off unless the range holds exactly this version.
  const probed: [key: number, version: number][] = [
    [0, 0],
    [0, 3],
    [0, 7],
    [1, 4],
    [1, 10],
    [2, 1],
    [8, 2],
    [9, 1],
    [10, 0],
    [11, 0],
    [12, 0],
    [13, 0],
    [14, 0],
    [18, 0],
    [22, 0],
  ];
  for (const [key, version] of probed) {
    const range = handlers.get(key)?.api.versions;
    assert.ok(range && range.min <= version && version <= range.max, `API ${key} version ${version}`);
  }
});
