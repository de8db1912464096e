/** Python's confluent-kafka against a live broker. Test process. */
import { test } from 'node:test';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { noPython, pythonClient, pythonWithKafka } from '../peers/python.js';
import { walkDrivenClient } from './driven-client.js';

test('confluent-kafka', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const python = pythonWithKafka();
  if (!python) return t.skip(noPython);
  const broker = await startLiveBroker(t);
  if (broker) await walkDrivenClient(t, broker, 'python', [python, pythonClient]);
});
