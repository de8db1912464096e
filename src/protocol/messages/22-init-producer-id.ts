/** API 22: gives an idempotent producer its id and epoch. Wire only, no behaviour; any thread. */
import { defineApi, errorCode, int16, int32, int64, string } from '../schema.js';

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  // 3 a producer may name its present id and epoch to be bumped (KIP-360)
  // 4 PRODUCER_FENCED · 5 TRANSACTION_ABORTABLE (KIP-890)
  versions: '0-5',
  flexible: 2,
  request: {
    transactionalId: string({ nullable: true }),
    transactionTimeoutMs: int32(),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
});
