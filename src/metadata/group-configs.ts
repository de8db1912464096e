/** Settings that groups have of their own, kept in the catalogue; a group need not be there to have some. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import type { BrokerConfig } from '../config/broker-config.js';
import type { GroupSettingName, GroupSettingValue } from '../config/group-settings.js';
import type { Catalogue } from './catalogue.js';
import { type GroupConfigsRecord, groupKey } from './catalogue-record.js';
import { type ConfigEdit, merged } from './topic.js';

const NONE: ReadonlyMap<string, string> = new Map();

/** What users of a group's settings need: the group's own value, else the broker's, else the default. */
export interface GroupValues {
  value<Name extends GroupSettingName>(group: string, name: Name): GroupSettingValue<Name>;
}

export class GroupConfigs implements GroupValues {
  /** What is usable of a record, found out once. */
  readonly #usable = new WeakMap<GroupConfigsRecord, ReadonlyMap<string, string>>();

  constructor(
    private readonly catalogue: Catalogue,
    private readonly config: () => BrokerConfig,
    private readonly logger: Logger,
  ) {}

  value<Name extends GroupSettingName>(group: string, name: Name): GroupSettingValue<Name> {
    return this.config().groupValue(name, this.of(group));
  }

  /** Only what the group sets itself. */
  of(group: string): ReadonlyMap<string, string> {
    const record = this.catalogue.get(groupKey(group));
    if (record?.type !== 'group') return NONE;
    let usable = this.#usable.get(record);
    if (usable === undefined) {
      usable = this.usableOf(record);
      this.#usable.set(record, usable);
    }
    return usable;
  }

  /** Groups that set something themselves. */
  *names(): Generator<string> {
    for (const record of this.catalogue.records()) if (record.type === 'group') yield record.group;
  }

  /** Rejects with INVALID_CONFIG or a storage error. */
  async alter(group: string, edit: ConfigEdit, validateOnly = false): Promise<void> {
    const key = groupKey(group);
    await this.catalogue.exclusive(key, async () => {
      const current = this.of(group);
      const configs = merged(current, edit(current));
      const problem = this.config().checkGroupConfigs(configs);
      if (problem !== null) throw new KafkaError('INVALID_CONFIG', problem);
      if (validateOnly) return;
      const record = { type: 'group', version: 1, group, configs: Object.fromEntries(configs) } as const;
      await this.catalogue.write(key, configs.size > 0 ? record : null);
    });
  }

  /** What was fine when it was set may not be known to, or allowed by, the release and settings of this run. */
  private usableOf({ group, configs }: GroupConfigsRecord): ReadonlyMap<string, string> {
    const usable = new Map<string, string>();
    for (const [name, value] of Object.entries(configs)) {
      const problem = this.config().checkGroupConfig(name, value);
      if (problem === null) usable.set(name, value);
      else
        this.logger.warn({ group, setting: name, value, problem }, 'a stored setting cannot be used and is left aside');
    }
    return usable;
  }
}
