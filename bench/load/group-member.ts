/** What members of both protocols have in common: a connection, a life of heartbeats, and what they hold. Runs in the load client. */
import type { Admin } from './admin.js';
import { seconds } from './closed-loop.js';

export interface MemberOptions {
  readonly connection: Admin;
  readonly group: string;
  readonly topic: string;
  readonly partitions: number;
  readonly heartbeatMs: number;
  /** Spreads the members' heartbeats over the interval: 0 to 1. */
  readonly phase: number;
  /** Hears of every change of `generation` or `owned`. */
  readonly onChange: () => void;
}

const sessionTimeoutMs = 30_000;
const rebalanceTimeoutMs = 30_000;

export abstract class GroupMember {
  static readonly timeouts = { sessionTimeoutMs, rebalanceTimeoutMs };
  /** Generation or member epoch in which it holds what it holds; -1 while it holds nothing. */
  generation = -1;
  owned: readonly number[] = [];
  /** When it last asked to be let in, on performance.now()'s clock. */
  joinedAtMs = 0;
  protected leaving = false;
  private wake: () => void = () => undefined;
  private life: Promise<void> = Promise.resolve();

  constructor(protected readonly options: MemberOptions) {}

  /** Joins and stays until {@link leave}. `fail` hears of what ends it before. */
  start(fail: (error: Error) => void): void {
    this.life = this.live();
    this.life.catch(fail);
  }

  /** Resolves when the broker has let it go. Its connection can serve the next member then. */
  async leave(): Promise<void> {
    this.leaving = true;
    this.wake();
    await this.life;
    this.hold(-1, []);
    await this.sayGoodbye();
  }

  protected abstract live(): Promise<void>;
  protected abstract sayGoodbye(): Promise<void>;

  protected hold(generation: number, owned: readonly number[]): void {
    this.generation = generation;
    this.owned = owned;
    this.options.onChange();
  }

  /** `share` of the time between two heartbeats, or until it is to leave. */
  protected async pause(share: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    await Promise.race([seconds((this.options.heartbeatMs * share) / 1000), woken]);
  }
}
