/** What is said about compressed records that cannot be unfolded. Any thread. */
import { KafkaError } from '../base/kafka-error.js';

/** `reason` has no full stop. */
export function unreadable(codec: string, reason: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `The ${codec} data of a batch cannot be read: ${reason}.`);
}

/** For bombs: asking again would not help, so this is no CORRUPT_MESSAGE, which clients repeat. */
export function tooLarge(codec: string, compressedBytes: number, bytesMax: number): KafkaError {
  return new KafkaError(
    'INVALID_RECORD',
    `${compressedBytes} bytes of ${codec} data unfold to more than the ${bytesMax} bytes that are allowed for so few.`,
  );
}
