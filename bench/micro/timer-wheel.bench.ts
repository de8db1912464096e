/** What the deadlines of members and of parked fetches cost, on the wheel and on the heap that it replaced. Bench process. */
import type { Clock } from '../../src/base/clock.js';
import { Deadline, TimerWheel } from '../../src/base/timer-wheel.js';
import { Deadlines as DeadlineHeap } from './deadline-heap.js';
import { type MicroFigure, type MicroTask, measure, type Size } from './measure.js';

const SESSION_MS = 45_000;
const HEARTBEAT_MS = 3_000;
const WAIT_MS = 500;
const DAY_MS = 86_400_000;
const OWNER = {};

/** Moved on by hand; no more than one timer is ever set on it. */
class HandClock implements Clock {
  private elapsedMs = 0;
  private dueMs = Number.POSITIVE_INFINITY;
  private action: () => void = () => undefined;

  nowMs(): number {
    return this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    this.dueMs = this.elapsedMs + delayMs;
    this.action = action;
    return {
      cancel: () => {
        this.dueMs = Number.POSITIVE_INFINITY;
      },
    };
  }

  advance(ms: number): void {
    const endMs = this.elapsedMs + ms;
    while (this.dueMs <= endMs) {
      this.elapsedMs = Math.max(this.elapsedMs, this.dueMs);
      this.dueMs = Number.POSITIVE_INFINITY;
      this.action();
    }
    this.elapsedMs = endMs;
  }
}

interface Timers<D> {
  create(action: () => void): D;
  set(deadline: D, delayMs: number): void;
  clear(deadline: D): void;
}

function wheelOn(clock: Clock): Timers<Deadline> {
  const wheel = new TimerWheel(clock);
  return {
    create: (action) => new Deadline(action, OWNER),
    set: (deadline, delayMs) => wheel.set(deadline, delayMs),
    clear: (deadline) => wheel.clear(deadline),
  };
}

function tasksOf<D>(name: string, timersOn: (clock: Clock) => Timers<D>, members: number): MicroTask[] {
  let missed = 0;
  const miss = (): void => void missed++;
  const filled = (sessionMs: number) => {
    const clock = new HandClock();
    const timers = timersOn(clock);
    const sessions = Array.from({ length: members }, () => timers.create(miss));
    for (const session of sessions) timers.set(session, sessionMs);
    return { clock, timers, sessions };
  };
  const heartbeats = filled(SESSION_MS);
  const parked = filled(DAY_MS);
  const lost = filled(SESSION_MS);
  let random = 1;
  return [
    {
      // Time goes on as the heartbeats come, so what they leave in front of them is found and put away.
      name: `${name}: heartbeats of ${members} members`,
      operations: members,
      run() {
        const { clock, timers, sessions } = heartbeats;
        for (const session of sessions) {
          clock.advance(HEARTBEAT_MS / members);
          timers.set(session, SESSION_MS);
        }
        if (missed > 0) throw new Error('a session ended that was kept alive');
      },
    },
    {
      name: `${name}: fetches parked beside them and let go after a tenth of a millisecond`,
      operations: 1_000,
      run() {
        const { clock, timers } = parked;
        for (let i = 0; i < 1_000; i++) {
          const fetch = timers.create(miss);
          timers.set(fetch, WAIT_MS);
          clock.advance(0.1);
          timers.clear(fetch);
        }
      },
    },
    {
      name: `${name}: sessions of ${members} members that all end`,
      operations: members,
      run() {
        const { clock, timers, sessions } = lost;
        for (const session of sessions) {
          random = (random * 48_271) % 0x7fffffff;
          timers.set(session, random % SESSION_MS);
        }
        missed = 0;
        clock.advance(SESSION_MS);
        if (missed !== members) throw new Error(`${missed} sessions ended`);
        missed = 0;
      },
    },
  ];
}

export function benchTimerWheel(size: Size): Promise<MicroFigure[]> {
  const members = size === 'small' ? 100 : 10_000;
  return measure(size, [
    ...tasksOf('wheel', wheelOn, members),
    ...tasksOf('heap', (clock) => new DeadlineHeap(clock), members),
  ]);
}
