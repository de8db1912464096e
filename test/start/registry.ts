/** Runs npm where it needs its registry, and tells a registry that cannot be reached from anything else that goes wrong. Test process. */
import { runTool, type ToolOptions } from '../run-tool.js';

const UNREACHABLE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)\b/;
const TIMEOUT_MS = 300_000;

/** Why `output` of npm is no fault of ours; null where it is one. */
export function unreachable(output: string): string | null {
  const match = UNREACHABLE.exec(output);
  return match === null ? null : `the npm registry cannot be reached (${match[1]})`;
}

/** Resolves with null when it went well, with the reason to skip where there is no registry; everything else is an error. */
export async function npmWithRegistry(args: readonly string[], options: ToolOptions): Promise<string | null> {
  const { code, stdout, stderr } = await runTool('npm', [...args, '--no-audit', '--no-fund'], {
    timeoutMs: TIMEOUT_MS,
    ...options,
  });
  if (code === 0) return null;
  const reason = unreachable(stderr + stdout);
  if (reason === null) throw new Error(`npm ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return reason;
}
