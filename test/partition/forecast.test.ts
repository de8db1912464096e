/** When segments are likely to go: against a small node that lives on evenly, second by second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseVictim } from '../../src/partition/eviction.js';
import { type ForecastLog, forecast } from '../../src/partition/forecast.js';
import { fc } from '../property.js';

const NOW_MS = 1_000_000;

const log = (fields: Partial<ForecastLog>): ForecastLog => ({
  ...{ topic: 'a', priority: 0, floorBytes: 0, evictable: false, deleted: true, retentionMs: -1, retentionBytes: -1 },
  ...{ segments: 10, bytes: 1000, oldestBytes: 100, beganMs: NOW_MS - 10_000, oldestMs: NOW_MS - 9000 },
  ...fields,
});

function only(fields: Partial<ForecastLog>, headroomBytes = Number.POSITIVE_INFINITY) {
  const one = log(fields);
  return forecast([one], headroomBytes, NOW_MS).get(one);
}

test('the rule that comes first is told', () => {
  assert.equal(only({}), null);
  assert.deepEqual(only({ retentionMs: 12_000 }), { by: 'retention.ms', inMs: 3000 });
  assert.deepEqual(only({ retentionMs: 5000 }), { by: 'retention.ms', inMs: 0 });
  // 900 bytes would be left; 0.1 bytes come in a millisecond.
  assert.deepEqual(only({ retentionBytes: 1000 }), { by: 'retention.bytes', inMs: 1000 });
  assert.deepEqual(only({ retentionBytes: 1000, retentionMs: 12_000 }), { by: 'retention.bytes', inMs: 1000 });
  assert.deepEqual(only({ evictable: true }, 500), { by: 'disk budget', inMs: 5000 });
  assert.deepEqual(only({ evictable: true, retentionMs: 12_000 }, 500), { by: 'retention.ms', inMs: 3000 });
  assert.equal(
    only({ deleted: false, retentionMs: 12_000, retentionBytes: 0 }),
    null,
    'compacted logs lose nothing by age',
  );
  assert.equal(only({ bytes: 0, oldestBytes: 0, retentionMs: 0, evictable: true }, 0), null, 'an empty log');
});

test('lower priorities go first', () => {
  const low = log({ topic: 'low', priority: -1, evictable: true });
  const high = log({
    topic: 'high',
    evictable: true,
    beganMs: NOW_MS - 20_000,
    bytes: 2000,
    oldestMs: NOW_MS - 19_000,
  });
  const found = forecast([low, high], 600, NOW_MS);
  assert.deepEqual(found.get(low), { by: 'disk budget', inMs: 600 / 0.2 });
  assert.deepEqual(found.get(high), { by: 'disk budget', inMs: (600 + 1000) / 0.2 });
});

interface Grown {
  readonly bytesPerS: number;
  readonly ageS: number;
  readonly segmentS: number;
}

/** A log of segments of equal spans, that grew evenly until `nowS` and lost its first `gone` segments. */
function grown({ bytesPerS, ageS, segmentS }: Grown, index: number, nowS: number, gone: number): ForecastLog {
  const beganS = nowS - ageS - (nowS - BORN_S) + gone * segmentS;
  const spanS = Math.min(segmentS, nowS - beganS);
  return log({
    ...{ topic: `t${index}`, evictable: true, segments: Math.ceil((nowS - beganS) / segmentS) },
    ...{ bytes: (nowS - beganS) * bytesPerS, oldestBytes: spanS * bytesPerS },
    ...{ beganMs: beganS * 1000, oldestMs: (beganS + spanS) * 1000 },
  });
}

const BORN_S = 1000;

test('what is evicted when, near enough, on a node that lives on as it has', () => {
  const shape = fc.record({
    bytesPerS: fc.integer({ min: 1, max: 20 }),
    ageS: fc.integer({ min: 50, max: 500 }),
    segmentS: fc.integer({ min: 5, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(shape, { minLength: 1, maxLength: 6 }), fc.nat(2000), (shapes, headroom) => {
      const first = shapes.map((one, index) => grown(one, index, BORN_S, 0));
      const told = forecast(first, headroom, BORN_S * 1000);
      const gone = shapes.map(() => 0);
      const goneAtS: (number | null)[] = shapes.map(() => null);
      let evicted = 0;
      const rate = shapes.reduce((sum, { bytesPerS }) => sum + bytesPerS, 0);
      for (let nowS = BORN_S; nowS < BORN_S + 4000 && goneAtS.includes(null); nowS++) {
        while (rate * (nowS - BORN_S) - evicted > headroom) {
          const logs = shapes.map((one, index) => grown(one, index, nowS, gone[index]));
          const victim = chooseVictim(logs);
          assert.ok(victim !== null);
          const index = logs.indexOf(victim);
          evicted += victim.oldestBytes;
          gone[index]++;
          goneAtS[index] ??= nowS;
        }
      }
      for (const [index, one] of first.entries()) {
        const inS = (told.get(one)?.inMs ?? Number.NaN) / 1000;
        const really = (goneAtS[index] as number) - BORN_S;
        // One segment of each is what it may be wrong by: they go as wholes.
        const segments = shapes.reduce((sum, { bytesPerS, segmentS }) => sum + bytesPerS * segmentS, 0);
        assert.ok(Math.abs(inS - really) <= segments / rate + 2, `told ${inS} s, went after ${really} s`);
      }
    }),
  );
});
