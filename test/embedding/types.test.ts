/** The types that an embedding program sees: compiled from the built declarations, strictly. Test process. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../project-root.js';
import { runTool } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';

const declarations = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'src', 'index.js');

const program = `
import { type Broker, type CreateBrokerOptions, createBroker, type Logger } from ${JSON.stringify(declarations)};

const logger: Logger = { debug() {}, info() {}, warn() {}, error(fields: object, message: string) { console.error(message, fields); } };
const options: CreateBrokerOptions = { settings: { 'log.dirs': './data', listeners: 'PLAINTEXT://127.0.0.1:0' }, logger };

export async function main(): Promise<string> {
  await using broker: Broker = await createBroker(options);
  broker.on('failed', (reason) => console.error(reason.toUpperCase()));
  await broker.start();
  const shards: number = broker.shardCount;
  const folders: readonly string[] = broker.dataDirectories;
  await broker.close();
  return [broker.bootstrapServers, broker.clusterId, broker.durability, shards, ...folders].join();
}

export async function wrong(broker: Broker): Promise<void> {
  // @ts-expect-error settings are text, as in a file
  await createBroker({ settings: { 'num.partitions': 3 } });
  // @ts-expect-error there is one event
  broker.on('stopped', () => undefined);
  // @ts-expect-error the address is the broker's to say
  broker.bootstrapServers = '';
}
`;

const config = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2022', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    noUncheckedIndexedAccess: true,
    types: ['node'],
    typeRoots: [join(projectRoot, 'node_modules', '@types')],
  },
  files: ['program.mts'],
};

for (const [name, compiler] of [
  ['TypeScript 6', join('typescript', 'bin', 'tsc')],
  ['TypeScript 7', join('typescript7', 'bin', 'tsc')],
]) {
  test(`a strict program compiles against the declarations with ${name}`, async () => {
    const folder = temporaryFolder('types');
    writeFileSync(join(folder, 'program.mts'), program);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const { code, stdout } = await runTool(process.execPath, [
      join(projectRoot, 'node_modules', compiler),
      '-p',
      folder,
    ]);
    assert.equal(stdout, '');
    assert.equal(code, 0);
  });
}
