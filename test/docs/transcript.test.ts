/**
 * The transcript of docs/dead-letters.md, made anew: its commands run one after another on a fresh SQLite file, with
 * the program and the example as they are now. What differs from run to run is written as the page has it: the tag in
 * the ids, times, ages, and so the width of columns.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildProgram, temporaryFolder, type BuiltProgram } from '../cli/program.js'
import { root } from './named-tests.js'

const PAGE = 'docs/dead-letters.md'
const EXAMPLE = 'examples/dead-letters.ts'
const ID = /\b([0-9a-z]{8})-([0-7][0-9a-v]{12})\b/g

interface Step {
  readonly command: string
  readonly output: string
}

/** The block that begins with `$ `, a step for each such line. */
function stepsOf(page: string): readonly Step[] {
  const [, block = ''] = /```console transcript\n([\s\S]*?)\n```/.exec(page) ?? []
  return block.split(/^\$ /m).slice(1).map((step) => {
    const [command = '', ...output] = step.split('\n')
    return { command, output: output.join('\n').trimEnd() }
  })
}

/** Words, where single quotes keep spaces. */
function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** Of the first id in it. */
function tagIn(text: string): string | undefined {
  return [...text.matchAll(ID)][0]?.[1]
}

function normal(output: string): string {
  return output.trimEnd().replace(ID, 'tag-$2')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'time').replace(/\b\d+ (?:ms|s|m|h|d) ago/g, 'age ago')
    .replace(/ {2,}/g, '  ').replace(/^ +/gm, '')
}

let program: BuiltProgram
const folder = temporaryFolder()

beforeAll(() => {
  program = buildProgram()
  // Beside the built package, so that `waybill` is that.
  const { outputText } = ts.transpileModule(readFileSync(join(root, EXAMPLE), 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  writeFileSync(join(program.package, 'dead-letters.js'), outputText)
  writeFileSync(join(folder.path, 'waybill.config.mjs'), `export const config = { url: 'sqlite:shop.db' }\n`)
})
afterAll(() => {
  program.remove()
  folder.remove()
})

test('the commands of the page print what it says', async () => {
  const steps = stepsOf(readFileSync(join(root, PAGE), 'utf8'))
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual(expect.arrayContaining(
    ['waybill dead list', 'waybill dead show', 'waybill dead redrive']))
  const theirs = tagIn(steps.map(({ output }) => output).join('\n')) ?? 'none'
  let tag = theirs
  for (const { command, output } of steps) {
    const [name, ...argv] = wordsOf(command.replaceAll(theirs, tag))
    const { ended } = name === 'waybill' ? program.start(argv, { cwd: folder.path })
      : program.startNode(argv.map((each) => (each === 'dead-letters.js' ? join(program.package, each) : each)), folder.path)
    const { stdout, stderr } = await ended
    tag = tagIn(stdout) ?? tag
    expect(normal(`${stdout}${stderr}`), command).toBe(normal(output))
  }
}, 120_000)
