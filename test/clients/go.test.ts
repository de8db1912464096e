/** franz-go against a live broker. Test process. */
import { test } from 'node:test';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { goClient, noGoClient } from '../peers/go-client.js';
import { walkDrivenClient } from './driven-client.js';

test('franz-go', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const program = goClient();
  if (!program) return t.skip(noGoClient);
  const broker = await startLiveBroker(t);
  if (broker) await walkDrivenClient(t, broker, 'go', [program]);
});
