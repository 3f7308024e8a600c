// Packs the package, installs the tarball in an empty folder as a stranger would, and uses it there.
//   npm run pack-check      (after npm run build)
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'

const root = resolve(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json')
const specifiers = entries.map((name) => name.replace('.', manifest.name))

// Entries that import their peer by being imported; every other entry must need no driver.
const NEEDS = { './drizzle': 'drizzle-orm', './kysely': 'kysely' }
const bare = specifiers.filter((_, index) => !(entries[index] in NEEDS))

const listing = (names) => `
for (const name of ${JSON.stringify(names)}) console.log(name + ': ' + Object.keys(await import(name)).sort().join(', '))
`
const PROGRAM = `
const { createWaybill } = await import('${manifest.name}')
const { memory } = await import('${manifest.name}/memory')
const waybill = createWaybill({ store: memory() })
await waybill.migrate()
const enqueue = (fail) => waybill.transaction(async (tx) => {
  await waybill.outbox.enqueue(tx, { type: 'greeting', target: 'world', payload: { fail } })
  if (fail) throw new Error('rolled back')
})
await enqueue(false)
await enqueue(true).catch(() => {})
const arrived = []
const relay = waybill.relay({ handlers: { world: async (message) => { arrived.push(message.payload.fail) } } })
const { delivered } = await relay.drain()
await waybill.close()
if (delivered !== 1 || arrived.length !== 1 || arrived[0] !== false) throw new Error('delivered ' + JSON.stringify(arrived))
console.log('one committed, one rolled back: ' + delivered + ' delivered')
`
const REQUIRED = `require('${manifest.name}')`
const typesOf = (names) => names.map((name, index) => `import * as e${index} from '${name}'\nexport type E${index} = typeof e${index}\n`).join('')

function run(cwd, command, ...args) {
  // npm scripts run with settings of this repository in their environment; the stranger has none of them.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^NODE_OPTIONS$/.test(name)))
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Error(`${command} ${args.join(' ')}\n${error?.message ?? ''}${stdout}${stderr}`)
}

function pack(folder) {
  const [packed] = JSON.parse(run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder))
  const names = packed.files.map(({ path }) => path)
  const allowed = (name) => name === 'package.json' || manifest.files.some((file) => name === file || name.startsWith(`${file}/`))
  const strays = names.filter((name) => !allowed(name) || /\.(?:map|test\.js|tsbuildinfo)$/.test(name))
  if (strays.length > 0) throw new Error(`files that do not belong in the package: ${strays.join(', ')}`)
  const targets = [...Object.values(manifest.exports), ...Object.values(manifest.bin)].flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target))
  const wanted = [...manifest.files.filter((file) => file !== 'dist'), ...targets.map((target) => target.replace(/^\.\//, ''))]
  const missing = wanted.filter((name) => !names.includes(name))
  if (missing.length > 0) throw new Error(`missing in the package: ${missing.join(', ')}`)
  const size = `${(packed.size / 1024).toFixed(1)} KB packed, ${(packed.unpackedSize / 1024).toFixed(1)} KB unpacked`
  console.log(`packed ${names.length} files, ${size}`)
  return join(folder, packed.filename)
}

function use(folder, tarball) {
  const home = join(folder, 'stranger')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }\n')
  run(home, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball)
  const program = (text) => process.stdout.write(run(home, process.execPath, '--input-type=module', '-e', text))
  program(listing(bare))
  program(PROGRAM)
  run(home, process.execPath, '--input-type=commonjs', '-e', REQUIRED)
  const version = run(home, 'npx', '--no-install', manifest.name, '--version').trim()
  if (version !== manifest.version) throw new Error(`npx ${manifest.name} --version says ${version}`)
  console.log(`npx ${manifest.name} --version: ${version}`)
  mkdirSync(join(home, 'node_modules', '@types'))
  const link = (name) => symlinkSync(join(root, 'node_modules', name), join(home, 'node_modules', name))
  link('@types/node')
  link('undici-types')
  checkTypes(home, bare, { skipLibCheck: false })
  console.log('types: compile with no peer installed')
  Object.values(NEEDS).forEach(link)
  program(listing(specifiers.filter((name) => !bare.includes(name))))
  checkTypes(home, specifiers, { skipLibCheck: true })
  console.log('types: compile with the peers that entries need')
}

/** Without peers the libraries' declarations are checked too; a peer's own are its own business. */
function checkTypes(home, names, settings) {
  const compilerOptions = { strict: true, module: 'NodeNext', target: 'ES2023', lib: ['ES2023', 'ESNext.Disposable'], noEmit: true, types: ['node'], ...settings }
  writeFileSync(join(home, 'types.ts'), typesOf(names))
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.ts'] }))
  run(home, process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.')
}

const folder = mkdtempSync(join(tmpdir(), 'waybill-pack-'))
try {
  if (!existsSync(join(root, 'dist', 'index.js'))) run(root, 'npm', 'run', '--silent', 'build')
  const tarball = pack(folder)
  use(folder, tarball)
  const tool = (name, ...args) => run(root, join(root, 'node_modules', '.bin', name), ...args)
  tool('publint', 'run', tarball, '--strict')
  console.log('publint: ok')
  tool('attw', tarball, '--profile', 'esm-only', '--no-color')
  console.log('attw: ok')
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
