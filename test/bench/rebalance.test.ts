/** The members that the bench plays, against a live broker: their group becomes stable, in both protocols. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admin } from '../../bench/load/admin.js';
import { runRebalanceJob } from '../../bench/load/rebalance-job.js';
import { startLiveBroker } from '../live-broker.js';

const PARTITIONS = 16;
const MEMBERS = 8;

test('members are replaced, and their group is stable again', async (t) => {
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const { port } = broker;
  for (const protocol of ['classic', 'consumer'] as const) {
    await t.test(protocol, async () => {
      const admin = await Admin.open('127.0.0.1', port);
      await admin.createTopic(protocol, PARTITIONS, []);
      admin.close();
      const result = await runRebalanceJob({
        ...{ kind: 'rebalance', host: '127.0.0.1', port, topic: protocol, partitions: PARTITIONS, serverPid: null },
        ...{ warmUpSeconds: 0, seconds: 0, protocol, members: MEMBERS, heartbeatMs: 50 },
      });
      assert.equal(result.requests, 1);
      assert.ok((result.latencyMs?.max ?? 0) > 0);
    });
  }
});
