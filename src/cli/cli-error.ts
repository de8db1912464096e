/** A verb cannot do what it was asked to: one sentence for stderr, and exit code 1. */

export class CliError extends Error {
  override name = 'CliError';
}
