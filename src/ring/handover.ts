/**
 * A pool thread that asks the main thread something now and then, and stands still until it is answered. Both threads, an
 * end each.
 *
 * ```
 *  port     worker -> main: what is asked        main -> worker: the answer
 *  signal   int32 0: answers given so far        int32 1: 1 when the worker should give up
 *           int32 2: since when something waits until this is done, seconds since 1970; 0 where nothing does
 * ```
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

const ANSWERS = 0;
const STOPPED = 1;
const WAITING_SINCE = 2;
const WORDS = 3;

export interface HandoverMemory {
  readonly signal: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** The worker's end. */
export class Handover<Question, Answer> {
  private readonly words: Int32Array;

  constructor(private readonly memory: HandoverMemory) {
    this.words = new Int32Array(memory.signal);
  }

  get stopped(): boolean {
    return Atomics.load(this.words, STOPPED) === 1;
  }

  /** For how long something has waited until this is done; 0 where nothing does. */
  waitingMs(nowMs: number): number {
    const sinceSeconds = Atomics.load(this.words, WAITING_SINCE);
    return sinceSeconds === 0 ? 0 : Math.max(0, nowMs - sinceSeconds * 1000);
  }

  /** null where the worker should give up instead. */
  ask(question: Question): Answer | null {
    const { words, memory } = this;
    const seen = Atomics.load(words, ANSWERS);
    memory.port.postMessage(question);
    while (!this.stopped && Atomics.load(words, ANSWERS) === seen) Atomics.wait(words, ANSWERS, seen);
    if (this.stopped) return null;
    return receiveMessageOnPort(memory.port)?.message as Answer;
  }

  /** Stands still for so long, or until it should give up. */
  pause(ms: number): void {
    Atomics.wait(this.words, STOPPED, 0, ms);
  }
}

/** The main thread's end. */
export interface OpenHandover {
  /** `port` goes to the worker with the signal, by transfer. */
  readonly memory: HandoverMemory;
  stop(): void;
  /** Since then something waits until this is done, ms since 1970; 0: nothing does. */
  keepWaitingSince(ms: number): void;
  close(): void;
}

export function openHandover<Question, Answer>(answer: (question: Question) => Promise<Answer>): OpenHandover {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  const { port1, port2 } = new MessageChannel();
  const wake = (): void => {
    Atomics.add(words, ANSWERS, 1);
    Atomics.notify(words, ANSWERS);
  };
  port1.on('message', (question: Question) => {
    void answer(question).then((answered) => {
      port1.postMessage(answered);
      wake();
    });
  });
  return {
    memory: { signal: words.buffer, port: port2 },
    stop: () => {
      Atomics.store(words, STOPPED, 1);
      Atomics.notify(words, STOPPED);
      wake();
    },
    keepWaitingSince: (ms) => {
      Atomics.store(words, WAITING_SINCE, Math.floor(ms / 1000));
    },
    close: () => port1.close(),
  };
}
