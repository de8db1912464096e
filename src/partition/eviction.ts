/** Which log gives up its oldest segment next, so that the node keeps within its disk budget. Pure; main thread. */

/** A log as far as it matters here. */
export interface EvictableLog {
  readonly topic: string;
  /** Lower goes first (`millrace.budget.priority`). */
  readonly priority: number;
  /** What its topic keeps in any case (`millrace.budget.floor.bytes`). */
  readonly floorBytes: number;
  readonly segments: number;
  readonly bytes: number;
  /** Arrival of the last batch of the oldest segment, ms since 1970; -1 where nobody knows. */
  readonly oldestMs: number;
  readonly oldestBytes: number;
}

/**
 * The one whose oldest segment goes next; null where nothing may go. By priority, then sealed segments before active ones
 * (taking those costs a roll and hurts topics that have little), then by arrival, the oldest first.
 */
export function chooseVictim<Log extends EvictableLog>(logs: readonly Log[]): Log | null {
  const topicBytes = new Map<string, number>();
  for (const { topic, bytes } of logs) topicBytes.set(topic, (topicBytes.get(topic) ?? 0) + bytes);
  let victim: Log | null = null;
  for (const log of logs) {
    if (log.oldestBytes === 0) continue;
    if ((topicBytes.get(log.topic) ?? 0) - log.oldestBytes < log.floorBytes) continue;
    if (victim === null || goesBefore(log, victim)) victim = log;
  }
  return victim;
}

function goesBefore(a: EvictableLog, b: EvictableLog): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  const [aIsSealed, bIsSealed] = [a.segments > 1, b.segments > 1];
  if (aIsSealed !== bIsSealed) return aIsSealed;
  return a.oldestMs < b.oldestMs;
}
