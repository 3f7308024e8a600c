/** The program for tests: in this process, or built and started as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import ts from 'typescript'
import type { Io, StopSignal } from '../../src/cli/io.js'
import { run } from '../../src/cli/run.js'

const ROOT = resolve(import.meta.dirname, '../..')

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What comes on stdin. Default nothing. */
  readonly input?: string | Uint8Array
  /** The width of the terminal; undefined means that nobody looks. */
  readonly columns?: number
  /** How high it is. */
  readonly rows?: number
  /** How far the program's clock goes at each look; undefined means the real one. */
  readonly tickMs?: number
  /** Receives the function that sends a signal. */
  readonly onListen?: (send: (signal: StopSignal) => void) => void
  /** Called with each piece of stdout. */
  readonly onOutput?: (text: string) => void
}

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly bytes: Buffer
}

/** Runs the program in this process. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const out: Buffer[] = []
  const err: string[] = []
  let ticks = 0
  const listeners = new Set<(signal: StopSignal) => void>()
  const io: Io = {
    stdout: {
      write(chunk) {
        out.push(Buffer.from(chunk))
        options.onOutput?.(String(chunk))
      },
    },
    stderr: { write: (chunk) => err.push(String(chunk)) },
    input: async () => Buffer.from(options.input ?? ''),
    env: options.env ?? {},
    cwd: options.cwd ?? ROOT,
    isTerminal: options.columns !== undefined,
    columns: () => options.columns,
    rows: () => options.rows,
    onStop(listener) {
      listeners.add(listener)
      options.onListen?.((signal) => [...listeners].forEach((each) => each(signal)))
      return () => void listeners.delete(listener)
    },
    now: () => options.tickMs === undefined ? Date.now() : (ticks += options.tickMs),
  }
  const code = await run(argv, io)
  if (listeners.size > 0) throw new Error('the program still listens for signals')
  const bytes = Buffer.concat(out)
  return { code, stdout: bytes.toString(), stderr: err.join(''), bytes }
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'waybill-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

export interface BuiltProgram {
  /** What stands for the installed package. */
  readonly package: string
  start(argv: readonly string[], options: { readonly cwd: string }): StartedProgram
  /** A script that imports the package. */
  startNode(argv: readonly string[], cwd: string): StartedProgram
  remove(): void
}

export interface StartedProgram {
  readonly process: ChildProcess
  readonly ended: Promise<RunResult & { readonly signal: NodeJS.Signals | null }>
}

/** Translates the sources without checking them, into a folder that resolves packages as this one does. */
export function buildProgram(): BuiltProgram {
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache', 'cli-test-'))
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  for (const name of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const target = join(folder, 'dist', name.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, translate(join(ROOT, 'src', name)))
  }
  return {
    package: folder,
    start: (argv, { cwd }) => startNode([join(folder, 'dist', 'cli', 'main.js'), ...argv], cwd),
    startNode,
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function translate(path: string): string {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    fileName: path,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  return outputText
}

function startNode(argv: readonly string[], cwd: string): StartedProgram {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] }
  const child = spawn(process.execPath, [...argv], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = (async () => {
    const [stdout, stderr, [code, signal]] = await Promise.all([
      // A test may close it early.
      text(child.stdout).catch(() => ''), text(child.stderr), once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ])
    return { code: code ?? -1, signal, stdout, stderr, bytes: Buffer.from(stdout) }
  })()
  return { process: child, ended }
}
