#!/usr/bin/env node
/** Makes a clone ready to run: installs what the lock file says, builds what changed. Runs before any package is there. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.launch-stamp');
const sourceFolders = ['src', 'workers', 'bench', 'test'];
const windows = process.platform === 'win32';

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/** Everything it prints goes to stderr: stdout belongs to the program that is launched next. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0) fail(`${[command, ...args].join(' ')} failed.`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Millrace needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  }
}

/**
 * npm leaves a lock file of its own in node_modules that says what really is there. Packages for other platforms are
 * optional and absent from it.
 */
function isInstalled() {
  const installedLock = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const there = installed[path];
    return there ? there.version === version && there.integrity === integrity : Boolean(optional);
  });
}

function install() {
  process.stderr.write('Installing the locked dependencies …\n');
  // No package may run a script of its own: what works so works everywhere.
  run(windows ? 'npm.cmd' : 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { shell: windows });
}

function* filesUnder(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

function sources() {
  const files = [join(root, 'tsconfig.json'), join(root, 'package-lock.json')];
  for (const folder of sourceFolders) {
    for (const path of filesUnder(join(root, folder))) if (path.endsWith('.ts')) files.push(path);
  }
  return files.sort();
}

/** Sizes and times of all sources: reading them all would cost more than it could save. */
function stampOf(files) {
  return files
    .map((path) => {
      const { size, mtimeMs } = statSync(path);
      return `${relative(root, path)} ${size} ${mtimeMs}`;
    })
    .join('\n');
}

/** What was built from sources that are gone would still be run, by tests above all. */
function removeOrphans(files) {
  const stems = new Set(files.map((path) => relative(root, path).replace(/\.ts$/, '')));
  for (const folder of sourceFolders) {
    for (const path of filesUnder(join(dist, folder))) {
      const stem = relative(dist, path).replace(/\.(js|js\.map|d\.ts)$/, '');
      if (!stems.has(stem)) rmSync(path);
    }
  }
}

/**
 * The process and its threads start from a few files instead of two hundred modules: measured, 70 of 215 ms until the
 * broker listens. Everything else, embedding and tests included, uses the modules as they were compiled.
 */
async function bundle() {
  const { build } = await import(pathToFileURL(join(root, 'node_modules', 'esbuild', 'lib', 'main.js')).href);
  const common = { absWorkingDir: root, bundle: true, format: 'esm', platform: 'node', target: 'node20' };
  const quiet = { packages: 'external', sourcemap: true, logLevel: 'warning' };
  const workers = readdirSync(join(root, 'workers')).map((name) => `workers/${name}`);
  const chunks = { splitting: true, chunkNames: 'chunk-[hash]' };
  await build({ ...common, ...quiet, ...chunks, entryPoints: ['src/main.ts'], outdir: join(dist, 'src') });
  await build({ ...common, ...quiet, entryPoints: workers, outdir: join(dist, 'workers') });
}

async function build(files, stamp) {
  process.stderr.write('Building …\n');
  rmSync(stampFile, { force: true });
  // TypeScript 7 compiles ten times as fast as 6, which is installed only because dependency-cruiser parses with it.
  run(process.execPath, [join(root, 'node_modules', 'typescript7', 'bin', 'tsc'), '-p', 'tsconfig.json']);
  removeOrphans(files);
  await bundle();
  const entry = join(dist, 'src', 'main.js');
  if (!windows && existsSync(entry)) chmodSync(entry, 0o755);
  mkdirSync(dist, { recursive: true });
  writeFileSync(stampFile, stamp);
}

checkNode();
if (existsSync(join(root, 'tsconfig.json'))) {
  if (!isInstalled()) install();
  const files = sources();
  const stamp = stampOf(files);
  const built = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : null;
  if (built !== stamp) await build(files, stamp);
} else if (!existsSync(join(dist, 'src', 'main.js'))) {
  fail(`There is neither a build nor anything to build in ${root.split(sep).join('/')}.`);
}
