/** Shares the main thread among sockets that have much to send: so many file bytes a turn of the event loop, then the next. */
import { MiB } from '../base/units.js';

/** File bytes that one connection moves before others get their chance. */
export const TURN_BYTES_PER_CONNECTION = MiB;
/** File bytes that all connections together move before the event loop turns: about a millisecond of work. */
const TURN_BYTES = 4 * MiB;

export interface Sender {
  /** Goes on where it stopped for lack of a turn. */
  onTurn(): void;
}

export class SendTurns {
  #movedBytes = 0;
  #scheduled = false;
  #waiting: Sender[] = [];

  /** Notes what was moved in this turn. */
  moved(bytes: number): void {
    this.#movedBytes += bytes;
    if (!this.#scheduled) this.#schedule();
  }

  get over(): boolean {
    return this.#movedBytes >= TURN_BYTES;
  }

  /** Calls `sender` back in a later turn, after those that wait already. */
  wait(sender: Sender): void {
    this.#waiting.push(sender);
    if (!this.#scheduled) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    this.#movedBytes = 0;
    const senders = this.#waiting;
    if (senders.length === 0) return;
    this.#waiting = [];
    for (let i = 0; i < senders.length; i++) {
      if (this.over) {
        // Those who had no chance go first next time.
        this.#waiting = senders.slice(i).concat(this.#waiting);
        return;
      }
      senders[i].onTurn();
    }
  };
}
