/** Every setting that a group may have of its own, with the broker setting that it follows and those that bound it. Main thread. */
import type { BrokerSettingName } from './broker-settings.js';
import { int, type Setting, type SettingValue } from './setting.js';
import type { Synonym } from './topic-settings.js';

export interface GroupSetting<Value extends SettingValue = SettingValue> extends Setting<Value> {
  /** The broker setting that a group without a value of its own follows; empty where there is none. */
  readonly synonyms: readonly Synonym[];
  /** A group's own value lies between those of these two broker settings. */
  readonly between: readonly [BrokerSettingName, BrokerSettingName] | null;
}

function follows<Value extends SettingValue>(
  row: Setting<Value>,
  name: BrokerSettingName,
  between: GroupSetting['between'],
): GroupSetting<Value> {
  return { ...row, dynamic: true, synonyms: [{ name, unit: 1 }], between };
}

export const groupSettings = {
  'consumer.session.timeout.ms': follows(
    int({
      default: 45_000,
      min: 1,
      doc: 'How long a member of this consumer group (KIP-848) may be silent before it counts as gone.',
    }),
    'group.consumer.session.timeout.ms',
    ['group.consumer.min.session.timeout.ms', 'group.consumer.max.session.timeout.ms'],
  ),
  'consumer.heartbeat.interval.ms': follows(
    int({ default: 5000, min: 1, doc: 'How often members of this consumer group are told to heartbeat.' }),
    'group.consumer.heartbeat.interval.ms',
    ['group.consumer.min.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'],
  ),
} as const satisfies Record<string, GroupSetting>;

export type GroupSettingName = keyof typeof groupSettings;
export type GroupSettingValue<Name extends GroupSettingName> =
  (typeof groupSettings)[Name] extends GroupSetting<infer Value> ? Value : never;

export const groupSettingNames = Object.keys(groupSettings) as GroupSettingName[];

export function isGroupSetting(name: string): name is GroupSettingName {
  return Object.hasOwn(groupSettings, name);
}
