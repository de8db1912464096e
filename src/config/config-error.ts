/** What stops a broker before it starts: a setting that cannot be used, and where it was set. */

export class ConfigError extends Error {
  override name = 'ConfigError';
}
