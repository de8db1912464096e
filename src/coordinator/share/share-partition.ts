/** One partition as one share group reads it: its window, who waits for it, and where its state stands in the log. Main thread. */
import { Crowd } from '../../base/crowd.js';
import type { Deadline } from '../../base/timer-wheel.js';
import type { Offset } from '../../base/units.js';
import type { ShareSession } from './share-sessions.js';
import type { ShareStateId } from './share-state-record.js';
import type { AcquisitionLock, ShareWindow } from './share-window.js';

/** Ends by its deadline, with its session, or when nothing is held under it any more. */
export interface SessionLock extends AcquisitionLock {
  readonly session: ShareSession;
  readonly deadline: Deadline;
}

export class SharePartition {
  /** null until somebody fetches: only then is decided where the group begins. */
  window: ShareWindow | null = null;
  stateEpoch = 0;
  snapshotEpoch = 0;
  snapshotAtMs = 0;
  /** Where the last snapshot that is on disk lies in the log; -1 where there is none. */
  snapshotOffset: Offset = -1;
  updatesSinceSnapshot = 0;
  /** One member at a time finds out what it could have: two would find the same. */
  isBeingRead = false;
  /** What is known here is not what is on disk, or nobody wants it any more: ask for it anew. */
  isLost = false;
  /** Grows with each change that somebody may wait for. */
  changes = 0;
  /** Where the group begins, while that is found out. */
  beginning: Promise<void> | null = null;
  readonly locks = new Set<SessionLock>();
  private readonly listeners = new Crowd<() => void>();

  constructor(readonly id: ShareStateId) {}

  onChange(listener: () => void): () => void {
    const seat = this.listeners.join(listener);
    return () => this.listeners.leave(seat);
  }

  changed(): void {
    this.changes++;
    for (const listener of this.listeners.members()) listener();
  }
}
