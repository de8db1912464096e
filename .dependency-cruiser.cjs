/** Who may import whom: one row per room of src; the architecture test and `npm test` hold everyone to it. */

/** A room may import itself and what its row names: rooms, or single files of a room. */
const rooms = {
  base: [],
  config: ['base'],
  protocol: ['base'],
  record: ['base'],
  // The settings of a log cross the ring as they are.
  ring: ['base', 'config/log-config'],
  metrics: ['base'],
  log: ['base', 'config', 'record'],
  shard: ['base', 'config', 'record', 'ring', 'log', 'metrics'],
  partition: ['base', 'config', 'record', 'ring', 'metrics', 'log/log-directories'],
  metadata: ['base', 'config', 'record', 'partition', 'metrics'],
  coordinator: ['base', 'config', 'protocol', 'record', 'metadata', 'partition', 'metrics'],
  handlers: ['base', 'config', 'protocol', 'record', 'metadata', 'partition', 'coordinator'],
  network: ['base', 'config', 'protocol', 'metrics'],
  http: ['base', 'metrics'],
  // The offline verbs read segments without a broker.
  cli: ['base', 'config', 'protocol', 'record', 'log'],
};

/** Files at the top of src, outside every room. */
const topFiles = {
  'main.ts': ['base', 'config', 'cli'],
  'index.ts': ['base', 'config', 'metrics'],
};

const alternatives = (names) => names.join('|');

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room} may import ${allowed.length > 0 ? allowed.join(', ') : 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: '^(src|workers|bench|test)/',
    // The command line may start what the library offers.
    pathNot: [`^src/(${alternatives([room, ...allowed])})(/|[.]ts$)`, ...(room === 'cli' ? ['^src/index[.]ts$'] : [])],
  },
}));

const topRules = Object.entries(topFiles).map(([file, allowed]) => ({
  name: `top-${file}`,
  comment: `${file} may import ${allowed.join(', ')} and the broker`,
  severity: 'error',
  from: { path: `^src/${file.replace('.', '[.]')}$` },
  to: { path: '^(src|workers|bench|test)/', pathNot: `^src/((${alternatives(allowed)})/|(index|broker)[.]ts$)` },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    ...topRules,
    {
      name: 'workers',
      comment: 'thread entry points see shards and their side jobs, never the main thread',
      severity: 'error',
      from: { path: '^workers/' },
      to: {
        path: '^(src|workers|bench|test)/',
        pathNot: '^(workers|src/(base|config|record|ring|log|shard|metrics))/',
      },
    },
    {
      name: 'product-knows-no-tests',
      comment: 'nothing that ships imports tests or benchmarks',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'fast-check-by-one-door',
      comment: 'property tests draw their cases by the seed that test/property.ts gives: import fc from there',
      severity: 'error',
      from: { pathNot: '^test/property[.]ts$' },
      to: { path: 'node_modules/fast-check/' },
    },
    {
      name: 'no-cycles',
      comment: 'files that import each other in a ring cannot be read one at a time; types may look both ways',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared',
      comment: 'what ships stands on declared dependencies alone',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
