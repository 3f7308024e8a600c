// Runs the code blocks of README.md and docs/ that are marked runnable, and compares what they print.
//   npm run snippets        (after npm run build)
//
//   ```ts runnable               runs in a folder of its own, where `waybill` is this package's build
//   ```ts runnable postgres      with DATABASE_URL of a fresh database
//   ```ts runnable continues     in the folder (and the database) of the runnable block before it
//   ```js runnable, ```sh runnable likewise
//   ```text output               right behind it (prose may stand between): what it prints on stdout
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative, resolve } from 'node:path'
import process from 'node:process'
import { createJiti } from 'jiti'
import pg from 'pg'
import ts from 'typescript'

const TIMEOUT_MS = 60_000
const root = resolve(import.meta.dirname, '..')
const TYPESCRIPT = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }

/** The runnable blocks of a Markdown file, each with its expected output if it has one. */
function blocksOf(file) {
  const blocks = []
  let open
  readFileSync(file, 'utf8').split('\n').forEach((line, index) => {
    if (open && line.trimEnd() === open.fence) {
      const previous = blocks.at(-1)
      if (open.words[0] === 'text' && open.words.includes('output') && previous && !previous.closed) previous.output = open.lines.join('\n')
      else if (previous) previous.closed = true
      if (open.words.includes('runnable')) blocks.push({ file, line: open.line, words: open.words, code: open.lines.join('\n') })
      open = undefined
    } else if (open) open.lines.push(line)
    else {
      const fence = /^(`{3,})(\S.*)?$/.exec(line)
      if (fence) open = { fence: fence[1], words: (fence[2] ?? '').split(/\s+/), line: index + 1, lines: [] }
    }
  })
  return blocks
}

/** A folder whose node_modules are this repository's, and this package itself. */
function prepare() {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-snippets-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '.bin'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  symlinkSync(root, join(modules, 'waybill'))
  const program = `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist', 'cli', 'main.js')}" "$@"\n`
  writeFileSync(join(modules, '.bin', 'waybill'), program, { mode: 0o755 })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  return folder
}

const databases = {
  server: undefined,
  /** The URL of a fresh database; the first call starts the server. */
  async fresh(name) {
    if (!this.server) {
      const launcher = await createJiti(import.meta.url).import(join(root, 'test', 'support', 'postgres-server.ts'))
      this.server = await launcher.PostgresServer.create()
    }
    const client = new pg.Client(this.server.url)
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    return this.server.url.replace(/postgres$/, name)
  },
  async end() {
    await this.server?.[Symbol.asyncDispose]()
  },
}

function commandFor(block, folder, number) {
  const [language] = block.words
  if (language === 'sh' || language === 'bash') return ['bash', '-euo', 'pipefail', '-c', block.code]
  const file = join(folder, `snippet-${number}.mjs`)
  writeFileSync(file, language === 'ts' ? ts.transpileModule(block.code, { compilerOptions: TYPESCRIPT }).outputText : block.code)
  if (language === 'ts') writeFileSync(file.replace('.mjs', '.ts'), block.code)
  return [process.execPath, file]
}

function execute(block, { folder, url }, number, bin) {
  const [command, ...args] = commandFor(block, folder, number)
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NO_COLOR: '1' }
  if (url) env.DATABASE_URL = url
  const run = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8', timeout: TIMEOUT_MS })
  if (run.error) return run.error.message
  if (run.status !== 0) return `exit ${run.status ?? run.signal}\n${run.stdout}${run.stderr}`
  if (block.output === undefined || run.stdout.trimEnd() === block.output.trimEnd()) return undefined
  return `printed\n${run.stdout.trimEnd()}\ninstead of\n${block.output}\n${run.stderr}`
}

/** The blocks in TypeScript must also be right for the compiler. */
function typeErrors(base) {
  const names = readdirSync(base, { recursive: true }).filter((name) => /^block-\d+\/snippet-\d+\.ts$/.test(name))
  if (names.length === 0) return []
  const options = {
    strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force, types: ['node'], typeRoots: [join(root, 'node_modules', '@types')],
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  }
  const program = ts.createProgram(names.map((name) => join(base, name)), options)
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
    const number = /snippet-(\d+)\.ts$/.exec(diagnostic.file?.fileName ?? '')?.[1]
    const line = diagnostic.file ? diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start).line + 1 : 0
    return { number: Number(number ?? 0), line, message }
  })
}

async function main() {
  if (!existsSync(join(root, 'dist', 'index.js'))) spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
  const docs = existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs'), { recursive: true }) : []
  const files = ['README.md', ...docs.filter((name) => name.endsWith('.md')).sort().map((name) => join('docs', name))]
  const blocks = files.map((name) => join(root, name)).filter(existsSync).flatMap(blocksOf)
  const base = prepare()
  let failed = 0
  let place
  const where = (block) => `${relative(root, block.file)}:${block.line}  ${block.words.join(' ')}`
  try {
    for (const [index, block] of blocks.entries()) {
      const fresh = !place || place.file !== block.file || !block.words.includes('continues')
      if (fresh) place = { file: block.file, folder: join(base, `block-${index}`), url: undefined }
      mkdirSync(place.folder, { recursive: true })
      if (block.words.includes('postgres') && !place.url) place.url = await databases.fresh(`snippet_${index}`)
      const started = performance.now()
      const problem = execute(block, place, index, join(base, 'node_modules', '.bin'))
      if (problem) failed += 1
      console.log(`${problem ? 'FAIL' : 'ok  '}  ${where(block)}  ${((performance.now() - started) / 1000).toFixed(1)} s`)
      if (problem) console.log(problem)
    }
    for (const { number, line, message } of typeErrors(base)) {
      failed += 1
      console.log(`FAIL  ${relative(root, blocks[number].file)}:${blocks[number].line + line}  type error: ${message}`)
    }
  } finally {
    await databases.end()
    rmSync(base, { recursive: true, force: true })
  }
  console.log(`snippets: ${blocks.length} run, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

await main()
