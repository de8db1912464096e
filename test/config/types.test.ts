/** The types of settings come from their rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokerSettingValue } from '../../src/config/broker-settings.js';
import type { TopicSettingValue } from '../../src/config/topic-settings.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test('each setting has the type that its row says', () => {
  const same: [
    Same<BrokerSettingValue<'num.partitions'>, number>,
    Same<BrokerSettingValue<'broker.id'>, number | null>,
    Same<BrokerSettingValue<'log.dirs'>, readonly string[] | null>,
    Same<BrokerSettingValue<'controller.listener.names'>, readonly string[]>,
    Same<BrokerSettingValue<'auto.create.topics.enable'>, boolean>,
    Same<BrokerSettingValue<'flush'>, 'ack' | 'interval' | 'never'>,
    Same<TopicSettingValue<'message.timestamp.type'>, 'CreateTime' | 'LogAppendTime'>,
    Same<TopicSettingValue<'cleanup.policy'>, readonly string[]>,
  ] = [true, true, true, true, true, true, true, true];
  assert.ok(same.every(Boolean));
});
