/** Gathers settings from file, environment and command line, strongest last, and says what is wrong and where. Main thread. */
import { readFileSync } from 'node:fs';
import { Properties } from 'properties-file/parser';
import { isAcceptedAndIgnored } from './accepted-settings.js';
import { type Assignment, BrokerConfig, type Origin } from './broker-config.js';
import { type BrokerSettingName, brokerSettingNames, brokerSettings, isBrokerSetting } from './broker-settings.js';
import { ConfigError } from './config-error.js';
import { nearestName } from './nearest-name.js';
import { checkRelations } from './relations.js';
import { BadValueError } from './setting.js';
import { isTopicSetting, topicSettings } from './topic-settings.js';

export type { BrokerConfig } from './broker-config.js';

export interface ConfigSources {
  /** Path of a file as Kafka's server.properties. */
  readonly file?: string | undefined;
  /** KAFKA_* and KAFKA_CFG_* are read, as Kafka's and Bitnami's container images do; the rest is left alone. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Strongest: what the command line or the embedding program sets. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** What people are told about where `overrides` come from; `--override` unless given. */
  readonly overridesPlace?: string;
}

export interface LoadedConfig {
  readonly config: BrokerConfig;
  /** Sentences for people about what was ignored, misspelt or works otherwise than it looks. */
  readonly warnings: readonly string[];
}

interface Entry extends Origin {
  readonly name: string;
  readonly text: string;
}

/** Variables that start with KAFKA_ and speak to the JVM or to an image's scripts. */
const NOT_SETTINGS =
  /^KAFKA_(VERSION|HEAP_OPTS|OPTS|LOG4J_.*|JMX_.*|GC_LOG_OPTS|JVM_PERFORMANCE_OPTS|TOOLS_LOG4J_LOGLEVEL|HOME|JARS|DEBUG|ENABLE_KRAFT)$/;
const CLUSTER_ID_VARIABLES = new Set(['CLUSTER_ID', 'KAFKA_CLUSTER_ID', 'KAFKA_KRAFT_CLUSTER_ID']);

/** KAFKA_ABC_DEF -> abc.def; `__` stands for `_`, `___` for `-` (the rule of Kafka's own container image). */
export function settingNameOf(variable: string): string {
  return variable
    .replace(/^KAFKA_(CFG_)?/, '')
    .toLowerCase()
    .replace(/_{1,3}/g, (run) => ['.', '_', '-'][run.length - 1]);
}

function fileEntries(file: string, warnings: string[]): Entry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`);
  }
  const firstLine = new Map<string, number>();
  return new Properties(text).getProperties().map(({ key, value, startingLineNumber }) => {
    const earlier = firstLine.get(key);
    if (earlier !== undefined) {
      warnings.push(`${file}:${startingLineNumber}: ${key} was set in line ${earlier} already; this line wins.`);
    }
    firstLine.set(key, startingLineNumber);
    return { name: key, text: value, kind: 'file', place: `${file}:${startingLineNumber}` };
  });
}

function environmentEntries(env: Readonly<Record<string, string | undefined>>): Entry[] {
  const entries: Entry[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || NOT_SETTINGS.test(variable)) continue;
    const origin = { text, kind: 'environment' as const, place: variable };
    if (CLUSTER_ID_VARIABLES.has(variable)) entries.push({ name: 'cluster.id', ...origin });
    else if (/^KAFKA_[A-Z0-9_]+$/.test(variable)) entries.push({ name: settingNameOf(variable), ...origin });
  }
  // Bitnami's longer prefix is the more explicit one: it wins where both name the same setting.
  return entries.sort((a, b) => Number(a.place.startsWith('KAFKA_CFG_')) - Number(b.place.startsWith('KAFKA_CFG_')));
}

function unknownSetting({ name, place }: Entry): string {
  const known = isTopicSetting(name) ? topicSettings[name].synonyms[0]?.name : null;
  const nearest = known ?? nearestName(name, brokerSettingNames);
  return `${place}: ${name} is not a known setting and is ignored${nearest ? `; did you mean ${nearest}?` : '.'}`;
}

function assign(entry: Entry, name: BrokerSettingName): Assignment {
  const { kind, place, text } = entry;
  try {
    return { kind, place, text, value: brokerSettings[name].parse(text) };
  } catch (error) {
    if (!(error instanceof BadValueError)) throw error;
    throw new ConfigError(`${place}: ${name} ${error.message}`);
  }
}

/** Precedence: overrides, then environment, then file, then defaults. Throws a {@link ConfigError} on what cannot be used. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { file, env = {}, overrides = {}, overridesPlace: place = '--override' } = sources;
  const warnings: string[] = [];
  const entries = [
    ...(file === undefined ? [] : fileEntries(file, warnings)),
    ...environmentEntries(env),
    ...Object.entries(overrides).map(([name, text]): Entry => ({ name, text, kind: 'override', place })),
  ];
  const assigned = new Map<BrokerSettingName, Assignment>();
  const ignored = new Set<string>();
  for (const entry of entries) {
    if (isBrokerSetting(entry.name)) assigned.set(entry.name, assign(entry, entry.name));
    else if (isAcceptedAndIgnored(entry.name)) ignored.add(entry.name);
    else warnings.push(unknownSetting(entry));
  }
  if (ignored.size > 0) {
    warnings.push(`Read and left aside, as they have no meaning on this node: ${[...ignored].sort().join(', ')}.`);
  }
  const config = new BrokerConfig(assigned);
  warnings.push(...checkRelations(config));
  return { config, warnings };
}
