/** Fetch against partitions that only note what they are asked: sizes, sessions, and what is said to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { fetchHandler } from '../../src/handlers/01-fetch.js';
import { FetchSessions } from '../../src/handlers/fetch-sessions.js';
import type { RequestContext, Services } from '../../src/handlers/handler.js';
import { PATIENCE_MS, type PartitionHandle, type ReadResult, type Watermarks } from '../../src/partition/partitions.js';
import { Purgatory } from '../../src/partition/purgatory.js';
import type { fetch } from '../../src/protocol/messages/01-fetch.js';
import type { RequestOf, ResponseOf } from '../../src/protocol/schema.js';
import { FakeClock, idle } from '../base/fake-clock.js';

type Request = RequestOf<typeof fetch>;
type Response = ResponseOf<typeof fetch>;

const FETCH_MAX_BYTES = 10_000;
const ROW: Watermarks = {
  logStartOffset: 0,
  flushedEndOffset: 100,
  highWatermark: 100,
  lastStableOffset: 100,
  logEndOffset: 100,
  leaderEpoch: 3,
};

/** A topic `t` of three partitions; every read is answered with as many bytes as were asked for, but no less than a batch of 50. */
function world() {
  const asked: number[] = [];
  const handles = [0, 1, 2].map(
    (index): PartitionHandle => ({
      topic: 't',
      topicId: ZERO_UUID,
      index,
      shard: 0,
      slot: index,
      state: 'online',
      traffic: { appendedBytes: 0, readBytes: 0, firstEndOffset: 0 },
      logDirectory: '/data',
    }),
  );
  const rows = handles.map(() => ({ ...ROW }));
  const empty = new Set<number>();
  const stalled = new Stalled();
  const listeners = handles.map(() => new Set<() => void>());
  const progress = (index: number): void => {
    for (const listener of [...listeners[index]]) listener();
  };
  const partitions = {
    watermarks: (handle: PartitionHandle) => rows[handle.index],
    readSoon: (handle: PartitionHandle, _offset: number, maxBytes: number): ReadResult | Promise<ReadResult> | null => {
      if (stalled.has(handle.index)) return stalled.read(handle.index);
      asked.push(maxBytes);
      if (empty.has(handle.index)) return { error: 'NONE', records: null };
      const length = Math.max(50, maxBytes);
      return { error: 'NONE', records: { byteLength: length, slices: [{ path: '/nowhere', position: 0, length }] } };
    },
    onProgress: (handle: PartitionHandle, listener: () => void) => {
      listeners[handle.index].add(listener);
      return () => listeners[handle.index].delete(listener);
    },
  };
  const clock = new FakeClock();
  const fetchSessions = new FetchSessions(10);
  const services = {
    clock,
    partitions,
    fetchSessions,
    purgatory: new Purgatory(partitions, clock, new TimerWheel(clock)),
    topics: { get: (name: string) => (name === 't' ? { partitions: handles } : undefined), byId: () => undefined },
    config: { get: () => FETCH_MAX_BYTES },
  } as unknown as Services;
  const context = { apiVersion: 12, closed: new AbortController().signal } as RequestContext;
  const request = (changes: Partial<Request>, indexes: readonly number[] = [0], partitionMaxBytes = 1000): Request =>
    ({
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: FETCH_MAX_BYTES,
      isolationLevel: 1,
      sessionId: 0,
      sessionEpoch: -1,
      forgottenTopicsData: [],
      rackId: '',
      clusterId: null,
      ...changes,
      topics: [
        {
          topic: 't',
          topicId: ZERO_UUID,
          partitions: indexes.map((partition) => ({
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: 0,
            lastFetchedEpoch: -1,
            logStartOffset: -1,
            partitionMaxBytes,
          })),
        },
      ] as unknown as Request['topics'],
    }) as Request;
  const ask = async (wanted: Request): Promise<Response> =>
    (await fetchHandler.handle(wanted, context, services)) as Response;
  return { asked, rows, empty, stalled, progress, clock, request, ask, fetchSessions };
}

/** Partitions whose shard does not answer. */
class Stalled {
  readonly #answers = new Map<number, { promise: Promise<ReadResult>; resolve: (result: ReadResult) => void }>();
  readonly #done = new Set<number>();
  /** How often somebody began to wait for one. */
  waits = 0;

  hold(...indexes: number[]): void {
    for (const index of indexes) {
      let resolve: (result: ReadResult) => void = () => undefined;
      const promise = new Promise<ReadResult>((settle) => {
        resolve = settle;
      });
      this.#answers.set(index, { promise, resolve });
    }
  }

  has(index: number): boolean {
    return this.#answers.has(index);
  }

  read(index: number): Promise<ReadResult> | null {
    if (this.#done.has(index)) return null;
    this.waits++;
    return this.#answers.get(index)?.promise ?? null;
  }

  /** From now on nobody is to wait for it. */
  tooLong(index: number): void {
    this.#done.add(index);
  }

  answer(index: number, byteLength = 50): void {
    const records = { byteLength, slices: [{ path: '/nowhere', position: 0, length: byteLength }] };
    this.#answers.get(index)?.resolve({ error: 'NONE', records });
    this.#answers.delete(index);
  }
}

const bytesOf = (response: Response): number[] =>
  response.responses.flatMap(({ partitions }) =>
    partitions.map(({ records }) => (records as { byteLength: number } | null)?.byteLength ?? 0),
  );

test('no partition is given more than the whole answer may hold, whatever its own limit', async () => {
  const { asked, request, ask } = world();
  assert.deepEqual(bytesOf(await ask(request({ maxBytes: 700 }, [0], 2 ** 31 - 1))), [700]);
  assert.deepEqual(bytesOf(await ask(request({ maxBytes: 2 ** 31 - 1 }, [0], 2 ** 31 - 1))), [FETCH_MAX_BYTES]);
  assert.ok(asked.every((bytes) => bytes <= FETCH_MAX_BYTES));
});

test('limits of zero and below get the first batch, whole, and nothing else', async () => {
  const { asked, request, ask } = world();
  for (const maxBytes of [0, -1, -(2 ** 31)]) {
    assert.deepEqual(bytesOf(await ask(request({ maxBytes }, [0, 1], 1000))), [50, 0]);
    assert.deepEqual(bytesOf(await ask(request({}, [0], maxBytes))), [50]);
  }
  assert.ok(asked.every((bytes) => bytes >= 0));
});

test('an answer is full after its first partition: the next time the others are in front', async () => {
  const { request, ask } = world();
  const first = await ask(request({ sessionEpoch: 0, maxBytes: 1000 }, [0, 1, 2], 1000));
  assert.deepEqual(bytesOf(first), [1000, 0, 0]);
  const sessionId = first.sessionId ?? 0;
  const told: number[] = [];
  for (let sessionEpoch = 1; sessionEpoch <= 3; sessionEpoch++) {
    const { responses } = await ask(request({ sessionId, sessionEpoch, maxBytes: 1000 }, []));
    told.push(...responses.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)));
  }
  assert.deepEqual(told, [1, 2, 0]);
});

test('in a session errors are said every time, and news once', async () => {
  const { rows, empty, request, ask } = world();
  empty.add(0).add(1);
  const first = await ask(request({ sessionEpoch: 0 }, [0, 1, 7]));
  const sessionId = first.sessionId ?? 0;
  const told = async (sessionEpoch: number): Promise<unknown> => {
    const { responses } = await ask(request({ sessionId, sessionEpoch }, []));
    return responses.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => `${partitionIndex} ${errorCode}`),
    );
  };
  assert.deepEqual(await told(1), ['7 UNKNOWN_TOPIC_OR_PARTITION']);
  rows[1].highWatermark = 101;
  assert.deepEqual(await told(2), ['1 NONE', '7 UNKNOWN_TOPIC_OR_PARTITION']);
  rows[0].logStartOffset = 5;
  assert.deepEqual(await told(3), ['0 NONE', '7 UNKNOWN_TOPIC_OR_PARTITION']);
});

test('epochs of a session wrap around to 1, and a wrong one is refused', async () => {
  const { fetchSessions, request, ask } = world();
  const { sessionId = 0 } = await ask(request({ sessionEpoch: 0 }));
  const session = fetchSessions.resume(sessionId, 1, false);
  assert.ok(typeof session === 'object');
  session.epoch = 2 ** 31 - 1;
  assert.equal((await ask(request({ sessionId, sessionEpoch: 2 ** 31 - 1 }, []))).errorCode, 'NONE');
  assert.equal((await ask(request({ sessionId, sessionEpoch: 7 }, []))).errorCode, 'INVALID_FETCH_SESSION_EPOCH');
  assert.equal((await ask(request({ sessionId, sessionEpoch: 1 }, []))).errorCode, 'NONE');
  assert.equal((await ask(request({ sessionId: 12, sessionEpoch: 1 }, []))).errorCode, 'FETCH_SESSION_ID_NOT_FOUND');
});

test('leader epochs of the past are fenced, those of the future unknown', async () => {
  const { request, ask } = world();
  const errors: unknown[] = [];
  for (const currentLeaderEpoch of [2, 3, 4]) {
    const wanted = request({});
    (wanted.topics[0].partitions[0] as { currentLeaderEpoch: number }).currentLeaderEpoch = currentLeaderEpoch;
    errors.push((await ask(wanted)).responses[0].partitions[0].errorCode);
  }
  assert.deepEqual(errors, ['FENCED_LEADER_EPOCH', 'NONE', 'UNKNOWN_LEADER_EPOCH']);
});

test('shards that answer soon are waited for, and the answer is whole', async () => {
  const { stalled, clock, request, ask } = world();
  stalled.hold(1, 2);
  const asking = ask(request({}, [0, 1, 2]));
  stalled.answer(2, 70);
  await clock.advanceAndIdle(PATIENCE_MS - 1);
  stalled.answer(1, 60);
  assert.deepEqual(bytesOf(await asking), [1000, 60, 70]);
  clock.advance(1000);
  assert.equal(clock.pending, 0, 'and no timer is left over');
});

test('a shard that stands still does not hold up what lies on others', async () => {
  const { stalled, rows, clock, request, ask } = world();
  stalled.hold(1);
  rows[1].highWatermark = 77;
  const asking = ask(request({ maxWaitMs: 5000 }, [0, 1, 2]));
  await clock.advanceAndIdle(PATIENCE_MS);
  const response = await asking;
  assert.deepEqual(bytesOf(response), [1000, 0, 1000]);
  const [, { errorCode, highWatermark }] = response.responses[0].partitions;
  assert.deepEqual([errorCode, highWatermark], ['NONE', 77], 'of the partition itself is said what is known');
  stalled.answer(1);
  await idle();
  assert.deepEqual(bytesOf(response), [1000, 0, 1000], 'what comes too late changes nothing');

  stalled.hold(1);
  stalled.tooLong(1);
  assert.deepEqual(bytesOf(await ask(request({ maxWaitMs: 5000 }, [0, 1, 2]))), [1000, 0, 1000], 'nor once more');
});

test('while a shard stands still, a fetch waits for what comes to others, as long as it may', async () => {
  const { stalled, empty, progress, clock, request, ask } = world();
  empty.add(0);
  stalled.hold(1);
  const asking = ask(request({ maxWaitMs: 5000 }, [0, 1]));
  await clock.advanceAndIdle(PATIENCE_MS);
  stalled.tooLong(1);
  await clock.advanceAndIdle(1000);
  assert.equal(stalled.waits, 1);
  empty.delete(0);
  progress(0);
  assert.deepEqual(bytesOf(await asking), [1000, 0], 'at once');

  empty.add(0);
  let answered: Response | null = null;
  void ask(request({ maxWaitMs: 5000 }, [0, 1])).then((response) => {
    answered = response;
  });
  // Deadlines lie on a beat, up to a quarter early.
  await clock.advanceAndIdle(3700);
  assert.equal(answered, null);
  await clock.advanceAndIdle(1300);
  assert.ok(answered !== null);
  assert.deepEqual(bytesOf(answered), [0, 0]);
});

test('less than the consumer asked for is its answer when its time is over, whatever shard stands still', async () => {
  const { stalled, clock, request, ask } = world();
  stalled.hold(1);
  let answered: Response | null = null;
  void ask(request({ maxWaitMs: 100, minBytes: 5000 }, [0, 1])).then((response) => {
    answered = response;
  });
  await clock.advanceAndIdle(PATIENCE_MS);
  stalled.tooLong(1);
  assert.equal(answered, null);
  await clock.advanceAndIdle(100 - PATIENCE_MS);
  assert.ok(answered !== null);
  assert.deepEqual(bytesOf(answered), [1000, 0]);
});

test('who has nothing but what its shard takes long to find hears of it when it is found, even with no time to wait', async () => {
  const { stalled, progress, clock, request, ask } = world();
  stalled.hold(0);
  const asking = ask(request({ maxWaitMs: 0 }, [0]));
  await clock.advanceAndIdle(PATIENCE_MS);
  stalled.tooLong(0);
  await clock.advanceAndIdle(100);
  stalled.answer(0);
  progress(0);
  assert.deepEqual(bytesOf(await asking), [1000]);

  stalled.hold(0);
  let answered: Response | null = null;
  void ask(request({ maxWaitMs: 0 }, [0])).then((response) => {
    answered = response;
  });
  await clock.advanceAndIdle(1000);
  assert.equal(answered, null);
  await clock.advanceAndIdle(1000 + PATIENCE_MS);
  assert.ok(answered !== null, 'but it does not wait for ever');
  assert.deepEqual(bytesOf(answered), [0]);
});
