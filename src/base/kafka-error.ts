/** An error that a client is to blame for or can act on; it carries the Kafka error that goes on the wire. */
import { type ErrorName, errorTable } from './error-code.js';

export class KafkaError extends Error {
  override name = 'KafkaError';
  constructor(
    readonly error: ErrorName,
    message?: string,
  ) {
    super(message ?? errorTable[error].sentence);
  }
}
