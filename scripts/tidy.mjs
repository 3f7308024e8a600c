// Keeps the repository tidy: sizes of files and functions, line lengths, names, leftovers, skipped tests, Markdown.
//   npm run tidy
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import process from 'node:process'
import { checkFunctions } from './tidy/functions.mjs'
import { checkMarkdown } from './tidy/markdown.mjs'

const LIMITS = { srcFile: 400, srcNineInTen: 250, testFile: 600, columns: 120 }
const BANNED_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'misc'])
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'build', '.git', '.cache', 'coverage'])
// Written in halves, so that this file does not report itself.
const LEFTOVER = new RegExp(`\\b(?:TO${''}DO|FIX${''}ME|X${''}XX)\\b`)

const root = resolve(import.meta.dirname, '..')
const problems = []
const report = (file, line, message) => problems.push(`${relative(root, file)}${line ? `:${line}` : ''}  ${message}`)

function filesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : filesIn(join(folder, entry.name))
    return entry.isFile() ? [join(folder, entry.name)] : []
  })
}

const all = filesIn(root).map((path) => {
  const text = statSync(path).size > 1_000_000 ? '' : readFileSync(path, 'utf8')
  return { path, name: relative(root, path), text, lines: text.replace(/\n$/, '').split('\n') }
})
const code = all.filter(({ path }) => /\.(?:ts|mts|js|mjs|cjs)$/.test(path))
const src = code.filter(({ name }) => name.startsWith('src/'))
const chaos = code.filter(({ name }) => name.startsWith('chaos/'))
const tests = code.filter(({ name }) => name.startsWith('test/'))

function checkSizes() {
  for (const { path, lines } of [...src, ...chaos]) {
    if (lines.length > LIMITS.srcFile) report(path, 0, `${lines.length} lines, at most ${LIMITS.srcFile}`)
  }
  for (const { path, lines } of tests) {
    if (lines.length > LIMITS.testFile) report(path, 0, `${lines.length} lines, at most ${LIMITS.testFile}`)
  }
  const sizes = src.map(({ lines }) => lines.length).sort((a, b) => a - b)
  const at = (share) => sizes[Math.max(0, Math.ceil(sizes.length * share) - 1)] ?? 0
  if (at(0.9) > LIMITS.srcNineInTen) {
    const long = src.filter(({ lines }) => lines.length > LIMITS.srcNineInTen).map(({ name }) => name)
    const rule = `nine in ten files of src must be within ${LIMITS.srcNineInTen} lines, the 90th percentile is ${at(0.9)}`
    report(join(root, 'src'), 0, `${rule}; longer: ${long.join(', ')}`)
  }
  return { median: at(0.5), nineInTen: at(0.9) }
}

/** `// tidy: long` excuses its own line or the next; `// tidy: long 7` the next seven. */
function checkColumns() {
  let excused = 0
  for (const { path, lines } of [...src, ...chaos]) {
    let excuse = 0
    lines.forEach((line, index) => {
      const comment = /\/\/ tidy: long(?: (\d+))?/.exec(line)
      if (comment && line.trim().startsWith('//')) excuse = Number(comment[1] ?? 1) + 1
      if (line.length > LIMITS.columns) {
        if (excuse > 0 || comment) excused += 1
        else report(path, index + 1, `${line.length} columns, at most ${LIMITS.columns} (\`// tidy: long\` for SQL and patterns)`)
      }
      excuse = Math.max(0, excuse - 1)
    })
  }
  return excused
}

function checkNames() {
  for (const { path, name } of [...src, ...chaos]) {
    const words = name.split('/').slice(1).flatMap((part) => basename(part).split(/[^A-Za-z]+|(?=[A-Z])/))
    const banned = words.find((word) => BANNED_NAMES.has(word.toLowerCase()))
    if (banned) report(path, 0, `named "${banned}": name the file after the thing it exports`)
  }
}

function checkLeftovers() {
  for (const { path, name, lines } of all) {
    if (/package-lock\.json$/.test(name) || name.startsWith('.git')) continue
    lines.forEach((line, index) => {
      const found = LEFTOVER.exec(line)
      if (found) report(path, index + 1, `leftover ${found[0]}`)
    })
  }
  for (const { path, lines } of code) {
    lines.forEach((line, index) => {
      if (/eslint-disable/.test(line) && !/eslint-disable.* -- \S/.test(line) && path !== import.meta.filename) {
        report(path, index + 1, 'a disabled lint rule needs its reason: `-- reason`')
      }
    })
  }
}

/** `.only` and `.todo` never; `.skip`, `.skipIf` and `.runIf` with `// reason: …` beside or above. */
function checkSkips() {
  for (const { path, lines } of [...tests, ...src.filter(({ name }) => name.startsWith('src/testkit/'))]) {
    lines.forEach((line, index) => {
      const call = /\b(?:test|it|describe|suite)(?:\.\w+)*?\.(only|todo|skip|skipIf|runIf)\b/.exec(line)
      if (call && (call[1] === 'only' || call[1] === 'todo')) report(path, index + 1, `${call[0]} must not be committed`)
      else if (call && !/\/\/ reason: \S/.test(`${lines[index - 1] ?? ''}\n${line}`)) {
        report(path, index + 1, `${call[0]} needs \`// reason: …\` beside or above it`)
      }
      if (/\bskip\(\s*\)/.test(line)) report(path, index + 1, "skip() needs its reason: skip('…')")
    })
  }
}

const { median, nineInTen } = checkSizes()
const excused = checkColumns()
checkNames()
checkLeftovers()
checkSkips()
for (const file of code.filter(({ name }) => /^(?:src|scripts|chaos)\//.test(name))) checkFunctions(file, report)
const markdown = all.filter(({ name }) => name.endsWith('.md'))
for (const file of markdown) checkMarkdown(file, root, report)

for (const problem of problems.sort()) console.error(problem)
const size = `${src.length} files in src (median ${median} lines, nine in ten within ${nineInTen})`
const rest = `${chaos.length} in chaos, ${tests.length} in test, ${markdown.length} Markdown, ${excused} excused long lines`
console.log(`tidy: ${problems.length === 0 ? 'ok' : `${problems.length} to fix`}; ${size}, ${rest}`)
process.exit(problems.length === 0 ? 0 : 1)
