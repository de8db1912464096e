/** Regular expressions that members subscribe with: RE2's syntax and its promise of linear time (KIP-848). Main thread. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { KafkaError } from '../../base/kafka-error.js';

/** Longer ones are refused: nobody's topics need them, and each topic is matched against the whole program. */
const REGEX_CHARS_MAX = 1000;
/** Counted repetitions make long programs out of short expressions; matching takes program times name. */
const PROGRAM_STEPS_MAX = 10_000;
/** Compiled ones that are kept: members of one group share theirs. */
const COMPILED_MAX = 1000;

const compiled = new Map<string, Re2.RE2JS>();

let loaded: typeof Re2 | null = null;

/** Loaded with the first expression: it takes 10 ms, which most brokers start faster without. */
function re2(): typeof Re2 {
  loaded ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  return loaded;
}

/** @throws KafkaError INVALID_REGULAR_EXPRESSION. */
export function compileTopicRegex(regex: string): Re2.RE2JS {
  const known = compiled.get(regex);
  if (known) return known;
  if (regex.length > REGEX_CHARS_MAX) refuse(`is longer than ${REGEX_CHARS_MAX} characters`);
  const { RE2JS, RE2JSException } = re2();
  let program: Re2.RE2JS;
  try {
    program = RE2JS.compile(regex);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return refuse(`is not valid: ${error.message}`);
  }
  if (program.programSize() > PROGRAM_STEPS_MAX) refuse('repeats too much');
  if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value as string);
  compiled.set(regex, program);
  return program;
}

function refuse(problem: string): never {
  throw new KafkaError('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex ${problem}.`);
}

/** Whether the whole of `topic` matches. False for an expression that an older or other release allowed and this one refuses. */
export function matchesTopic(regex: string, topic: string): boolean {
  try {
    return compileTopicRegex(regex).matches(topic);
  } catch (error) {
    if (error instanceof KafkaError) return false;
    throw error;
  }
}
