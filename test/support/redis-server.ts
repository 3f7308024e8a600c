/** A Redis server of a test's own, with an append-only file. It can be killed, and started again on what it has left. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.js'

const PROGRAM = process.env['WAYBILL_TEST_REDIS'] ?? 'redis-server'
const START_TIMEOUT_MS = 10_000

/** Why no server can be started here, or undefined. Under WAYBILL_CI it is required. */
export function redisMissing(): string | undefined {
  const { status, error } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  if (status === 0) return undefined
  const reason = `${PROGRAM} does not run: ${error?.message ?? `exit status ${status}`}`
  if (process.env['WAYBILL_CI']) throw new Error(reason)
  console.warn(`${reason}: Redis tests are skipped.`)
  return reason
}

export class RedisServer {
  readonly url: string
  readonly port: number
  readonly #base: string
  readonly #settings: readonly string[]
  #process: ChildProcess | undefined

  private constructor(base: string, port: number, settings: readonly string[]) {
    this.#base = base
    this.port = port
    this.#settings = settings
    this.url = `redis://127.0.0.1:${port}`
  }

  /** `settings`: more arguments of the program. */
  static async create(settings: readonly string[] = []): Promise<RedisServer> {
    const base = fs.mkdtempSync(join(tmpdir(), 'waybill-redis-'))
    const server = new RedisServer(base, await freePort(), settings)
    await server.start()
    return server
  }

  /** As servers since 7.0 lay it out, and as long as it is not rewritten. */
  get appendOnlyFile(): string {
    return join(this.#base, 'appendonlydir', 'appendonly.aof.1.incr.aof')
  }

  async start(): Promise<void> {
    const log = fs.openSync(join(this.#base, 'log'), 'a')
    const child = spawn(PROGRAM, [
      '--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#base, '--save', '', '--appendonly', 'yes',
      '--appendfsync', 'always', ...this.#settings,
    ], { stdio: ['ignore', log, log] })
    fs.closeSync(log)
    this.#process = child
    const deadline = performance.now() + START_TIMEOUT_MS
    while (!await isReady(this.port)) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await this[Symbol.asyncDispose]()
        throw new Error(`${PROGRAM} did not start`)
      }
      await sleep(10)
    }
  }

  /** As the power would: nothing is written any more. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Ends the process and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    fs.rmSync(this.#base, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** It accepts connections before it has read its file. */
function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (answer) => {
      resolve(answer.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}
