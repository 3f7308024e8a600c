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

// Runs with none of the optional peers installed: importing an entry must need no driver.
const PROGRAM = `
const manifest = await import('${manifest.name}/package.json', { with: { type: 'json' } })
for (const name of ${JSON.stringify(specifiers)}) {
  console.log(name + ': ' + Object.keys(await import(name)).sort().join(', '))
}
const { createWaybill } = await import('${manifest.name}')
const { memory } = await import('${manifest.name}/memory')
if (typeof createWaybill !== 'function' || typeof memory !== 'function') throw new Error('the embedded default is missing')
console.log(manifest.default.name + ' ' + manifest.default.version)
`
const REQUIRED = `require('${manifest.name}')`
const TYPES = specifiers.map((name, index) => `import * as e${index} from '${name}'\nexport type E${index} = typeof e${index}\n`)

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
  writeFileSync(join(home, 'program.mjs'), PROGRAM)
  process.stdout.write(run(home, process.execPath, 'program.mjs'))
  run(home, process.execPath, '--input-type=commonjs', '-e', REQUIRED)
  const version = run(home, 'npx', '--no-install', manifest.name, '--version').trim()
  if (version !== manifest.version) throw new Error(`npx ${manifest.name} --version says ${version}`)
  console.log(`npx ${manifest.name} --version: ${version}`)
  checkTypes(home)
}

/** The declarations must compile where no peer is installed and libraries are checked too. */
function checkTypes(home) {
  const compilerOptions = { strict: true, module: 'NodeNext', target: 'ES2023', lib: ['ES2023', 'ESNext.Disposable'], noEmit: true, types: ['node'] }
  mkdirSync(join(home, 'node_modules', '@types'))
  symlinkSync(join(root, 'node_modules', '@types', 'node'), join(home, 'node_modules', '@types', 'node'))
  symlinkSync(join(root, 'node_modules', 'undici-types'), join(home, 'node_modules', 'undici-types'))
  writeFileSync(join(home, 'types.ts'), TYPES.join(''))
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.ts'] }))
  run(home, process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.')
  console.log('types: compile with no peer installed')
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
