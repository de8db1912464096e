/** Regular expressions that members subscribe with: RE2's syntax and its promise of linear time (KIP-848). Main thread. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { KafkaError } from '../../base/kafka-error.js';

/** Longer ones are refused: nobody's topics need them, and each topic is matched against the whole program. */
const REGEX_CHARS_MAX = 1000;
/** Counted repetitions make long programs out of short expressions, and matching takes program times name: 15 ms at worst. */
const PROGRAM_STEPS_MAX = 1500;
/** What one expression may remember of the names that it has seen, so that like ones are matched faster. */
const MATCHER_BYTES_MAX = 64 * 1024;
/** Compiled ones that are kept, because members of one group share theirs: some 100 MiB of the worst, 10 MiB of usual ones. */
const KEPT_MAX = 1000;
/** A step takes 250 bytes. */
const KEPT_STEPS_MAX = 150_000;

interface TopicRegex {
  readonly steps: number;
  readonly set: Re2.RE2Set;
}

/** Oldest first. */
const kept = new Map<string, TopicRegex>();
let keptSteps = 0;

let loaded: typeof Re2 | null = null;

/** Loaded with the first expression: it takes 10 ms, which most brokers start faster without. */
function re2(): typeof Re2 {
  loaded ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  return loaded;
}

/** @throws KafkaError INVALID_REGULAR_EXPRESSION. */
export function checkTopicRegex(regex: string): void {
  compiled(regex);
}

function compiled(regex: string): TopicRegex {
  const known = kept.get(regex);
  if (known) return known;
  if (regex.length > REGEX_CHARS_MAX) refuse(`is longer than ${REGEX_CHARS_MAX} characters`);
  const { RE2JS, RE2JSException, RE2Set } = re2();
  // A set of one: a lone expression cannot be told how much it may remember, and takes up to 8 MiB.
  const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, MATCHER_BYTES_MAX);
  let steps: number;
  try {
    steps = RE2JS.compile(regex).programSize();
    if (steps > PROGRAM_STEPS_MAX) refuse('repeats too much');
    set.add(regex);
    set.compile();
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return refuse(`is not valid: ${error.message}`);
  }
  const program = { steps, set };
  keep(regex, program);
  return program;
}

function keep(regex: string, program: TopicRegex): void {
  kept.set(regex, program);
  keptSteps += program.steps;
  for (const [oldest, { steps }] of kept) {
    if (kept.size <= KEPT_MAX && keptSteps <= KEPT_STEPS_MAX) return;
    kept.delete(oldest);
    keptSteps -= steps;
  }
}

function refuse(problem: string): never {
  throw new KafkaError('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex ${problem}.`);
}

/** Whether the whole of `topic` matches. False for an expression that an older or other release allowed and this one refuses. */
export function matchesTopic(regex: string, topic: string): boolean {
  try {
    return compiled(regex).set.match(topic).length > 0;
  } catch (error) {
    if (error instanceof KafkaError) return false;
    throw error;
  }
}
