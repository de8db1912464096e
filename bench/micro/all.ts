/** The list of micro benchmarks: the program that prints them and the test that keeps them running both read it. Bench process. */
import { benchBatch } from './batch.bench.js';
import { benchCodec } from './codec.bench.js';
import { benchCrc32c } from './crc32c.bench.js';
import { benchIndexLookUp } from './index-look-up.bench.js';
import type { MicroFigure, Size } from './measure.js';
import { benchRing } from './ring.bench.js';
import { benchRingRoundTrip } from './ring-round-trip.bench.js';
import { benchTimerWheel } from './timer-wheel.bench.js';

export const microBenches: { readonly [room: string]: (size: Size) => Promise<MicroFigure[]> } = {
  codec: benchCodec,
  crc32c: benchCrc32c,
  batch: benchBatch,
  ring: benchRing,
  'ring round trip': benchRingRoundTrip,
  'index look-up': benchIndexLookUp,
  'timer wheel': benchTimerWheel,
};
