/** Settings as DescribeConfigs and CreateTopics show them: value, source, synonyms, type, documentation. */
import type { BrokerConfig } from './broker-config.js';
import { type BrokerSettingName, brokerSettingNames, brokerSettings } from './broker-settings.js';
import { type GroupSetting, groupSettingNames, groupSettings } from './group-settings.js';
import { formatValue, type Setting, type SettingType, type SettingValue } from './setting.js';
import { type TopicSetting, topicSettingNames, topicSettings } from './topic-settings.js';

/** Codes of a value's source on the wire (DescribeConfigs from version 1, CreateTopics from version 5). */
export const configSource = {
  dynamicTopic: 1,
  dynamicBroker: 2,
  staticBroker: 4,
  default: 5,
  dynamicGroup: 8,
} as const;

/** Codes of a setting's type on the wire (KIP-569). */
const wireType: Record<SettingType, number> = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 };

export interface DescribedSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

/** Field names as in a DescribeConfigs response. */
export interface DescribedSetting {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly isDefault: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  /** Strongest first; the first is the value itself. */
  readonly synonyms: readonly DescribedSynonym[];
  readonly configType: number;
  readonly documentation: string;
}

/** Every place that has a word in `name`, strongest first. */
function brokerChain(config: BrokerConfig, name: BrokerSettingName): DescribedSynonym[] {
  const chain: DescribedSynonym[] = [];
  const dynamic = config.assignment(name, 'dynamic');
  if (dynamic) chain.push({ name, value: formatValue(dynamic.value), source: configSource.dynamicBroker });
  const fixed = config.assignment(name, 'static');
  if (fixed) chain.push({ name, value: formatValue(fixed.value), source: configSource.staticBroker });
  const standard = formatValue(brokerSettings[name].default);
  if (standard !== null) chain.push({ name, value: standard, source: configSource.default });
  return chain;
}

function described(
  name: string,
  setting: Setting,
  readOnly: boolean,
  value: string | null,
  synonyms: readonly DescribedSynonym[],
): DescribedSetting {
  const source = synonyms[0]?.source ?? configSource.default;
  return {
    name,
    value,
    readOnly,
    isDefault: source === configSource.default,
    configSource: source,
    isSensitive: false,
    synonyms,
    configType: wireType[setting.type],
    documentation: setting.doc,
  };
}

/** All broker settings. */
export function describeBroker(config: BrokerConfig): DescribedSetting[] {
  return brokerSettingNames.map((name) => {
    const setting: Setting = brokerSettings[name];
    return described(name, setting, !setting.dynamic, formatValue(config.get(name)), brokerChain(config, name));
  });
}

/** A setting of a topic or a group; `ownSource` where it is set for itself. */
function describeOwned(
  config: BrokerConfig,
  name: string,
  setting: TopicSetting | GroupSetting,
  held: SettingValue,
  ownSource: number | null,
): DescribedSetting {
  const synonyms: DescribedSynonym[] = [];
  const value = formatValue(held);
  if (ownSource !== null) synonyms.push({ name, value, source: ownSource });
  const inherited = setting.synonyms.flatMap((synonym) => brokerChain(config, synonym.name));
  synonyms.push(...inherited.filter((synonym) => synonym.source !== configSource.default));
  synonyms.push(...inherited.filter((synonym) => synonym.source === configSource.default));
  if (inherited.length === 0)
    synonyms.push({ name, value: formatValue(setting.default), source: configSource.default });
  return described(name, setting, false, value, synonyms);
}

/** All settings of a topic that has `settings` of its own. */
export function describeTopic(config: BrokerConfig, settings: ReadonlyMap<string, string>): DescribedSetting[] {
  return topicSettingNames.map((name) => {
    const source = settings.has(name) ? configSource.dynamicTopic : null;
    return describeOwned(config, name, topicSettings[name], config.topicValue(name, settings), source);
  });
}

/** All settings of a group that has `settings` of its own. */
export function describeGroup(config: BrokerConfig, settings: ReadonlyMap<string, string>): DescribedSetting[] {
  return groupSettingNames.map((name) => {
    const source = settings.has(name) ? configSource.dynamicGroup : null;
    return describeOwned(config, name, groupSettings[name], config.groupValue(name, settings), source);
  });
}
