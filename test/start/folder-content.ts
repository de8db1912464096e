/** All that a folder holds, to prove that nobody touched it. Test process. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Path -> what it is, when it changed, what it says; folders and their own times included. */
export function contentOf(folder: string): Record<string, string> {
  const content: Record<string, string> = {};
  const look = (path: string, name: string): void => {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) {
      content[name] = `${stat.mtimeMs} ${readFileSync(path).toString('base64')}`;
      return;
    }
    content[`${name}/`] = String(stat.mtimeMs);
    for (const entry of readdirSync(path)) look(join(path, entry), `${name}/${entry}`);
  };
  look(folder, '.');
  return content;
}
