/** Turns whatever a room threw into the error fields of an answer. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';

export interface AnswerError {
  readonly errorCode: ErrorName;
  readonly errorMessage: string | null;
}

export const NO_ERROR: AnswerError = { errorCode: 'NONE', errorMessage: null };

/** Errors that are not Kafka's are ours: they are logged whole, and the client learns only that they happened. */
export function answerError(thrown: unknown, logger: Logger, api: string): AnswerError {
  if (thrown instanceof KafkaError) return { errorCode: thrown.error, errorMessage: thrown.message };
  logger.error({ err: thrown, api }, 'a request failed for a reason that is not the client’s');
  return { errorCode: 'UNKNOWN_SERVER_ERROR', errorMessage: null };
}
