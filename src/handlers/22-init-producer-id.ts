/** InitProducerId for idempotent producers. Main thread. */
import { initProducerId } from '../protocol/messages/22-init-producer-id.js';
import type { ResponseOf } from '../protocol/schema.js';
import { answerError } from './answer-error.js';
import { handler } from './handler.js';

const NOBODY = { producerId: -1, producerEpoch: -1 };

type Answer = ResponseOf<typeof initProducerId>;

export const initProducerIdHandler = handler(initProducerId, async (request, _context, services): Promise<Answer> => {
  const { transactionalId, producerId, producerEpoch } = request;
  if (transactionalId === '') return { ...NOBODY, errorCode: 'INVALID_REQUEST' };
  if (transactionalId !== null) return { ...NOBODY, errorCode: 'UNSUPPORTED_VERSION' };
  if ((producerId === -1) !== (producerEpoch === -1)) return { ...NOBODY, errorCode: 'INVALID_REQUEST' };
  try {
    // As in Kafka, a producer without a transactional id always gets a fresh id, even if it names the one it had:
    // nothing proves that it was its own.
    return { errorCode: 'NONE', producerId: await services.producerIds.next(), producerEpoch: 0 };
  } catch (error) {
    return { ...NOBODY, errorCode: answerError(error, services.logger, 'InitProducerId').errorCode };
  }
});
