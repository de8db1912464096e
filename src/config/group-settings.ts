/** Every setting that a group may have of its own, with the broker setting that it follows and those that bound it. Main thread. */
import type { BrokerSettingName } from './broker-settings.js';
import { BadValueError, boolean, choice, int, type Setting, type SettingValue } from './setting.js';
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

/** Of a group alone: no broker setting stands behind it. */
function own<Value extends SettingValue>(row: Setting<Value>): GroupSetting<Value> {
  return { ...row, dynamic: true, synonyms: [], between: null };
}

/** ISO 8601, as Java's Duration writes it: days, hours, minutes, seconds with a fraction. */
const BY_DURATION =
  /^by_duration:P(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/i;
const MS_PER_DAY = 24 * 60 * 60 * 1000;

/** Milliseconds of `by_duration:PnDTnHnMn.nS` (KIP-1106); null for another text. */
export function offsetResetDurationMs(text: string): number | null {
  const parts = BY_DURATION.exec(text);
  if (parts === null || parts.slice(1).every((part) => part === undefined)) return null;
  const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  return days * MS_PER_DAY + hours * 3_600_000 + minutes * 60_000 + Math.round(seconds * 1000);
}

function offsetReset(doc: string): Setting<string> {
  const bound = 'earliest, latest, by_duration:PnDTnHnMn.nS';
  return {
    type: 'string',
    default: 'latest',
    defaultName: null,
    doc,
    dynamic: true,
    noEffect: false,
    bound,
    parse(text) {
      const value = text.trim();
      if (value === 'earliest' || value === 'latest' || offsetResetDurationMs(value) !== null) return value;
      throw new BadValueError(`must be one of ${bound}, but is "${text}"`);
    },
  };
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
  'share.session.timeout.ms': follows(
    int({
      default: 45_000,
      min: 1,
      doc: 'How long a member of this share group (KIP-932) may be silent before it counts as gone.',
    }),
    'group.share.session.timeout.ms',
    ['group.share.min.session.timeout.ms', 'group.share.max.session.timeout.ms'],
  ),
  'share.heartbeat.interval.ms': follows(
    int({ default: 5000, min: 1, doc: 'How often members of this share group are told to heartbeat.' }),
    'group.share.heartbeat.interval.ms',
    ['group.share.min.heartbeat.interval.ms', 'group.share.max.heartbeat.interval.ms'],
  ),
  'share.record.lock.duration.ms': follows(
    int({
      default: 30_000,
      min: 1000,
      doc: 'How long a record that a member acquired is kept for it.',
    }),
    'group.share.record.lock.duration.ms',
    ['group.share.min.record.lock.duration.ms', 'group.share.max.record.lock.duration.ms'],
  ),
  'share.delivery.count.limit': follows(
    int({ default: 5, min: 2, doc: 'How often a record is delivered before it is given up.' }),
    'group.share.delivery.count.limit',
    ['group.share.min.delivery.count.limit', 'group.share.max.delivery.count.limit'],
  ),
  'share.partition.max.record.locks': follows(
    int({
      default: 2000,
      min: 100,
      doc: 'Records of one partition that the share group may have under way.',
    }),
    'group.share.partition.max.record.locks',
    ['group.share.min.partition.max.record.locks', 'group.share.max.partition.max.record.locks'],
  ),
  'share.auto.offset.reset': own(
    offsetReset(
      'Where a share group begins in a partition that it has not read: at the earliest record, behind the latest, or at the first that is not older.',
    ),
  ),
  'share.isolation.level': own(
    choice({
      default: 'read_uncommitted',
      words: ['read_committed', 'read_uncommitted'],
      noEffect: true,
      doc: 'Whether records of open transactions are delivered. There are no transactions: both are the same.',
    }),
  ),
  'share.renew.acknowledge.enable': own(
    boolean({
      default: true,
      doc: 'Whether members may renew the lock of a record that they acquired (KIP-1222).',
    }),
  ),
} as const satisfies Record<string, GroupSetting>;

export type GroupSettingName = keyof typeof groupSettings;
export type GroupSettingValue<Name extends GroupSettingName> =
  (typeof groupSettings)[Name] extends GroupSetting<infer Value> ? Value : never;

export const groupSettingNames = Object.keys(groupSettings) as GroupSettingName[];

export function isGroupSetting(name: string): name is GroupSettingName {
  return Object.hasOwn(groupSettings, name);
}
