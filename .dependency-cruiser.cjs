// Imports point one way: core <- runner <- nouns <- entries (src/*.ts) <- cli. Type-only imports count.

const NOUNS = '(?:outbox|journal|feeds|deadletters|inbox|maintenance)'
// A contract is its contract.ts with the nouns it speaks of.
const CONTRACT_FILES = [
  'checkpoints', 'contract', 'conflicts', 'cursor', 'event', 'fenced-offsets', 'heap', 'message', 'message-id', 'offset-store',
  'parts', 'progress', 'publisher-record', 'reservation', 'result', 'ring', 'slots',
]
const CONTRACT = `^src/${NOUNS}/(?:${CONTRACT_FILES.join('|')})\\.ts$`
const ADAPTERS = 'drivers|transports|telemetry'
const PACKAGES = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown']

/** A folder of src that may import, inside src, only what matches `allowed`. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    only('core-imports-core', '^src/core/', '^src/core/', 'core is below everything.'),
    {
      name: 'inside-without-packages',
      comment: 'Packages belong to stores, drivers, transports, telemetry and cli.',
      severity: 'error',
      from: { path: `^src/(?:core|runner|sql|${NOUNS})/` },
      to: { dependencyTypes: PACKAGES },
    },
    only('runner-knows-no-noun', '^src/runner/', '^src/(?:core|runner)/', 'The runner imports core only.'),
    only('nouns-below-entries', `^src/${NOUNS}/`, `^src/(?:core|runner|${NOUNS})/`, 'Nouns import core, runner and nouns.'),
    only('sql-imports-core', '^src/sql/', '^src/(?:core|sql)/', 'sql imports core only.'),
    only(
      'adapters-see-contracts', `^src/(${ADAPTERS})/`,
      `^src/(?:core|sql)/|${CONTRACT}|^src/$1/`,
      'Drivers, transports and telemetry import core, sql, contracts and their own folder.',
    ),
    only(
      'stores-see-contracts', '^src/stores/([^/]+)', `^src/(?:core|sql)/|${CONTRACT}|^src/stores/$1(?:/|$)`,
      'Stores import core, sql, contracts and their own folder, never another store.',
    ),
    only('entries-below-cli', '^src/[^/]+\\.ts$', '^src/(?!cli/|testkit/)', 'Entries do not import cli or testkit.'),
    only('cli-without-testkit', '^src/cli/', '^src/(?!testkit/)', 'cli does not import testkit.'),
    only('testkit-without-cli', '^src/testkit/', '^src/(?!cli/)', 'testkit does not import cli.'),
    {
      name: 'no-development-packages',
      comment: 'Published code imports dependencies and peers only.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
